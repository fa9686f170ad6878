import type { ActionContext, Mandate, Undone } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../../domain/failure-types.ts';
import { refused, targetGone } from './failures.ts';
import { readPrincipal, supportsOf, type Place, type Principal, type PrincipalName } from './principal.ts';
import type { Work } from './work.ts';
import { loadSnapshot } from './snapshot.ts';

/**
 * The principal that a mandate names: it is the one of the snapshot, and no namesake.
 * @throws TargetGone
 */
export async function mandated(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'authority' | 'base'>,
  name: PrincipalName,
): Promise<{ work: Work; place: Place; principal: Principal }> {
  const place: Place = { account, incident: mandate.incident, signal: context.signal };
  const [principal, base] = await Promise.all([
    // Not by its ARN: whoever moves it to another path meanwhile would escape.
    readPrincipal(place, { kind: name.kind, name: name.name }),
    loadSnapshot(context, mandate.base),
  ]);
  const [target] = mandate.authority.targets;
  const what = `${principal.kind} ${principal.name} in AWS account ${account.name}`;
  if (base.principal.id !== principal.id || target?.name !== base.principal.arn) {
    throw targetGone(what, 'is another one than was approved: one of the same name was made since');
  }
  return { work: { action, account, context, mandate, base }, place, principal };
}

/** What is protected is judged again at the moment of change, and only then: a release is never refused for it. @throws Refused */
export async function refuseProtected(place: Place, principal: Principal): Promise<void> {
  const reasons = await supportsOf(place, principal);
  const what = `${principal.kind} ${principal.name} in AWS account ${place.account.name}`;
  if (reasons.length > 0) throw refused(what, reasons);
}

/** An undo, for which a principal that somebody deleted is no failure: nothing is left to put back. */
export async function unlessGone(undo: () => Promise<Undone>): Promise<Undone> {
  try {
    return await undo();
  } catch (error) {
    if (!(error instanceof ApplicationFailure) || error.type !== failureTypes.targetGone) throw error;
    const conflicts = [{ object: 'principal', why: error.message }];
    return { changes: [], already: 0, conflicts, notRestored: [], claims: [] };
  }
}
