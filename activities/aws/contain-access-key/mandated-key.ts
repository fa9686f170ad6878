import type { ActionContext, Mandate } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { targetGone } from '../containment/failures.ts';
import { mandated } from '../containment/mandated.ts';
import type { Place, Principal } from '../containment/principal.ts';
import type { Work } from '../containment/work.ts';
import { loadSnapshot } from '../containment/snapshot.ts';
import type { Input } from './input.ts';

/**
 * The user whose key a mandate names, as the snapshot knows it: a key that was deleted since has no owner that could be asked for.
 * @throws TargetGone
 */
export async function mandatedKey(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<{ work: Work; place: Place; user: Principal }> {
  const { accessKeyId } = mandate.input;
  if (mandate.authority.targets[0]?.uid !== accessKeyId) {
    throw targetGone(`access key ${accessKeyId}`, 'is not the one that was approved');
  }
  const { principal } = await loadSnapshot(context, mandate.base);
  const { principal: user, ...rest } = await mandated(action, account, context, mandate, principal);
  return { ...rest, user };
}
