import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import type { NetworkPolicy } from '../network-policy.ts';
import type { KubernetesObject } from '../resources.ts';
import { isDeny } from './deny.ts';
import { quarantinePolicyName } from './marks.ts';
import { removable } from './policies.ts';
import { digestShape } from '../shapes.ts';

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
const policies = z.array(z.custom<NetworkPolicy>(isObject));
const shape = z.object({
  v: z.literal(1),
  cluster: z.string(),
  takenAt: z.string(),
  namespace: z.custom<KubernetesObject>(isObject),
  networkPolicies: policies,
  more: z.array(z.object({ digest: digestShape })).optional(),
});

/** Well below what a store takes as one artefact: a tenant may make policies of any number and size. */
const PART_BYTES = 8 * 1024 * 1024;

/** Stores a snapshot, its policies in several artefacts where they are many or large. */
export async function storeSnapshot(context: ActionContext, snapshot: Snapshot): Promise<EvidenceRef> {
  const put = (text: string) => context.evidence.put(text, 'application/json', { essential: true });
  const { networkPolicies, ...head } = snapshot;
  const parts: string[][] = [[]];
  let size = 0;
  for (const policy of networkPolicies) {
    const text = JSON.stringify(policy);
    size += text.length;
    if (size > PART_BYTES) {
      parts.push([]);
      size = text.length;
    }
    parts.at(-1)?.push(text);
  }
  const [first, ...rest] = parts.map((texts) => `[${texts.join(',')}]`);
  const more: EvidenceRef[] = [];
  for (const part of rest) more.push(await put(part));
  const whole = { ...head, ...(more.length === 0 ? {} : { more }) };
  return put(`${JSON.stringify(whole).slice(0, -1)},"networkPolicies":${first ?? '[]'}}`);
}

/** @throws when the evidence store does not have it, or has other bytes, or they are no snapshot. */
export async function loadSnapshot(context: ActionContext, base: EvidenceRef): Promise<Snapshot> {
  const read = async (ref: Pick<EvidenceRef, 'digest'>): Promise<unknown> =>
    JSON.parse(new TextDecoder().decode(await context.evidence.get(ref)));
  const { more, ...snapshot } = shape.parse(await read(base));
  for (const part of more ?? []) snapshot.networkPolicies.push(...policies.parse(await read(part)));
  return snapshot;
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
