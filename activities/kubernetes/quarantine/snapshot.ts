import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import type { NetworkPolicy } from '../network-policy.ts';
import type { KubernetesObject } from '../resources.ts';
import { isDeny } from './deny.ts';
import { quarantinePolicyName } from './marks.ts';
import { removable } from './policies.ts';

/** The API's objects as they are before any change: the base of an undo. */
export interface Snapshot {
  v: 1;
  cluster: string;
  /** RFC 3339 UTC. */
  takenAt: string;
  namespace: KubernetesObject;
  networkPolicies: NetworkPolicy[];
}

const isObject = (value: unknown) => named.safeParse(value).success;
const named = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
});
const shape = z.object({
  v: z.literal(1),
  cluster: z.string(),
  takenAt: z.string(),
  namespace: z.custom<KubernetesObject>(isObject),
  networkPolicies: z.array(z.custom<NetworkPolicy>(isObject)),
});

export async function storeSnapshot(context: ActionContext, snapshot: Snapshot): Promise<EvidenceRef> {
  return context.evidence.put(JSON.stringify(snapshot), 'application/json', { essential: true });
}

/** @throws when the evidence store does not have it, or has other bytes, or they are no snapshot. */
export async function loadSnapshot(context: ActionContext, base: EvidenceRef): Promise<Snapshot> {
  return shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(base))));
}

/**
 * What a release puts back: what was removed, and what bore the deny's name and was overwritten. A policy that was on its way out when the snapshot was
 * taken is not.
 */
export function toRestore({ namespace, networkPolicies }: Snapshot): NetworkPolicy[] {
  const target = { namespace: namespace.metadata.name, uid: namespace.metadata.uid ?? '' };
  const overwritten = networkPolicies.filter(
    (policy) => policy.metadata.name === quarantinePolicyName && !isDeny(policy, target),
  );
  return [...removable(networkPolicies), ...overwritten].filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
}
