import type {
  Action,
  ActionContext,
  Applied,
  Mandate,
  Plan,
  Undone,
  Verification,
} from '../../../domain/action.ts';
import { typed } from '../../failure.ts';
import type { Account, AccountRegistry } from '../accounts.ts';

/** A verb over the account that its input names. */
type Verb<Asked, Done> = (
  action: string,
  account: Account,
  context: ActionContext,
  asked: Asked,
) => Promise<Done>;

/** For calls that are answered at once, and a wait until what was set is in force. */
export const containmentTiming: Action['timing'] = {
  planMs: 60_000,
  applyMs: 60_000,
  verifyMs: 180_000,
  undoMs: 60_000,
  heartbeatMs: 30_000,
  attempts: 5,
};

/** The verbs of an action as the catalogue has them: each is given the account, and every error leaves it as a typed failure. */
export function onAccount<I extends { account: string }>(
  action: string,
  accounts: AccountRegistry,
  verbs: {
    plan: Verb<{ incident: string; input: I }, Plan>;
    apply: Verb<Mandate<I>, Applied>;
    verify: Verb<Mandate<I>, Verification>;
    undo: Verb<Mandate<I>, Undone>;
  },
): Pick<Action<I>, 'plan' | 'apply' | 'verify' | 'undo'> {
  const over =
    <Asked extends { input: I }, Done>(verb: Verb<Asked, Done>) =>
    (context: ActionContext, asked: Asked): Promise<Done> =>
      typed(() => verb(action, accounts(asked.input.account), context, asked));
  return {
    plan: over(verbs.plan),
    apply: over(verbs.apply),
    verify: over(verbs.verify),
    undo: over(verbs.undo),
  };
}
