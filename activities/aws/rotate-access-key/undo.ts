import type { ActionContext, Change, Mandate, Undone } from '../../../domain/action.ts';
import { restartConsumers } from './consumers.ts';
import type { Input } from './input.ts';
import { listKeys, setStatus } from './keys.ts';
import { discard } from './orphan.ts';
import { objectOf, apiVersion } from './plan.ts';
import { provesAllowed, provesRefused } from './prove.ts';
import { openWorld, readPrevious, readStored, type RotateOptions, type World } from './world.ts';

/**
 * The old key as it was, its value back in the store, consumers restarted, the new key Inactive: in this order, so that there is always a key that works where
 * it is read. The new key is not deleted. Safe to run again after a kill at any point.
 */
export async function undo(
  options: RotateOptions,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Undone> {
  const world = await openWorld(options, context, mandate);
  const done: Undone = { changes: [], already: 0, conflicts: [], notRestored: [], claims: [] };
  await reactivate(world, done);
  const fresh = await findNew(world);
  const isBack = fresh === undefined ? true : await putBack(world, done, fresh);
  if (isBack) {
    const undoing = { ...mandate, step: `${mandate.step}/undo` };
    if (fresh !== undefined) {
      const { changes, already } = await restartConsumers(world, undoing);
      done.changes.push(...changes);
      done.already += already;
    }
    await retire(world, done, fresh);
  }
  await measure(world, done, fresh);
  return done;
}

async function reactivate({ context, place, user, base }: World, done: Undone): Promise<void> {
  const { id, status } = base.old;
  const old = (await listKeys(place, user.name)).find((key) => key.id === id);
  if (old === undefined) {
    done.conflicts.push({ object: `AccessKey ${id}`, why: 'somebody deleted it: it cannot be made again' });
    return;
  }
  if (old.status === status) {
    done.already++;
    return;
  }
  await context.beforeWrite(`restore ${id}`);
  await setStatus(place, user.name, id, status);
  done.changes.push({ verb: 'update', object: objectOf(user.name, id), summary: `is ${status} again` });
  await context.checkpoint(`restored ${id}`);
}

/** Id of the new key: the store holds it, or held it until this undo put the old one back. */
async function findNew(world: World): Promise<string | undefined> {
  const [stored, previous] = await Promise.all([readStored(world), readPrevious(world)]);
  const old = world.base.old.id;
  return [stored?.key?.accessKeyId, previous?.key.accessKeyId].find((id) => id !== undefined && id !== old);
}

/** Whether the new key is out of the store, so that it may be made Inactive. */
async function putBack(world: World, done: Undone, fresh: string): Promise<boolean> {
  const { context, base, store, path, place } = world;
  const [stored, previous] = await Promise.all([readStored(world), readPrevious(world)]);
  const where = store.describe(path);
  if (stored?.key?.accessKeyId === base.old.id) {
    done.already++;
    return true;
  }
  if (!base.stored) {
    done.notRestored.push(`${where}: it held nothing before; it keeps key ${fresh}, which is made Inactive`);
    return true;
  }
  if (stored?.key?.accessKeyId !== fresh || previous?.key.accessKeyId !== base.old.id) {
    done.conflicts.push({
      object: where,
      why: 'somebody wrote it since: kept as it is, and the new key stays Active',
    });
    return false;
  }
  await context.beforeWrite('put the old key back');
  await store.write(path, previous.value, { ...place, version: stored.version, keepPrevious: true });
  const change: Change = {
    verb: 'update',
    object: { apiVersion, kind: 'StoredSecret', name: where },
    summary: `holds ${base.old.id} again`,
  };
  done.changes.push(change);
  await context.checkpoint('has put the old key back');
  return true;
}

/** The new key made Inactive; a key that an attempt made and never kept removed. */
async function retire(world: World, done: Undone, fresh: string | undefined): Promise<void> {
  const { context, place, user, base } = world;
  for (const key of await listKeys(place, user.name)) {
    if (key.id === base.old.id) continue;
    if (key.id !== fresh) {
      try {
        await discard(world, key.id, base.takenAt);
        done.changes.push({
          verb: 'delete',
          object: objectOf(user.name, key.id),
          summary: 'never kept, never used',
        });
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('FB3341'))) throw error;
        done.conflicts.push({ object: `AccessKey ${key.id}`, why: error.message });
      }
      continue;
    }
    if (key.status === 'Inactive') {
      done.already++;
      continue;
    }
    await context.beforeWrite(`retire ${key.id}`);
    await setStatus(place, user.name, key.id, 'Inactive');
    const summary = 'was made Inactive; aws.delete-access-key removes it';
    done.changes.push({ verb: 'update', object: objectOf(user.name, key.id), summary });
    await context.checkpoint(`retired ${key.id}`);
  }
}

async function measure(world: World, done: Undone, fresh: string | undefined): Promise<void> {
  const { base } = world;
  const keys = await listKeys(world.place, world.user.name);
  const old = keys.find(({ id }) => id === base.old.id);
  done.claims.push({
    claim: `key ${base.old.id} is ${base.old.status} again`,
    verdict: old?.status === base.old.status ? 'verified' : 'failed',
    detail: `IAM says ${old?.status ?? 'that it is gone'}`,
  });
  const [stored, previous] = await Promise.all([readStored(world), readPrevious(world)]);
  if (stored?.key?.accessKeyId === base.old.id && old?.status === 'Active')
    done.claims.push(await provesAllowed(world, stored.key));
  const retired = keys.some(({ id, status }) => id === fresh && status === 'Inactive');
  const value = [previous?.key, stored?.key].find((key) => key?.accessKeyId === fresh);
  if (retired && value !== undefined) done.claims.push(await provesRefused(world, value));
}
