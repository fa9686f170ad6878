import { ApplicationFailure } from '@temporalio/common';
import type { ActionContext, Mandate, Undone } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import type { Principal } from '../containment/principal.ts';
import { restoreRoom } from '../containment/room.ts';
import { restoreAll, restoredClaims } from '../containment/run.ts';
import type { Input } from '../contain-function.ts';
import { functionItems, roleItem } from './items.ts';
import { mandated, mandatedRole, type Mandated } from './mandated.ts';
import { keysSet } from './set-by-us.ts';

/** Puts back what we set, exactly as the base has it; safe to run again after a kill at any point. The event sources last, when the function runs again. */
export async function undo(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Undone> {
  const known = await mandated(action, account, context, mandate);
  const { work, place, target, snapshot } = known;
  const { input } = mandate;
  const ours = await keysSet(context, mandate);
  const all = await functionItems(place, target, (key) => ours.has(key), Object.keys(snapshot.states));
  const inBase = ({ key }: { key: string }) => Object.hasOwn(snapshot.states, key);
  const items = all.filter(inBase);
  const role = await roleOf(known, input);
  if (role !== undefined && !('why' in role) && input.role !== 'keep') {
    items.push(roleItem(place, { ...target, role: role.arn }, input.role));
  }
  const undone = await restoreAll(work, items);
  if (role !== undefined && !('why' in role)) {
    const room = await restoreRoom(work, place, role);
    undone.changes.push(...room.changes);
    undone.already += room.already;
    undone.conflicts.push(...room.conflicts);
  }
  if (role !== undefined && 'why' in role) {
    undone.conflicts.push({ object: snapshot.function.role, why: `${role.why}: left as it is` });
  }
  for (const item of all) {
    if (inBase(item) || !item.ours(await item.read())) continue;
    const { notRestored } = undone;
    undone.notRestored = notRestored.filter((line) => !line.startsWith(`${item.key} `));
    undone.notRestored.push(`${item.key}: it was made after the snapshot, and stays disabled`);
  }
  return { ...undone, claims: await restoredClaims(work, items) };
}

/** The role, or why it cannot be released: that must not keep the function stopped. */
async function roleOf(known: Mandated, input: Input): Promise<Principal | { why: string } | undefined> {
  try {
    return await mandatedRole(known, { ...input, sharedRole: 'accept' });
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    return { why: error.message };
  }
}
