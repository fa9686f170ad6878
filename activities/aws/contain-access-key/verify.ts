import { worst, type ActionContext, type Mandate, type Verification } from '../../../domain/action.ts';
import type { SecretStores } from '../../../domain/secret.ts';
import type { Account } from '../accounts.ts';
import { evaluateDenied } from '../containment/evaluate.ts';
import { claimsOfItems, stateOf, untilEffective, withinMsOf } from '../containment/measure.ts';
import { notYet } from '../containment/plan.ts';
import { claimsOfSessions } from '../containment/session-claims.ts';
import { credentialIn, tryCredential } from '../containment/trial.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';
import { mandatedKey } from './mandated-key.ts';

/** Measures in the world: what IAM gives back, what it evaluates, and, where its secret is known, a call with the key that must be refused. */
export async function verify(
  action: string,
  account: Account,
  secrets: SecretStores,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { place, user } = await mandatedKey(action, account, context, mandate);
  const { accessKeyId, userCompromised, credential } = mandate.input;
  const items = itemsOf(place, user.name, mandate.input, notYet);
  const claims = await claimsOfItems(context, items);
  const state = await stateOf(items);
  const [key, sessions] = items;
  if (sessions !== undefined) claims.push(...(await claimsOfSessions(context, place, user, sessions)));
  if (userCompromised && state !== 'absent') {
    claims.push(
      await untilEffective(context, `user ${user.name} is denied everything`, async () => {
        const { denied, of } = await evaluateDenied(place, user);
        const ended = denied === of;
        const detail = `IAM evaluates an explicit deny for ${denied} of ${of} actions of every sort`;
        return { ended, verdict: ended ? 'evaluated' : 'failed', detail };
      }),
    );
  }
  const claim = `calls with access key ${accessKeyId} are refused`;
  if (credential === undefined) {
    const refused = key !== undefined && key.stands(await key.read());
    claims.push({
      claim,
      verdict: refused ? 'evaluated' : 'failed',
      detail: refused
        ? 'AWS takes no call of an Inactive key; its secret is not known here, so none was tried'
        : 'the key is Active',
    });
  } else {
    const tried = await credentialIn(secrets, credential, place, accessKeyId);
    claims.push(await untilEffective(context, claim, () => tryCredential(place, tried), withinMsOf(state)));
  }
  return { state, verdict: worst(claims), claims };
}
