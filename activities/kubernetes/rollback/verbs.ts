import type { Action } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { typed } from '../../failure.ts';
import type { ClusterRegistry } from '../client.ts';
import { apply } from './apply.ts';
import { input, notCovered, outputs, type RollbackAction, type RollbackInput } from './contract.ts';
import { plan } from './plan.ts';
import { undo } from './undo.ts';
import { verify } from './verify.ts';

/** What both rollbacks have in common: all but who they are and what they ask for. */
export function rollback(
  name: RollbackAction,
  { clusters, images }: { clusters: ClusterRegistry; images: ImageAssessor },
): Omit<Action<RollbackInput>, 'title' | 'summary' | 'permissions'> {
  return {
    name,
    effect: 'reversible',
    evidence: 'destroys',
    holds: false,
    input,
    outputs,
    notCovered,
    timing: {
      planMs: 60_000,
      // Twice the longest wait, and the writes.
      applyMs: 3_900_000,
      verifyMs: 60_000,
      undoMs: 600_000,
      heartbeatMs: 30_000,
      attempts: 5,
    },
    plan: (context, request) =>
      typed(() => plan(name, clusters(request.input.cluster), images, context, request)),
    apply: (context, mandate) =>
      typed(() => apply(name, clusters(mandate.input.cluster), images, context, mandate)),
    verify: (context, mandate) =>
      typed(() => verify(name, clusters(mandate.input.cluster), images, context, mandate)),
    undo: (context, mandate) =>
      typed(() => undo(name, clusters(mandate.input.cluster), images, context, mandate)),
  };
}
