import { DeleteAccessKeyCommand } from '@aws-sdk/client-iam';
import { isAwsError } from '../errors.ts';
import { lookupEvents, textIn } from '../trail/lookup.ts';
import { notOurs } from './failures.ts';
import { listKeys, setStatus, type Key } from './keys.ts';
import type { World } from './world.ts';

/** How far our clock may be from AWS's, which counts whole seconds. */
const skewMs = 120_000;

/**
 * Removes a key that this step made and whose secret was lost with the process. Ours is what was made after we said that we would, was not there
 * before, has never been used, and, where CloudTrail shows its making already, was made by our session. Made Inactive first, and judged again.
 * @param since when its making was intended. RFC 3339 UTC.
 * @throws Refused FB3341 when it is, or may be, somebody else's
 */
export async function discard(world: World, id: string, since: string): Promise<void> {
  const { context, place, user } = world;
  const found = await judged(world, id, since);
  if (found === undefined) return;
  if (found.status === 'Active') {
    await context.beforeWrite(`deactivate orphan ${id}`);
    await setStatus(place, user.name, id, 'Inactive');
    await context.checkpoint(`deactivated orphan ${id}`);
    if ((await judged(world, id, since)) === undefined) return;
  }
  await context.beforeWrite(`delete orphan ${id}`);
  await remove(world, id);
  await context.checkpoint(`deleted orphan ${id}`);
}

/** Deletes a key. One that is gone is success. */
export async function remove({ place, user }: Pick<World, 'place' | 'user'>, id: string): Promise<void> {
  const { iam } = place.account.clients(place.incident);
  const command = new DeleteAccessKeyCommand({ UserName: user.name, AccessKeyId: id });
  await iam.send(command, { abortSignal: place.signal }).catch((error: unknown) => {
    if (!isAwsError(error, 'gone')) throw error;
  });
}

/** undefined when it is gone. */
async function judged(world: World, id: string, since: string): Promise<Key | undefined> {
  const { context, place, user } = world;
  const key = (await listKeys(place, user.name)).find((each) => each.id === id);
  if (key === undefined) return undefined;
  const refuse = (why: string) => notOurs(user.name, key, why, context.now());
  if (Date.parse(key.createdAt) < Date.parse(since) - skewMs)
    throw refuse('it was made before this rotation began');
  if (key.lastUsed !== undefined)
    throw refuse('it has been used, and a key whose secret Firebreak lost cannot be');
  const maker = await makerOf(world, id, since);
  const { arn } = await place.account.engine(place.incident);
  if (maker !== undefined && maker !== arn) throw refuse(`CloudTrail says that ${maker} made it`);
  return key;
}

/** ARN of the session that made a key; undefined while CloudTrail does not show it, which takes minutes. */
async function makerOf({ context, place }: World, id: string, since: string): Promise<string | undefined> {
  const { events } = await lookupEvents(
    place,
    {
      attribute: { key: 'EventName', value: 'CreateAccessKey' },
      from: new Date(Date.parse(since) - skewMs),
      to: new Date(context.now().getTime() + skewMs),
      maxPages: 4,
    },
    () => context.checkpoint('look up who made a key'),
  );
  const made = events.find(
    ({ detail }) => textIn(detail, 'responseElements', 'accessKey', 'accessKeyId') === id,
  );
  return made === undefined ? undefined : (textIn(made.detail, 'userIdentity', 'arn') ?? 'somebody unknown');
}
