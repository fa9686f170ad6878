import type { Change, Claim, Mandate } from '../../../domain/action.ts';
import { usesSecret } from '../../kubernetes/restart/uses.ts';
import { leftUnavailable, named } from '../../kubernetes/restart/left.ts';
import { restartedBy, restartMark, restartUsers } from '../../kubernetes/restart/restart.ts';
import { awaitRollouts } from '../../kubernetes/restart/rollout.ts';
import { verifyRestarts } from '../../kubernetes/restart/verify.ts';
import { consumersLate } from './failures.ts';
import type { World } from './world.ts';

const mostWorkloads = 200;
const waveMs = 60_000;
const withinMs = 120_000;

export interface Consumers {
  changes: Change[];
  already: number;
  workloads: number;
  unavailable: { what: string; why: string }[];
}

/** What is looked for in a cluster, where the secret is one of Kubernetes. */
function consumersIn({ store, path, clusters }: Pick<World, 'store' | 'path' | 'clusters'>) {
  const at = store.kubernetes?.(path);
  if (at === undefined) return undefined;
  const request = { namespace: at.namespace, uses: usesSecret(at.secret, at.key), spared: {} };
  return { cluster: clusters(at.cluster), request };
}

/**
 * Restarts the workloads that take the secret, and waits until they have come up. A secret elsewhere has no consumers that could be found.
 * @throws FB3344, to be tried again, when they are late
 */
export async function restartConsumers(world: World, mandate: Mandate = world.mandate): Promise<Consumers> {
  const found = consumersIn(world);
  if (found === undefined) return { changes: [], already: 0, workloads: 0, unavailable: [] };
  const { cluster, request } = found;
  const { context } = world;
  const { changes, already, workloads, left } = await restartUsers(context, cluster, mandate, {
    ...request,
    cap: mostWorkloads,
    waveMs,
  });
  const { restarted } = await restartedBy(cluster, restartMark(mandate), request, context.signal);
  const { late } = await awaitRollouts(context, cluster, restarted, withinMs);
  if (late.length > 0) throw consumersLate(named(late.map(({ object, detail }) => `${object} (${detail})`)));
  return { changes, already, workloads, unavailable: leftUnavailable(left) };
}

export async function consumersClaims(world: World): Promise<Claim[]> {
  const found = consumersIn(world);
  if (found === undefined) {
    const claim = `every consumer reads the new value of secret ${world.mandate.input.secret}`;
    const detail = 'who reads it there cannot be seen: watch the last use of the old key';
    return [{ claim, verdict: 'unverifiable', detail }];
  }
  return verifyRestarts(world.context, found.cluster, world.mandate, {
    ...found.request,
    what: 'the new key',
    withinMs,
  });
}
