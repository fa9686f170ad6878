import type { ActionContext, Mandate, Verification } from '../../../domain/action.ts';
import { worst } from '../../../domain/action.ts';
import type { SecretStores } from '../../../domain/secret.ts';
import type { Account } from '../accounts.ts';
import { evaluateDenied } from '../containment/evaluate.ts';
import { claimsOfItems, stateOf, untilEffective, withinMsOf } from '../containment/measure.ts';
import { mandated } from '../containment/mandated.ts';
import { principalName } from '../containment/principal.ts';
import { credentialIn, tryCredential } from '../containment/trial.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';

/** Measures in the world, until it has taken effect: what IAM gives back, what it evaluates, and a call that must be refused. */
export async function verify(
  action: string,
  account: Account,
  secrets: SecretStores,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { place, principal } = await mandated(
    action,
    account,
    context,
    mandate,
    principalName(mandate.input.principal),
  );
  const items = itemsOf(place, principal);
  const claims = await claimsOfItems(context, items);
  const state = await stateOf(items);
  const who = `${principal.kind} ${principal.name}`;
  if (state !== 'absent') {
    claims.push(
      await untilEffective(context, `${who} is denied everything`, async () => {
        const { denied, of } = await evaluateDenied(place, principal);
        const ended = denied === of;
        return {
          ended,
          verdict: ended ? 'evaluated' : 'failed',
          detail: `IAM evaluates an explicit deny for ${denied} of ${of} actions of every sort`,
        };
      }),
    );
  }
  const { credential } = mandate.input;
  if (credential !== undefined) {
    const tried = await credentialIn(secrets, credential, place);
    const claim = `the credential ${credential} is refused`;
    claims.push(await untilEffective(context, claim, () => tryCredential(place, tried), withinMsOf(state)));
  }
  return { state, verdict: worst(claims), claims };
}
