import type { Applied, Claim, Undone } from '../../../domain/action.ts';
import { truncate } from '../../../domain/safe-text.ts';
import { isAwsError } from '../errors.ts';
import { keepLate, overwrittenLate } from './custody.ts';
import type { Item } from './items.ts';
import { setWithRoom } from './room.ts';
import { changeOf, type Work } from './work.ts';

export { changeOf, type Work } from './work.ts';

/**
 * Sets each item, in order. An item that AWS does not let us set leaves the rest to be done: its error is thrown at the end, with the others standing.
 * What somebody wrote after the snapshot is kept as evidence and overwritten: it must not keep a containment from happening.
 */
export async function setAll(
  work: Work,
  items: readonly Item[],
): Promise<Pick<Applied, 'changes' | 'already' | 'artefacts' | 'unavailable'>> {
  const { context, mandate, base } = work;
  const done: Pick<Applied, 'changes' | 'already' | 'artefacts' | 'unavailable'> = {
    changes: [],
    already: 0,
    artefacts: [],
    unavailable: [],
  };
  const errors: unknown[] = [];
  for (const item of items) {
    try {
      const state = await item.read();
      if (item.stands(state)) {
        done.already++;
        continue;
      }
      if (state !== null && !item.same(state, base.states[item.key] ?? null) && !item.ours(state)) {
        const late = { action: work.action, account: work.account.place, key: item.key, text: state };
        const kept = await keepLate(context, mandate, late);
        if ('ref' in kept) done.artefacts.push(kept.ref);
        else done.unavailable.push({ what: `copy of ${item.key}`, why: kept.why });
      }
      await setWithRoom(work, item, done.changes);
      done.changes.push(changeOf(item, state, undefined));
      await context.checkpoint(`has set ${item.key}`);
    } catch (error) {
      if (!isAwsError(error)) throw error;
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return done;
}

/** Puts each item back as the base has it, the last first. What is neither ours nor the base's is somebody's edit: named, and kept. */
export async function restoreAll(work: Work, items: readonly Item[]): Promise<Omit<Undone, 'claims'>> {
  const { context, base } = work;
  const undone: Omit<Undone, 'claims'> = {
    changes: [],
    already: 0,
    conflicts: [],
    notRestored: await overwrittenLate(context, work.mandate),
  };
  for (const item of items.toReversed()) {
    const wanted = base.states[item.key] ?? null;
    const state = await item.read();
    if (item.same(state, wanted)) {
      undone.already++;
    } else if (item.ours(state)) {
      await context.beforeWrite(`restore ${item.key}`);
      try {
        await item.restore(wanted);
      } catch (error) {
        // AWS takes no document that names a principal which is gone.
        if (!isAwsError(error, 'refused', 'limit')) throw error;
        undone.conflicts.push({
          object: item.key,
          why: `AWS does not take it back: ${truncate(error.message)}`,
        });
        continue;
      }
      const summary = wanted === null ? 'removed: it was not there before' : 'put back as it was';
      undone.changes.push({ ...changeOf(item, state, wanted), summary });
      await context.checkpoint(`has restored ${item.key}`);
    } else {
      const why = state === null ? 'somebody removed it' : 'somebody changed it';
      undone.conflicts.push({ object: item.key, why: `${why}: left as it is` });
    }
  }
  return undone;
}

/** What the world says after a release: each item is as the base has it, or somebody's. */
export async function restoredClaims({ base }: Pick<Work, 'base'>, items: readonly Item[]): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const item of items) {
    const back = item.same(await item.read(), base.states[item.key] ?? null);
    claims.push({
      claim: `${item.key} is as it was`,
      verdict: back ? 'verified' : 'failed',
      detail: back
        ? 'AWS gives back what the snapshot has'
        : 'AWS gives back something else: see the conflicts',
    });
  }
  return claims;
}
