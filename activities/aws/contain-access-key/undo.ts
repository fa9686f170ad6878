import type { ActionContext, Mandate, Undone } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { unlessGone } from '../containment/mandated.ts';
import { notYet } from '../containment/plan.ts';
import { restoreRoom } from '../containment/room.ts';
import { restoreAll, restoredClaims } from '../containment/run.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';
import { mandatedKey } from './mandated-key.ts';

/** Puts the key's status and the exact documents back; safe to run again after a kill at any point. */
export function undo(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Undone> {
  return unlessGone(async () => {
    const { work, place, user } = await mandatedKey(action, account, context, mandate);
    const items = itemsOf(place, user.name, mandate.input, notYet);
    const restored = await restoreAll(work, items);
    const room = await restoreRoom(work, place, user);
    return {
      ...restored,
      changes: [...restored.changes, ...room.changes],
      already: restored.already + room.already,
      conflicts: [...restored.conflicts, ...room.conflicts],
      claims: await restoredClaims(work, items),
    };
  });
}
