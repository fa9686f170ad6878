import type { ActionContext, Plan } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { forRoom, planOf } from '../containment/plan.ts';
import { principalName, readPrincipal, supportsOf } from '../containment/principal.ts';
import type { Input } from './input.ts';
import { itemsOf } from './items.ts';
import { alwaysNotCovered, roleLimits } from './limits.ts';

/** Reads only. */
export async function plan(
  action: string,
  account: Account,
  context: ActionContext,
  { incident, input }: { incident: string; input: Input },
): Promise<Plan> {
  const place = { account, incident, signal: context.signal };
  const principal = await readPrincipal(place, principalName(input.principal));
  const { kind, name } = principal;
  const isUser = kind === 'user';
  return planOf(context, account, principal, itemsOf(place, principal), {
    action,
    target: { kind: isUser ? 'User' : 'Role', uid: principal.id },
    rule: isUser
      ? `deny this user everything by an inline policy${forRoom}`
      : `deny this role everything by an inline policy, and let nobody assume it${forRoom}`,
    supports: await supportsOf(place, principal),
    notCovered: isUser ? alwaysNotCovered : [...alwaysNotCovered, ...roleLimits],
    undo: isUser
      ? 'the denial is removed; a policy that had its name is put back as it was'
      : 'the trust policy is put back exactly as it was, and the denial is removed; sessions from before work again until they expire',
    description: {
      title: `Contain ${kind} ${name} in AWS account ${account.name}`,
      ifApproved: isUser
        ? [
            `User ${name} can do nothing in AWS any more: with none of its keys, in no session, not in the console.`,
            'What uses its keys stops. A new key for it would be as dead: lift the containment before you rotate.',
          ]
        : [
            `Role ${name} can do nothing in AWS any more, in old sessions and new ones.`,
            'Nobody can assume it: no person, no workload, no AWS service. Whatever runs as the role stops.',
          ],
      ifDenied: [`Nothing changes: whoever holds a credential of ${kind} ${name} goes on.`],
    },
  });
}
