import type { Action } from '../../domain/action.ts';
import type { ImageAssessor } from '../../domain/image.ts';
import type { ClusterRegistry } from './client.ts';
import { workloadAction, type RollbackInput } from './rollback/contract.ts';
import { workloadPermissions } from './rollback/permissions.ts';
import { rollback } from './rollback/verbs.ts';

/** Lets every pod of a workload run a known-good template, one of them first. */
export function rollbackWorkload(options: {
  clusters: ClusterRegistry;
  images: ImageAssessor;
}): Action<RollbackInput> {
  return {
    ...rollback(workloadAction, options),
    title: 'Roll back a workload',
    summary:
      'Gives a Deployment, a StatefulSet, a DaemonSet or a CronJob the template and the images of an earlier revision: one pod first, whose digests are compared, then the others by the workload’s own strategy. ' +
      'A canary that stands already is gone on from. What does not come up is held where it is. Its undo brings back the suspect images, and is asked for by itself.',
    undoApproval: 'own',
    permissions: workloadPermissions,
  };
}
