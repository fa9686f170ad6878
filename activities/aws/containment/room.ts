import type { Applied, Undone } from '../../../domain/action.ts';
import { isAwsError } from '../errors.ts';
import { holdIndex } from './custody.ts';
import { namedPolicy, type Item } from './items.ts';
import type { Place, Principal } from './principal.ts';
import { changeOf, type Work } from './work.ts';

const prefix = 'removed-for-room/';

/**
 * Sets an item for which IAM's quota of inline policies may leave no room, which whoever may write policies can bring about. Then the largest of the others go, one
 * by one, each recorded with its exact text before it goes: under a denial of everything they allow nothing.
 */
export async function setWithRoom(work: Work, item: Item, changes: Applied['changes']): Promise<void> {
  const { context, mandate } = work;
  let others: { item: Item; text: string }[] | undefined;
  for (;;) {
    try {
      await context.beforeWrite(`set ${item.key}`);
      await item.set();
      return;
    } catch (error) {
      if (item.others === undefined || !isAwsError(error, 'limit')) throw error;
      others ??= await largestFirst(await item.others());
      const largest = others.shift();
      if (largest === undefined) throw error;
      const { text } = largest;
      const ref = await context.evidence.put(text, 'application/json', { essential: true });
      const line = {
        ref,
        name: `${prefix}${largest.item.object.name}`,
        collector: work.action,
        source: work.account.place,
        at: context.now().toISOString(),
      };
      await context.evidence.record([
        { ...line, incident: mandate.incident },
        { ...line, incident: holdIndex(mandate) },
      ]);
      await context.beforeWrite(`remove ${largest.item.key}`);
      await largest.item.restore(null);
      changes.push(changeOf(largest.item, text, null));
      await context.checkpoint(`removed ${largest.item.key}`);
    }
  }
}

/** Puts back what went to make room: once the denial is gone, it fits again. */
export async function restoreRoom(
  work: Work,
  place: Place,
  principal: Principal,
): Promise<Pick<Undone, 'changes' | 'already' | 'conflicts'>> {
  const { context } = work;
  const done: Pick<Undone, 'changes' | 'already' | 'conflicts'> = { changes: [], already: 0, conflicts: [] };
  const removed = new Map<string, string>();
  for (const { name, ref } of await context.evidence.index(holdIndex(work.mandate))) {
    if (!name.startsWith(prefix)) continue;
    const policy = name.slice(name.lastIndexOf('/') + 1);
    removed.set(policy, new TextDecoder().decode(await context.evidence.get(ref)));
  }
  for (const [name, text] of removed) {
    const item = namedPolicy(place, principal, name);
    const state = await item.read();
    if (item.same(state, text)) {
      done.already++;
    } else if (state === null) {
      await context.beforeWrite(`restore ${item.key}`);
      try {
        await item.restore(text);
      } catch (error) {
        if (!isAwsError(error, 'refused', 'limit')) throw error;
        done.conflicts.push({ object: item.key, why: `AWS does not take it back: ${error.name}` });
        continue;
      }
      done.changes.push({ ...changeOf(item, null, text), summary: 'put back as it was' });
      await context.checkpoint(`has restored ${item.key}`);
    } else {
      done.conflicts.push({ object: item.key, why: 'somebody wrote it anew: left as it is' });
    }
  }
  return done;
}

async function largestFirst(items: readonly Item[]): Promise<{ item: Item; text: string }[]> {
  const read = await Promise.all(items.map(async (item) => ({ item, text: await item.read() })));
  return read
    .flatMap(({ item, text }) => (text === null ? [] : [{ item, text }]))
    .toSorted((a, b) => b.text.length - a.text.length);
}
