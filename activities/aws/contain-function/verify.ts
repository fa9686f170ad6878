import type { ActionContext, Claim, Mandate, Verification } from '../../../domain/action.ts';
import { worst } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { evaluateDenied } from '../containment/evaluate.ts';
import { claimsOfItems, stateOf, untilEffective } from '../containment/measure.ts';
import type { Place } from '../containment/principal.ts';
import { claimsOfSessions } from '../containment/session-claims.ts';
import type { Input } from '../contain-function.ts';
import { functionItems, roleItem } from './items.ts';
import { mandated, mandatedRole, type Mandated } from './mandated.ts';
import { mappingsOf, mappingState } from './mappings.ts';

/** How long a mapping may take from `Disabling` to `Disabled`. */
const DISABLED_WITHIN_MS = 90_000;

/** Measures in the world, until it has taken effect: what Lambda and IAM give back. */
export async function verify(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const known = await mandated(action, account, context, mandate);
  const { place, target } = known;
  const { input } = mandate;
  const own = await functionItems(place, target);
  const ofRole =
    input.role === 'keep'
      ? undefined
      : roleItem(place, { ...target, role: known.snapshot.function.role }, input.role);
  const items = ofRole === undefined ? own : [...own, ofRole];
  const claims = await claimsOfItems(
    context,
    items.filter(({ object }) => object.kind !== 'EventSourceMapping'),
  );
  const state = await stateOf(items);
  for (const { uuid, source } of await mappingsOf(place, target)) {
    claims.push(await disabled(context, place, uuid, source));
  }
  claims.push(throttled(claims));
  if (input.role !== 'keep' && ofRole !== undefined) {
    claims.push(...(await claimsOfRole(context, known, input, ofRole)));
  }
  return { state, verdict: worst(claims), claims };
}

async function disabled(context: ActionContext, place: Place, uuid: string, source: string): Promise<Claim> {
  const claim = `event source mapping ${uuid} of ${source} is disabled`;
  // One that nobody disables does not become it.
  const withinMs = (await mappingState(place, uuid)) === 'Disabling' ? DISABLED_WITHIN_MS : 5_000;
  return untilEffective(
    context,
    claim,
    async () => {
      const state = await mappingState(place, uuid);
      const ended = state === null || state === 'Disabled';
      return {
        ended,
        verdict: ended ? 'verified' : 'failed',
        detail: state === null ? 'it is gone' : `Lambda says ${state}`,
      };
    },
    withinMs,
  );
}

/** Not tried: were the function not throttled, the trial would run what an attacker may control. A dry run checks rights, and no throttling. */
function throttled(claims: readonly Claim[]): Claim {
  const isSet = claims.find(({ claim }) => claim.startsWith('reserved concurrency'))?.verdict === 'verified';
  return {
    claim: 'a new invocation is throttled',
    verdict: isSet ? 'evaluated' : 'failed',
    detail: isSet
      ? 'Lambda throttles every invocation of a function that has no concurrency reserved; none was sent, for it would run the function if it were not'
      : 'the reservation of no concurrency does not stand',
  };
}

async function claimsOfRole(
  context: ActionContext,
  known: Mandated,
  input: Input,
  item: ReturnType<typeof roleItem>,
): Promise<Claim[]> {
  const { place, target, snapshot } = known;
  const approved = snapshot.function.role;
  const claims: Claim[] = [
    {
      claim: `the function runs as the role that was contained`,
      verdict: target.role === approved ? 'verified' : 'failed',
      detail:
        target.role === approved ? `it is ${approved}` : `it runs as ${target.role}, not as ${approved}`,
    },
  ];
  const role = await mandatedRole(known, input);
  if (role === undefined) return claims;
  if (input.role === 'deny-sessions')
    return [...claims, ...(await claimsOfSessions(context, place, role, item))];
  const denied = await untilEffective(context, `role ${role.name} is denied everything`, async () => {
    const found = await evaluateDenied(place, role);
    const ended = found.denied === found.of;
    return {
      ended,
      verdict: ended ? 'evaluated' : 'failed',
      detail: `IAM evaluates an explicit deny for ${found.denied} of ${found.of} actions of every sort`,
    };
  });
  return [...claims, denied];
}
