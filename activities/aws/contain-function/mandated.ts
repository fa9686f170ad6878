import type { ActionContext, Mandate } from '../../../domain/action.ts';
import { isProtected } from '../../../domain/guardrails.ts';
import type { Account } from '../accounts.ts';
import { refused, targetGone } from '../containment/failures.ts';
import {
  principalName,
  readPrincipal,
  supportsOf,
  type Place,
  type Principal,
} from '../containment/principal.ts';
import type { Work } from '../containment/run.ts';
import type { Input } from '../contain-function.ts';
import { readFunction, sharersOf, type LambdaFunction } from './function.ts';
import { loadSnapshot, type Snapshot } from './snapshot.ts';

/** Why a function must not be touched; empty when nothing found says so. */
export function functionSupports(
  { account }: Pick<Place, 'account'>,
  { arn }: Pick<LambdaFunction, 'arn'>,
): string[] {
  return isProtected(arn, account.breakGlass) ? [`it is in accounts.${account.name}.breakGlass`] : [];
}

/** Why its role must not be touched, and which other functions stop with it. */
export async function judgeRole(
  place: Place,
  target: Pick<LambdaFunction, 'arn' | 'role'>,
  { sharedRole }: Pick<Input, 'sharedRole'>,
): Promise<{ role: Principal; sharers: string[]; supports: string[] }> {
  const role = await readPrincipal(place, { ...principalName(target.role), arn: target.role });
  const [sharers, supports] = await Promise.all([sharersOf(place, target), supportsOf(place, role)]);
  if (sharers.length > 0 && sharedRole === 'refuse') {
    const named = sharers.slice(0, 10).join(', ') + (sharers.length > 10 ? ', …' : '');
    supports.push(
      `${sharers.length} other functions run as it (${named}): say sharedRole: accept to stop them too, or role: keep`,
    );
  }
  return { role, sharers, supports };
}

export interface Mandated {
  work: Work;
  place: Place;
  target: LambdaFunction;
  snapshot: Snapshot;
}

/**
 * The function that a mandate names, checked anew at the moment of change. Lambda gives a function no id of its own: one that was deleted and made again
 * under its name is the one that is meant.
 * @throws TargetGone, Refused
 */
export async function mandated(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Mandated> {
  const place: Place = { account, incident: mandate.incident, signal: context.signal };
  const [target, snapshot] = await Promise.all([
    readFunction(place, mandate.input.function),
    loadSnapshot(context, mandate.base),
  ]);
  const what = `function ${target.name} in AWS account ${account.name}`;
  if (snapshot.function.arn !== target.arn || mandate.authority.targets[0]?.name !== target.arn) {
    throw targetGone(what, 'is another one than was approved');
  }
  const reasons = functionSupports(place, target);
  if (reasons.length > 0) throw refused(what, reasons);
  return { work: { action, account, context, mandate, base: snapshot }, place, target, snapshot };
}

/**
 * The role that was approved, checked anew; undefined when the wish is to keep it. It is the role of the snapshot, whatever the function runs as now.
 * @throws TargetGone, Refused
 */
export async function mandatedRole(
  { place, target, snapshot }: Mandated,
  input: Input,
): Promise<Principal | undefined> {
  if (input.role === 'keep') return undefined;
  const { role, supports } = await judgeRole(place, { arn: target.arn, role: snapshot.function.role }, input);
  const what = `role ${role.name} in AWS account ${place.account.name}`;
  if (role.id !== snapshot.roleId) {
    throw targetGone(what, 'is another one than was approved: one of the same name was made since');
  }
  if (supports.length > 0) throw refused(what, supports);
  return role;
}
