import type { ActionContext, Claim, Mandate } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { named } from './left.ts';
import { restartedBy, restartMark, type RestartRequest } from './restart.ts';
import { awaitRollouts } from './rollout.ts';
import { labelOf } from '../workload/kinds.ts';

/**
 * Claims about a restart: whether the pods of what was restarted are new and available, waited for within `withinMs`, and what was not restarted.
 * `what` names what the pods should use now, `the new token`.
 */
export async function verifyRestarts(
  context: ActionContext,
  cluster: Cluster,
  mandate: Pick<Mandate, 'incident' | 'step' | 'authority'>,
  request: Omit<RestartRequest, 'cap' | 'waveMs'> & { what: string; withinMs: number },
): Promise<Claim[]> {
  const { namespace, what, withinMs } = request;
  const found = await restartedBy(cluster, restartMark(mandate), request, context.signal);
  const { late, waitedMs } = await awaitRollouts(context, cluster, found.restarted, withinMs);
  const claims: Claim[] = [];
  if (found.restarted.length > 0) {
    claims.push({
      claim: `${found.restarted.length} workloads in ${namespace} were restarted, and run with ${what}`,
      verdict: late.length === 0 ? 'verified' : 'failed',
      detail:
        late.length === 0
          ? `all of their pods are new and available, after ${waitedMs} ms`
          : `after ${waitedMs} ms not yet: ${named(late.map(({ object, detail }) => `${object} (${detail})`))}`,
    });
  }
  const others = [...found.left.map(({ object, why }) => `${object} (${why})`), ...found.others.map(labelOf)];
  if (others.length > 0) {
    claims.push({
      claim: `everything else in ${namespace} that uses it runs with ${what}`,
      verdict: 'unverifiable',
      detail: `not restarted: ${named(others)}`,
    });
  }
  return claims;
}
