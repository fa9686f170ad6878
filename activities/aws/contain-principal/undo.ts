import type { ActionContext, Mandate, Undone } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { mandated, unlessGone } from '../containment/mandated.ts';
import { principalName } from '../containment/principal.ts';
import { restoreRoom } from '../containment/room.ts';
import { restoreAll, restoredClaims } from '../containment/run.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';

/** Puts the exact documents back; safe to run again after a kill at any point. */
export function undo(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Undone> {
  return unlessGone(async () => {
    const { work, place, principal } = await mandated(
      action,
      account,
      context,
      mandate,
      principalName(mandate.input.principal),
    );
    const items = itemsOf(place, principal);
    const restored = await restoreAll(work, items);
    const room = await restoreRoom(work, place, principal);
    return {
      ...restored,
      changes: [...restored.changes, ...room.changes],
      already: restored.already + room.already,
      conflicts: [...restored.conflicts, ...room.conflicts],
      claims: await restoredClaims(work, items),
    };
  });
}
