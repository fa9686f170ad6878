import type { ActionContext, Limit, Plan } from '../../../domain/action.ts';
import type { Account } from '../accounts.ts';
import { notYet, planOf } from '../containment/plan.ts';
import { principalName, readPrincipal, supportsOf } from '../containment/principal.ts';
import type { Input } from './input.ts';
import { itemOf } from './item.ts';

export const alwaysNotCovered: Limit[] = [
  {
    code: 'assumes-again',
    text: 'Whoever may assume the role gets a new session at once, with a stolen ServiceAccount token or a key that still works too: close that door as well.',
  },
  {
    code: 'sessions-of-other-roles',
    text: 'Sessions that were begun from a session of this role live on in their own roles (12 hours at most).',
  },
  {
    code: 'sessions-live-again',
    text: 'Sessions from before work again after the release, until they expire: release when the longest session of the role has passed.',
  },
  {
    code: 'propagation',
    text: 'IAM is eventually consistent: the denial takes seconds, seldom minutes, to count everywhere.',
  },
  {
    code: 'get-caller-identity',
    text: 'sts:GetCallerIdentity answers whatever is denied: an answer of its proves nothing.',
  },
  { code: 'what-was-done', text: 'What the sessions did already stays.' },
];

/** Reads only. */
export async function plan(
  action: string,
  account: Account,
  context: ActionContext,
  { incident, input }: { incident: string; input: Input },
): Promise<Plan> {
  const place = { account, incident, signal: context.signal };
  const role = await readPrincipal(place, principalName(input.role));
  return planOf(context, account, role, [itemOf(place, role.name, notYet)], {
    action,
    target: { kind: 'Role', uid: role.id },
    rule: 'deny everything to the sessions of this role that were issued before the step is applied',
    supports: await supportsOf(place, role),
    notCovered: alwaysNotCovered,
    undo: 'the denial is removed; sessions from before that have not expired work again',
    description: {
      title: `Revoke the sessions of role ${role.name} in AWS account ${account.name}`,
      ifApproved: [
        `Every session of role ${role.name} from before is denied everything, those of workloads too.`,
        'Workloads that notice get a new session by themselves; some must be restarted.',
      ],
      ifDenied: [`Nothing changes: stolen sessions of role ${role.name} work until they expire.`],
    },
  });
}
