import { z } from 'zod';
import type { ActionContext, Mandate, Target } from '../../../domain/action.ts';
import { canonical, digest, type Digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { drift, refused } from '../quarantine/failures.ts';
import { find } from '../quarantine/write.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import type { RestartRequest } from '../restart/restart.ts';
import { usesSecret } from '../restart/uses.ts';
import { action, type RotateInput } from './contract.ts';

/** A Secret as the API sends it: its data must not leave the verb that read it. */
export interface KubernetesSecret extends KubernetesObject {
  type?: string;
  immutable?: boolean;
  /** Base64. */
  data?: { [key: string]: string };
}

/** What is kept of a Secret: neither values nor annotations, for `kubectl apply` copies values there. */
const shape = z.object({
  v: z.literal(1),
  cluster: z.string(),
  /** RFC 3339 UTC. */
  takenAt: z.string(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  type: z.string(),
  keys: z.array(z.string()),
});
export type Snapshot = z.infer<typeof shape>;

/** Whose rotation it was: written with the value, so a retry finds it. */
export const rotatedFor = 'firebreak.dev/rotated-for';

export function secretAt({ namespace, secret }: Pick<RotateInput, 'namespace' | 'secret'>) {
  return { ...resources.secrets, namespace, name: secret };
}

export function labelOf({ namespace, secret }: Pick<RotateInput, 'namespace' | 'secret'>): string {
  return `secrets/${namespace}/${secret}`;
}

export function findSecret(
  cluster: Cluster,
  input: Pick<RotateInput, 'namespace' | 'secret'>,
  signal: AbortSignal,
): Promise<KubernetesSecret | undefined> {
  return find<KubernetesSecret>(cluster, secretAt(input), signal);
}

export function snapshotOf(
  cluster: string,
  takenAt: string,
  { metadata, type, data }: KubernetesSecret,
): Snapshot {
  const { namespace = '', name, uid = '', resourceVersion = '' } = metadata;
  const keys = Object.keys(data ?? {}).toSorted();
  return { v: 1, cluster, takenAt, namespace, name, uid, resourceVersion, type: type ?? 'Opaque', keys };
}

/** What a person approves exactly: this Secret as it is now, and all that the input says. */
export function exactOf({ uid, resourceVersion }: Snapshot, input: RotateInput): Digest {
  return digest({ uid, resourceVersion, input });
}

/**
 * The one Secret of a mandate, as it was planned.
 * @throws Refused when the authority is not for what the input says; Drift when the snapshot is not what was approved
 */
export async function mandatedSecret(
  context: ActionContext,
  { authority, input, base }: Mandate<RotateInput>,
): Promise<{ target: Target; snapshot: Snapshot }> {
  const [target, ...more] = authority.targets;
  if (
    target === undefined ||
    more.length > 0 ||
    target.kind !== 'Secret' ||
    target.cluster !== input.cluster ||
    target.namespace !== input.namespace ||
    target.name !== input.secret
  ) {
    throw refused(`the authority is not for ${labelOf(input)} in cluster ${input.cluster}`);
  }
  const snapshot = shape.parse(JSON.parse(new TextDecoder().decode(await context.evidence.get(base))));
  if (snapshot.uid !== target.uid || exactOf(snapshot, input) !== authority.exact)
    throw drift('the snapshot', 'is not of what was approved');
  return { target, snapshot };
}

export async function storeSnapshot(context: ActionContext, snapshot: Snapshot) {
  return context.evidence.put(canonical(snapshot), 'application/json', { essential: true });
}

export function markOf(mandate: Pick<Mandate, 'incident' | 'step' | 'authority'>): string {
  const { incident, step, authority } = mandate;
  return digest({ action, incident, step, authority }).slice('sha256:'.length, 'sha256:'.length + 16);
}

export function isRotated({ metadata }: KubernetesSecret, mark: string): boolean {
  return metadata.annotations?.[rotatedFor] === mark;
}

export function usersOf({
  namespace,
  secret,
  key,
  suspects = {},
}: RotateInput): Omit<RestartRequest, 'cap' | 'waveMs'> {
  return { namespace, uses: usesSecret(secret, key), spared: suspects };
}
