import {
  worst,
  type ActionContext,
  type Applied,
  type Mandate,
  type Undone,
  type Verification,
} from '../../../domain/action.ts';
import type { SecretStores } from '../../../domain/secret.ts';
import type { Account } from '../accounts.ts';
import { cutOff } from '../containment/cut-off.ts';
import { cutOffOf } from '../containment/documents.ts';
import { mandated, refuseProtected, unlessGone } from '../containment/mandated.ts';
import { claimsOfItems, stateOf, untilEffective, withinMsOf } from '../containment/measure.ts';
import { notYet } from '../containment/plan.ts';
import { principalName } from '../containment/principal.ts';
import { restoreAll, restoredClaims, setAll } from '../containment/run.ts';
import { claimsOfSessions } from '../containment/session-claims.ts';
import { credentialIn, tryCredential } from '../containment/trial.ts';
import type { Input } from './input.ts';
import { itemOf, policyName } from './item.ts';

type Verb<T> = (
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
) => Promise<T>;

/** Safe to run again after a kill at any point: the cut-off is the first attempt's. */
export const apply: Verb<Applied> = async (action, account, context, mandate) => {
  const began = performance.now();
  const name = principalName(mandate.input.role);
  const { work, place, principal } = await mandated(action, account, context, mandate, name);
  await refuseProtected(place, principal);
  const item = itemOf(place, principal.name, await cutOff(context));
  const done = await setAll(work, [item]);
  // Another incident under the same hold may have set a later one.
  const before = cutOffOf((await item.read()) ?? '') ?? (await cutOff(context));
  return {
    ...done,
    measures: { containedMs: Math.round(performance.now() - began) },
    outputs: { principal: principal.arn, policy: policyName, before },
    byHand: `aws iam delete-role-policy --role-name ${principal.name} --policy-name ${policyName}`,
  };
};

export async function verify(
  action: string,
  account: Account,
  secrets: SecretStores,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const name = principalName(mandate.input.role);
  const { place, principal } = await mandated(action, account, context, mandate, name);
  const item = itemOf(place, principal.name, notYet);
  const claims = await claimsOfItems(context, [item]);
  const state = await stateOf([item]);
  claims.push(...(await claimsOfSessions(context, place, principal, item)));
  const { credential } = mandate.input;
  if (credential !== undefined) {
    const tried = await credentialIn(secrets, credential, place);
    const claim = `the credential ${credential} is refused`;
    claims.push(await untilEffective(context, claim, () => tryCredential(place, tried), withinMsOf(state)));
  }
  return { state, verdict: worst(claims), claims };
}

export const undo: Verb<Undone> = (action, account, context, mandate) =>
  unlessGone(async () => {
    const name = principalName(mandate.input.role);
    const { work, place, principal } = await mandated(action, account, context, mandate, name);
    const items = [itemOf(place, principal.name, notYet)];
    return { ...(await restoreAll(work, items)), claims: await restoredClaims(work, items) };
  });
