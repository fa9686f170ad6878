import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { Secret, SecretStore } from '../../../domain/secret.ts';
import type { ClusterRegistry } from '../../kubernetes/client.ts';
import type { Account, AwsCredential } from '../accounts.ts';
import { refused, targetGone } from '../containment/failures.ts';
import { readPrincipal, supportsOf, type Place, type Principal } from '../containment/principal.ts';
import type { AwsOptions } from '../options.ts';
import { keyIn } from './credential.ts';
import type { Input } from './input.ts';

export interface RotateOptions extends Pick<AwsOptions, 'accounts' | 'clusters' | 'secrets'> {
  /** How long IAM may take to show a key that was made, and its maker to store it. Milliseconds. */
  settleMs?: number;
}

const key = z.object({ id: z.string(), status: z.enum(['Active', 'Inactive']), createdAt: z.string() });

const shape = z.object({
  v: z.literal(1),
  account: z.string(),
  /** RFC 3339 UTC. */
  takenAt: z.string(),
  user: z.object({ name: z.string(), arn: z.string(), id: z.string() }),
  old: key,
  /** Whether the secret held the old key, or nothing. */
  stored: z.boolean(),
});
/** What a rotation begins with. Holds no secret. */
export type Snapshot = z.infer<typeof shape>;

/** What a verb works on. */
export interface World {
  context: ActionContext;
  mandate: Mandate<Input>;
  place: Place;
  account: Account;
  clusters: ClusterRegistry;
  settleMs: number;
  user: Principal;
  base: Snapshot;
  store: SecretStore;
  path: string;
}

/** The world of a mandate, checked anew: the very user, not protected. @throws TargetGone, Refused */
export async function openWorld(
  options: RotateOptions,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<World> {
  const { input, incident, authority } = mandate;
  const account = options.accounts(input.account);
  const place: Place = { account, incident, signal: context.signal };
  const [user, bytes] = await Promise.all([
    readPrincipal(place, { kind: 'user', name: input.user }),
    context.evidence.get(mandate.base),
  ]);
  const base = shape.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const [target] = authority.targets;
  const what = `user ${user.name} in AWS account ${account.name}`;
  if (base.user.id !== user.id || target?.name !== user.arn)
    throw targetGone(what, 'is another one than was approved: one of the same name was made since');
  if (target.uid !== input.accessKeyId || base.old.id !== input.accessKeyId)
    throw refused(`access key ${input.accessKeyId}`, ['the authority is for another key']);
  const reasons = await supportsOf(place, user);
  if (reasons.length > 0) throw refused(what, reasons);
  const { clusters, secrets, settleMs = 30_000 } = options;
  return { context, mandate, place, account, clusters, settleMs, user, base, ...secrets(input.secret) };
}

export interface Stored {
  value: Secret;
  version: string;
  /** undefined: it is something else than a key. */
  key: AwsCredential | undefined;
}

/** What the secret holds. */
export async function readStored({
  store,
  path,
  place,
}: Pick<World, 'store' | 'path' | 'place'>): Promise<Stored | undefined> {
  const stored = await store.read(path, place);
  return stored === undefined ? undefined : { ...stored, key: keyIn(stored.value) };
}

/** The key that the last write replaced. */
export async function readPrevious({
  store,
  path,
  place,
}: World): Promise<{ value: Secret; key: AwsCredential } | undefined> {
  const value = await store.previous(path, place);
  const key = value === undefined ? undefined : keyIn(value);
  return value === undefined || key === undefined ? undefined : { value, key };
}
