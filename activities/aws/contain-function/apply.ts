import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { cutOff } from '../containment/cut-off.ts';
import { setAll } from '../containment/run.ts';
import type { Input } from '../contain-function.ts';
import { reservedKey } from './concurrency.ts';
import { functionItems, policyName, roleItem } from './items.ts';
import { mandated, mandatedRole } from './mandated.ts';
import { remembered } from './set-by-us.ts';

/** Contains: safe to run again after a kill at any point. The function first: whatever is wrong with its role must not let it run. */
export async function apply(
  action: string,
  account: Account,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const began = performance.now();
  const known = await mandated(action, account, context, mandate);
  const { work, place, target, snapshot } = known;
  const { input } = mandate;
  const of = { action, account: account.place };
  const own = (await functionItems(place, target)).map((item) => remembered(item, context, mandate, of));
  const done = await setAll(work, own);
  const stoppedMs = Math.round(performance.now() - began);
  const role = await mandatedRole(known, input);
  if (role !== undefined && input.role !== 'keep') {
    const approved = { ...target, role: role.arn };
    const until = input.role === 'deny-sessions' ? await cutOff(context) : undefined;
    const denied = await setAll(work, [roleItem(place, approved, input.role, until)]);
    done.changes.push(...denied.changes);
    done.already += denied.already;
    done.artefacts.push(...denied.artefacts);
    done.unavailable.push(...denied.unavailable);
    if (target.role !== role.arn) {
      done.unavailable.push({
        what: `denial of role ${target.role}`,
        why: `the function runs as it since the plan was made, and ${role.arn} was approved: contain it too`,
      });
    }
  }
  const reserved = snapshot.states[reservedKey] ?? null;
  return {
    ...done,
    measures: { stoppedMs, containedMs: Math.round(performance.now() - began) },
    outputs: {
      function: target.arn,
      role: target.role,
      disabledEventSources: done.changes.filter(({ object }) => object.kind === 'EventSourceMapping').length,
    },
    byHand: byHand(target.name, reserved, role?.name, policyName(account.region, target)),
  };
}

function byHand(name: string, reserved: string | null, role: string | undefined, policy: string): string {
  const concurrency =
    reserved === null
      ? `aws lambda delete-function-concurrency --function-name ${name}`
      : `aws lambda put-function-concurrency --function-name ${name} --reserved-concurrent-executions ${reserved}`;
  const denial =
    role === undefined ? '' : `aws iam delete-role-policy --role-name ${role} --policy-name ${policy}; `;
  return `${denial}${concurrency}; then enable the event source mappings that the snapshot has as Enabled (aws lambda update-event-source-mapping --enabled --uuid …), and put its provisioned concurrency back`;
}
