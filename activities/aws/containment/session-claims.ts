import type { ActionContext, Claim } from '../../../domain/action.ts';
import { cutOffOf } from './documents.ts';
import { evaluateDenied } from './evaluate.ts';
import type { Item } from './items.ts';
import { untilEffective } from './measure.ts';
import type { Place, Principal } from './principal.ts';

/**
 * What IAM evaluates for a session from just before the cut-off that stands, and for one from just after it, which goes on. None when no cut-off stands.
 */
export async function claimsOfSessions(
  context: ActionContext,
  place: Place,
  principal: Principal,
  item: Item,
): Promise<Claim[]> {
  const standing = cutOffOf((await item.read()) ?? '');
  if (standing === undefined) return [];
  const before = new Date(Date.parse(standing) - 1000).toISOString();
  const who = `${principal.kind} ${principal.name}`;
  const older = await untilEffective(
    context,
    `sessions of ${who} from before ${standing} are denied everything`,
    async () => {
      const { denied, of } = await evaluateDenied(place, principal, before);
      const ended = denied === of;
      return {
        ended,
        verdict: ended ? 'evaluated' : 'failed',
        detail: `for a session issued at ${before}, IAM evaluates an explicit deny for ${denied} of ${of} actions`,
      };
    },
  );
  return [older];
}
