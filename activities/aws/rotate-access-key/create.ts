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

/** Each is an intent of its own; a worker that is killed uses up one or two. */
const mostAttempts = 20;
const pollMs = 500;

export interface Made {
  credential: AwsCredential;
  /** Found, made and stored by an earlier run. */
  already: boolean;
  orphans: string[];
}

/**
 * Makes a key and stores it. CreateAccessKey shows the secret once and cannot be told to be the same call again. So each sending is intended, durably,
 * with the keys that were there. Whoever comes after waits until an earlier sending is over one way or the other: a key that was not there, and is stored, is
 * the one; one that is not stored has lost its secret. Only who holds the newest intent removes those, and sends anew.
 */
export async function createAndStore(world: World): Promise<Made> {
  const { context, place, user, base } = world;
  const orphans: string[] = [];
  let first: Intent | undefined;
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const there = await listKeys(place, user.name);
    const intent = await context.intend(`create key ${attempt}`, { known: there.map(({ id }) => id) });
    first ??= intent;
    const stored = await readStored(world);
    const mine = intent.first
      ? storedOf(stored, newSince(there, first))
      : await outcomeOf(world, first, intent);
    if (mine !== undefined) return { credential: mine, already: true, orphans };
    if (!intent.first) continue;
    if (stored !== undefined && stored.key?.accessKeyId !== base.old.id)
      throw otherValue(world.store.describe(world.path), base.old.id);
    const lost = newSince(there, first);
    for (const { id } of lost) {
      await discard(world, id, first.at);
      orphans.push(id);
    }
    // That took its time: the sending is intended anew.
    if (lost.length > 0) continue;
    // Known before any sending of ours, so not ours.
    if (there.length > 1) throw twoKeys(user.name, there, base.old.id, context.now());
    const made = await create(world, attempt === 1);
    if (made === undefined) {
      const found = await outcomeOf(world, first, intent);
      if (found !== undefined) return { credential: found, already: true, orphans };
    } else if (isLate(world, intent)) {
      await remove(world, made.accessKeyId);
    } else {
      await store(world, made, stored);
      return { credential: made, already: false, orphans };
    }
  }
  throw notMade(user.name, mostAttempts);
}

/** Keys that were not there when it was first intended to make one. */
function newSince(keys: readonly Key[], { data }: Intent): Key[] {
  const known = Array.isArray(data['known']) ? data['known'] : [];
  return keys.filter(({ id }) => !known.includes(id));
}

function storedOf(stored: Stored | undefined, keys: readonly Key[]): AwsCredential | undefined {
  return keys.some(({ id }) => id === stored?.key?.accessKeyId) ? stored?.key : undefined;
}

/**
 * undefined when no answer came; or when IAM says that there are two keys, and one of them may be of an earlier sending.
 * @throws Refused FB3340 when it cannot be: somebody was quicker
 */
async function create(world: World, isFirst: boolean): Promise<AwsCredential | undefined> {
  const { context, place, user, base } = world;
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
    if (isFirst && isAwsError(error, 'limit'))
      throw twoKeys(user.name, await listKeys(place, user.name), base.old.id, context.now());
    if (!isAwsError(error, 'retryable', 'limit')) throw error;
    return undefined;
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

/**
 * Whether storing has come so late that another attempt may take the key for lost soon: then it is not stored any more. So of two workers that are
 * alive at once, the one given up by Temporal and the one after it, none keeps a key that the other removes.
 */
function isLate({ context, settleMs }: World, { at }: Intent): boolean {
  return context.now().getTime() - Date.parse(at) > settleMs / 2;
}

/** The key that a sending has made and stored, once it is; undefined when IAM would show a key by now, and whoever sent it would have stored it. */
async function outcomeOf(world: World, first: Intent, { at }: Intent): Promise<AwsCredential | undefined> {
  const { context, place, user, settleMs } = world;
  for (;;) {
    const isOver = context.now().getTime() - Date.parse(at) > settleMs;
    const [keys, stored] = await Promise.all([listKeys(place, user.name), readStored(world)]);
    const mine = storedOf(stored, newSince(keys, first));
    if (mine !== undefined || isOver) return mine;
    await context.checkpoint('await a key that may have been made');
    await sleep(pollMs, undefined, { signal: context.signal });
  }
}
