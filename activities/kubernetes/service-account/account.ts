import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { canonical } from '../../../domain/json.ts';
import { meaning } from '../quarantine/marks.ts';
import { resources, type KubernetesObject, type ObjectMeta, type OwnerReference } from '../resources.ts';

interface Named {
  name?: string;
}

/** A ServiceAccount as the API sends it. */
export interface ServiceAccount extends KubernetesObject {
  secrets?: Named[];
  imagePullSecrets?: Named[];
  automountServiceAccountToken?: boolean;
}

/** A Secret that holds a token of an account: its metadata only. */
export interface TokenSecret {
  name: string;
  uid: string;
  labels: { [key: string]: string };
  annotations: { [key: string]: string };
}

/** What the account was before any change: it is made again from this. */
export interface Snapshot {
  v: 1;
  cluster: string;
  /** RFC 3339 UTC. */
  takenAt: string;
  account: ServiceAccount;
  tokenSecrets: TokenSecret[];
}

const texts = z.record(z.string(), z.string());
const shape = z.object({
  v: z.literal(1),
  cluster: z.string(),
  takenAt: z.string(),
  account: z.custom<ServiceAccount>(
    (value) =>
      z
        .object({
          kind: z.literal('ServiceAccount'),
          metadata: z.object({ name: z.string(), uid: z.string() }),
        })
        .safeParse(value).success,
  ),
  tokenSecrets: z.array(z.object({ name: z.string(), uid: z.string(), labels: texts, annotations: texts })),
});

export async function storeSnapshot(context: ActionContext, snapshot: Snapshot): Promise<EvidenceRef> {
  return context.evidence.put(canonical(snapshot), 'application/json', { essential: true });
}

/** @throws when the evidence store does not have it, or has other bytes, or they are no snapshot. */
export async function loadSnapshot(context: ActionContext, base: EvidenceRef): Promise<Snapshot> {
  return shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(base))));
}

export function accountAt(namespace: string, name: string) {
  return { ...resources.serviceAccounts, namespace, name };
}

/** The account as it is to be made again. Owners that are gone are left out: it would be garbage-collected at once. */
export function madeAgain(account: ServiceAccount, owners: OwnerReference[]): ServiceAccount {
  const { metadata, ...rest } = meaning(account);
  const { ownerReferences: _, ...kept } = metadata;
  return {
    ...rest,
    metadata: { ...kept, ...(owners.length === 0 ? {} : { ownerReferences: owners }) },
  };
}

const lists = ['secrets', 'imagePullSecrets'] as const;

/** What an account has that the wanted one has otherwise, or not at all; empty when it can be completed to the wanted one. */
export function contradictions(actual: ServiceAccount, wanted: ServiceAccount): string[] {
  const found: string[] = [];
  for (const field of ['labels', 'annotations'] as const) {
    for (const [key, value] of Object.entries(actual.metadata[field] ?? {})) {
      if (wanted.metadata[field]?.[key] !== value) found.push(`metadata.${field}[${key}]`);
    }
  }
  const owners = new Set((wanted.metadata.ownerReferences ?? []).map(({ uid }) => uid));
  if (actual.metadata.ownerReferences?.some(({ uid }) => !owners.has(uid)) === true)
    found.push('metadata.ownerReferences');
  if (
    actual.metadata.finalizers?.some((each) => wanted.metadata.finalizers?.includes(each) !== true) === true
  )
    found.push('metadata.finalizers');
  for (const [field, value] of Object.entries(actual)) {
    if (['apiVersion', 'kind', 'metadata', 'status', ...lists].includes(field)) continue;
    if (canonical(value) !== canonical(wanted[field] ?? null)) found.push(field);
  }
  return found;
}

/** What the wanted account has and an account lacks. More entries of `secrets` and `imagePullSecrets` do no harm: controllers add some. */
export function lacking(actual: ServiceAccount, wanted: ServiceAccount): string[] {
  const found: string[] = [];
  for (const field of ['labels', 'annotations'] as const) {
    for (const [key, value] of Object.entries(wanted.metadata[field] ?? {})) {
      if (actual.metadata[field]?.[key] !== value) found.push(`metadata.${field}[${key}]`);
    }
  }
  const owners = new Set((actual.metadata.ownerReferences ?? []).map(({ uid }) => uid));
  if (wanted.metadata.ownerReferences?.some(({ uid }) => !owners.has(uid)) === true)
    found.push('metadata.ownerReferences');
  if (
    wanted.metadata.finalizers?.some((each) => actual.metadata.finalizers?.includes(each) !== true) === true
  )
    found.push('metadata.finalizers');
  for (const [field, value] of Object.entries(wanted)) {
    if (['apiVersion', 'kind', 'metadata', 'status'].includes(field)) continue;
    const has = isList(field)
      ? (wanted[field] ?? []).every((entry) => holds(actual[field] ?? [], entry))
      : canonical(value) === canonical(actual[field] ?? null);
    if (!has) found.push(field);
  }
  return found;
}

/** A merge patch that completes an account to the wanted one, and keeps what its lists have beside. */
export function completion(actual: ServiceAccount, wanted: ServiceAccount): object {
  const { uid, resourceVersion } = actual.metadata;
  const { name: _, namespace: __, ...fields } = wanted.metadata;
  const metadata: Partial<ObjectMeta> = { ...fields };
  if (uid !== undefined) metadata.uid = uid;
  if (resourceVersion !== undefined) metadata.resourceVersion = resourceVersion;
  const { apiVersion: ___, kind: ____, metadata: _____, ...rest } = wanted;
  const merged = lists.flatMap((field) => {
    const all = wanted[field];
    if (all === undefined) return [];
    return [[field, [...all, ...(actual[field] ?? []).filter((entry) => !holds(all, entry))]] as const];
  });
  return { ...rest, ...Object.fromEntries(merged), metadata };
}

function isList(field: string): field is (typeof lists)[number] {
  return lists.some((list) => list === field);
}

function holds(entries: readonly Named[], entry: Named): boolean {
  return entries.some((each) => canonical(each) === canonical(entry));
}
