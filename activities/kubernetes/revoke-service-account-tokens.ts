import type { Action } from '../../domain/action.ts';
import { typed } from '../failure.ts';
import type { ClusterRegistry } from './client.ts';
import { noUndo } from './no-undo.ts';
import { apply } from './service-account/apply.ts';
import { action, input, notCovered, outputs, type RevokeInput } from './service-account/contract.ts';
import { permissions } from './service-account/permissions.ts';
import { plan } from './service-account/plan.ts';
import { verify } from './service-account/verify.ts';

/** Ends every token of a ServiceAccount by making the account again, and restarts what ran with them. */
export function revokeServiceAccountTokens({ clusters }: { clusters: ClusterRegistry }): Action<RevokeInput> {
  return {
    name: action,
    title: 'Revoke the tokens of a ServiceAccount',
    summary:
      'Deletes a ServiceAccount and makes it again with its labels, annotations, pull secrets and settings: every token that was issued for it is refused from then on, ' +
      'which is measured with a token of its own. Clean workloads that use the account are restarted one pod after another; suspects, bare pods and Jobs are named and left.',
    effect: 'irreversible',
    evidence: 'destroys',
    holds: false,
    input,
    outputs,
    permissions,
    notCovered,
    timing: {
      planMs: 30_000,
      applyMs: 900_000,
      verifyMs: 300_000,
      undoMs: 10_000,
      heartbeatMs: 30_000,
      attempts: 5,
    },
    plan: (context, request) => typed(() => plan(clusters(request.input.cluster), context, request.input)),
    apply: (context, mandate) => typed(() => apply(clusters(mandate.input.cluster), context, mandate)),
    verify: (context, mandate) => typed(() => verify(clusters(mandate.input.cluster), context, mandate)),
    undo: noUndo('a token that was revoked cannot be made good again'),
  };
}
