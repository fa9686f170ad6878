import type { Action, ActionContext, Mandate } from '../../domain/action.ts';
import { typed } from '../failure.ts';
import { apply } from './block-images/apply.ts';
import { actionName, inputSchema, outputs, type BlockInput } from './block-images/contract.ts';
import { alwaysNotCovered } from './block-images/limits.ts';
import { blockPermissions } from './block-images/permissions.ts';
import { plan } from './block-images/plan.ts';
import { mandated, type Work } from './block-images/target.ts';
import { undo } from './block-images/undo.ts';
import { verify } from './block-images/verify.ts';
import type { KubernetesOptions } from './quarantine-namespace.ts';

/** Has admission refuse denied digests in the whole cluster, and in covered namespaces whatever is not on a list of digests. */
export function blockImages({
  clusters,
  responderGroup,
  imagePolicy = async () => undefined,
}: Pick<KubernetesOptions, 'clusters' | 'responderGroup' | 'imagePolicy'>): Action<BlockInput> {
  const work = (context: ActionContext, mandate: Mandate<BlockInput>): Work => ({
    ...mandated(mandate),
    cluster: clusters(mandate.input.cluster),
    context,
    responderGroup,
  });
  return {
    name: actionName,
    title: 'Block images',
    summary:
      'Has the API server refuse pods, and templates of pods, whose images name a denied digest, in every namespace that is not protected; and in covered namespaces every image that is ' +
      'not pinned to a digest of a list. Controllers are not exempt. Pods that run go on, unless they are to be replaced. The release takes the refusal away.',
    effect: 'contain',
    input: inputSchema,
    outputs,
    permissions: blockPermissions,
    notCovered: alwaysNotCovered,
    timing: {
      planMs: 30_000,
      applyMs: 180_000,
      verifyMs: 60_000,
      undoMs: 120_000,
      heartbeatMs: 10_000,
      attempts: 5,
    },
    holds: true,
    plan: (context, { input }) => typed(() => plan(clusters(input.cluster), responderGroup, context, input)),
    apply: (context, mandate) => typed(() => apply(work(context, mandate), mandate, imagePolicy)),
    verify: (context, mandate) => typed(() => verify(work(context, mandate))),
    undo: (context, mandate) => typed(() => undo(work(context, mandate))),
  };
}
