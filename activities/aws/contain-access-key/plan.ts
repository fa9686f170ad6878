import type { ActionContext, Limit, Plan } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { forRoom, notYet, planOf } from '../containment/plan.ts';
import { supportsOf } from '../containment/principal.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';
import { alwaysNotCovered } from './limits.ts';
import { ownerOf } from './owner.ts';

/** Reads only; CloudTrail is read when it is applied, after the key is dead. */
export async function plan(
  action: string,
  account: Account,
  context: ActionContext,
  { incident, input }: { incident: string; input: Input },
): Promise<Plan> {
  const place = { account, incident, signal: context.signal };
  const { accessKeyId, userCompromised } = input;
  const { user, otherKeys } = await ownerOf(place, accessKeyId);
  const others: Limit[] =
    otherKeys.length === 0 || userCompromised
      ? []
      : [
          {
            code: 'other-keys',
            text: `The user has another key, which goes on: an attacker may have made it. Where the user itself is compromised, say so (userCompromised).`,
            objects: otherKeys.map((id) => `access-keys/${id}`),
            count: otherKeys.length,
          },
        ];
  return planOf(context, account, user, itemsOf(place, user.name, input, notYet), {
    action,
    target: { kind: 'AccessKey', uid: accessKeyId },
    rule:
      `make access key ${accessKeyId} of this user Inactive, and deny ` +
      (userCompromised
        ? `the user everything by an inline policy${forRoom}`
        : "the user's temporary credentials that were issued before the step is applied"),
    supports: await supportsOf(place, user),
    notCovered: [...alwaysNotCovered, ...others],
    undo: 'the key is made Active again if it was, and the denials are removed; temporary credentials from before that have not expired work again',
    description: {
      title: `Contain access key ${accessKeyId} of user ${user.name} in AWS account ${account.name}`,
      ifApproved: [
        `Access key ${accessKeyId} works no more: what uses it stops. It is not deleted.`,
        `Temporary credentials of user ${user.name} from before are denied everything.`,
        userCompromised
          ? `User ${user.name} can do nothing any more, with no key and not in the console. A new key for it would be as dead: lift the containment before you rotate.`
          : `Other keys of user ${user.name} go on; in the console it must sign in anew.`,
        'CloudTrail is searched for the roles that the key assumed and for what it created. These are named, and not touched.',
      ],
      ifDenied: [`Nothing changes: whoever has access key ${accessKeyId} goes on.`],
    },
  });
}
