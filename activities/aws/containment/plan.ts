import type { ActionContext, Authority, Limit, Plan } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import type { Item } from './items.ts';
import type { Principal } from './principal.ts';
import { changeOf } from './run.ts';
import { takeSnapshot } from './snapshot.ts';

/** The cut-off where none is known: a plan's, which is to come, and that of whoever looks at what stands. */
export const notYet = '9999-12-31T23:59:59Z';

/** What a denial of everything may take, of a rule. They are put back at the release. */
export const forRoom =
  ", and, where IAM's quota leaves that policy no room, remove the largest inline policies beside it until it fits";

export interface Words {
  action: string;
  target: { kind: string; uid: string };
  rule: string;
  supports: string[];
  notCovered: Limit[];
  undo: string;
  description: Plan['description'];
}

/** A plan that sets these items of one principal: takes the snapshot, and says what would change. */
export async function planOf(
  context: ActionContext,
  account: Account,
  principal: Principal,
  items: readonly Item[],
  words: Words,
): Promise<Plan> {
  const { snapshot, ref } = await takeSnapshot(context, { account: account.place, principal }, items);
  const stateOf = (item: Item) => snapshot.states[item.key] ?? null;
  const alreadyHeld = items.some((item) => item.marked && item.ours(stateOf(item)));
  const changes = items
    .filter((item) => !item.stands(stateOf(item)))
    .map((item) => changeOf(item, stateOf(item), undefined));
  const authority: Authority = {
    action: words.action,
    targets: [{ ...words.target, cluster: account.place, name: principal.arn }],
    rule: words.rule,
    caps: { principals: 1 },
    undo: 'restore',
  };
  const whole = {
    action: words.action,
    authority,
    facts: [
      {
        cluster: account.place,
        namespace: '',
        principal: principal.arn,
        supports: words.supports,
        pods: 0,
        environment: account.environment,
      },
    ],
    changes,
    changeCount: changes.length,
    notCovered: words.notCovered,
    undo: { kind: 'restore' as const, text: words.undo },
    description: words.description,
    snapshot: ref,
    ...(alreadyHeld ? { alreadyHeld } : {}),
  };
  const full = await context.evidence.put(JSON.stringify(whole), 'application/json', { essential: true });
  return { ...whole, full };
}
