import type { Action } from '../../domain/action.ts';
import { typed } from '../failure.ts';
import { noUndo } from './no-undo.ts';
import type { KubernetesOptions } from './quarantine-namespace.ts';
import { apply } from './secret/apply.ts';
import { action, input, notCovered, outputs, type RotateInput } from './secret/contract.ts';
import { permissions } from './secret/permissions.ts';
import { plan } from './secret/plan.ts';
import { verify } from './secret/verify.ts';

/** Gives a key of a Secret a new value, and restarts who uses it. */
export function rotateSecret({
  clusters,
  secrets,
}: Pick<KubernetesOptions, 'clusters' | 'secrets'>): Action<RotateInput> {
  return {
    name: action,
    title: 'Rotate a Secret',
    summary:
      'Replaces the value of one key of a Kubernetes Secret by a random one, or by that of another secret, and restarts the workloads that use it one pod after another. ' +
      'Where an endpoint is given, the old value is tried there before and after: it must be accepted, then refused. No value leaves the activity.',
    effect: 'irreversible',
    evidence: 'destroys',
    holds: false,
    input,
    outputs,
    permissions: [
      ...permissions,
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('read', 'apply') ?? []),
    ],
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: 900_000,
      verifyMs: 300_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 5,
    },
    plan: (context, request) =>
      typed(() => plan(clusters(request.input.cluster), secrets, context, request.input)),
    apply: (context, mandate) =>
      typed(() => apply(clusters(mandate.input.cluster), secrets, context, mandate)),
    verify: (context, mandate) => typed(() => verify(clusters(mandate.input.cluster), context, mandate)),
    undo: noUndo('the old value is not kept, for it is known to others; rotate again to replace the new one'),
  };
}
