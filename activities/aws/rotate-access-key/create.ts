import { setTimeout as sleep } from 'node:timers/promises';
import { CreateAccessKeyCommand } from '@aws-sdk/client-iam';
import type { Intent } from '../../../domain/action.ts';
import { Secret } from '../../../domain/secret.ts';
import type { AwsCredential } from '../accounts.ts';
import { isAwsError } from '../errors.ts';
import { written } from './credential.ts';
import { notMade, otherValue, twoKeys } from './failures.ts';
import { listKeys, type Key } from './keys.ts';
import { discard, remove } from './orphan.ts';
import { readStored, type Stored, type World } from './world.ts';

/** Each is an intent of its own; a worker that is killed uses one up. */
const mostAttempts = 8;
const pollMs = 500;

export interface Made {
  credential: AwsCredential;
  /** Found, made and stored by an earlier run. */
  already: boolean;
  orphans: string[];
}

/**
 * Makes a key and stores it. CreateAccessKey shows the secret once and cannot be told to be the same call again. So each sending is intended, durably,
 * with the keys that were there; whoever comes after looks for a key that was not. One that is stored is the one; one that is not has lost its secret, and
 * is removed before another is made.
 */
export async function createAndStore(world: World): Promise<Made> {
  const { context, place, user, base } = world;
  const orphans: string[] = [];
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const [keys, stored] = await Promise.all([listKeys(place, user.name), readStored(world)]);
    const intent = await context.intend(`create key ${attempt}`, { known: keys.map(({ id }) => id) });
    const mine = storedOf(stored, newIn(keys, intent));
    if (mine !== undefined) return { credential: mine, already: true, orphans };
    if (stored !== undefined && stored.key?.accessKeyId !== base.old.id)
      throw otherValue(world.store.describe(world.path), base.old.id);
    let outcome: AwsCredential | 'unknown' = 'unknown';
    if (intent.first) {
      if (keys.length > 1) throw twoKeys(user.name, keys, base.old.id, context.now());
      outcome = await create(world);
    }
    if (outcome !== 'unknown') {
      await store(world, outcome, stored);
      return { credential: outcome, already: false, orphans };
    }
    for (const { id } of await appeared(world, intent)) {
      await discard(world, id, intent.at);
      orphans.push(id);
    }
    const left = await listKeys(place, user.name);
    // Known before any of our attempts, so not ours.
    if (left.length > 1) throw twoKeys(user.name, left, base.old.id, context.now());
  }
  throw notMade(user.name, mostAttempts);
}

/** Keys that were not there when it was intended to make one. */
function newIn(keys: readonly Key[], { data }: Intent): Key[] {
  const known = Array.isArray(data['known']) ? data['known'] : [];
  return keys.filter(({ id }) => !known.includes(id));
}

function storedOf(stored: Stored | undefined, keys: readonly Key[]): AwsCredential | undefined {
  return keys.some(({ id }) => id === stored?.key?.accessKeyId) ? stored?.key : undefined;
}

/** `unknown` when no answer came, or IAM says that there are two keys: then one may have been made that nobody has seen. */
async function create({ context, place, user }: World): Promise<AwsCredential | 'unknown'> {
  await context.beforeWrite('create key');
  try {
    const { iamOnce } = place.account.clients(place.incident);
    const { AccessKey: key } = await iamOnce.send(new CreateAccessKeyCommand({ UserName: user.name }), {
      abortSignal: place.signal,
    });
    const made = {
      accessKeyId: key?.AccessKeyId ?? '',
      // Known to the redaction from here on.
      secretAccessKey: new Secret(key?.SecretAccessKey ?? '').reveal(),
    };
    await context.checkpoint('created key');
    return made;
  } catch (error) {
    if (!isAwsError(error, 'retryable', 'limit')) throw error;
    return 'unknown';
  }
}

async function store(world: World, credential: AwsCredential, stored: Stored | undefined): Promise<void> {
  const { context, mandate, path, place } = world;
  const value = written(credential, mandate.input.format);
  try {
    await world.store.write(path, value, {
      ...place,
      keepPrevious: true,
      ...(stored === undefined ? {} : { version: stored.version }),
    });
  } catch (error) {
    // It may be stored all the same; only what certainly is not is removed.
    const now = await readStored(world);
    if (now?.key?.accessKeyId !== credential.accessKeyId) {
      await remove(world, credential.accessKeyId);
      throw error;
    }
  }
  await context.checkpoint('stored key');
}

/** The keys that an earlier sending has made, once IAM shows them: it is eventually consistent. */
async function appeared(world: World, intent: Intent): Promise<Key[]> {
  const { context, place, user, settleMs } = world;
  for (;;) {
    const keys = newIn(await listKeys(place, user.name), intent);
    const age = context.now().getTime() - Date.parse(intent.at);
    if (keys.length > 0 || age > settleMs) return keys;
    await context.checkpoint('await a key that may have been made');
    await sleep(pollMs, undefined, { signal: context.signal });
  }
}
