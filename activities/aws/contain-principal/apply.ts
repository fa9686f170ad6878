import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { mandated, refuseProtected } from '../containment/mandated.ts';
import { principalName } from '../containment/principal.ts';
import { setAll } from '../containment/run.ts';
import type { Input } from './input.ts';
import { itemsOf, policyName } from './items.ts';

/** Contains: safe to run again after a kill at any point. */
export async function apply(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const began = performance.now();
  const { work, place, principal } = await mandated(
    action,
    account,
    context,
    mandate,
    principalName(mandate.input.principal),
  );
  await refuseProtected(place, principal);
  const done = await setAll(work, itemsOf(place, principal));
  const { kind, name } = principal;
  const remove = `aws iam delete-${kind}-policy --${kind}-name ${name} --policy-name ${policyName}`;
  return {
    ...done,
    measures: { containedMs: Math.round(performance.now() - began) },
    outputs: { principal: principal.arn, policy: policyName },
    byHand:
      kind === 'user'
        ? remove
        : `put the trust policy of the snapshot back (aws iam update-assume-role-policy --role-name ${name}), then ${remove}`,
  };
}
