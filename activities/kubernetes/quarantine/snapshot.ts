import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import type { Cluster } from '../client.ts';
import { allowsAnything, type NetworkPolicy } from '../network-policy.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { isMarked, quarantinePolicyName } from './marks.ts';

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

/** Policies that a quarantine removes: all that allow something, but never its own. */
export function removable(policies: readonly NetworkPolicy[], namespaceUid: string): NetworkPolicy[] {
  return policies.filter((policy) => !isOwn(policy, namespaceUid) && allowsAnything(policy));
}

/** What a release puts back. A policy that was on its way out when the snapshot was taken is not. */
export function toRestore(snapshot: Snapshot): NetworkPolicy[] {
  const uid = snapshot.namespace.metadata.uid ?? '';
  return removable(snapshot.networkPolicies, uid).filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  );
}

/** Our deny-all, even when somebody has put rules into it: it is repaired, not removed. */
export function isOwn(policy: KubernetesObject, namespaceUid: string): boolean {
  return policy.metadata.name === quarantinePolicyName && isMarked(policy, namespaceUid);
}

export async function listPolicies(
  cluster: Cluster,
  namespace: string,
  signal: AbortSignal,
): Promise<NetworkPolicy[]> {
  return (await cluster.list<NetworkPolicy>({ ...resources.networkPolicies, namespace }, { signal })).items;
}
