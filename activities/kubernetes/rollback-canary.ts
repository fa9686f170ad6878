import type { Action } from '../../domain/action.ts';
import type { ImageAssessor } from '../../domain/image.ts';
import type { ClusterRegistry } from './client.ts';
import { canaryAction, type RollbackInput } from './rollback/contract.ts';
import { canaryPermissions } from './rollback/permissions.ts';
import { rollback } from './rollback/verbs.ts';

/** Lets one pod of a workload run a known-good template, and holds it there. */
export function rollbackCanary(options: {
  clusters: ClusterRegistry;
  images: ImageAssessor;
}): Action<RollbackInput> {
  return {
    ...rollback(canaryAction, options),
    title: 'Roll back one pod',
    summary:
      'Gives a workload the template and the images of an earlier revision, so that exactly one pod becomes new, and holds it there: a Deployment paused, a StatefulSet with a partition, ' +
      'a DaemonSet that replaces what is deleted only. Images are judged at plan and again right before the change, and every digest that the pod runs is compared.',
    permissions: canaryPermissions,
  };
}
