import type { Action } from '../../domain/action.ts';
import { grant, narrowToPrincipal, roles } from './containment/permissions.ts';
import { containmentTiming, onAccount } from './containment/verbs.ts';
import type { AwsOptions } from './options.ts';
import { input, type Input } from './revoke-role-sessions/input.ts';
import { apply, undo, verify } from './revoke-role-sessions/verbs.ts';
import { alwaysNotCovered, plan } from './revoke-role-sessions/plan.ts';

const name = 'aws.revoke-role-sessions';

/** Denies a role's sessions that were issued before now, and leaves those that come after alone. */
export function revokeRoleSessions({
  accounts,
  secrets,
}: Pick<AwsOptions, 'accounts' | 'secrets'>): Action<Input> {
  return {
    name,
    title: 'Revoke the sessions of a role',
    summary:
      'Denies everything to every session of a role that was issued before now, as the IAM console does by AWSRevokeOlderSessions. Workloads that may assume the role get new sessions by ' +
      'themselves; so does an attacker who may.',
    effect: 'contain',
    input,
    outputs: {
      type: 'object',
      required: ['principal', 'policy', 'before'],
      properties: {
        principal: { type: 'string', description: 'ARN of the role' },
        policy: { type: 'string', description: 'Name of the inline policy that denies' },
        before: { type: 'string', description: 'Sessions from before this time are denied. RFC 3339' },
      },
      additionalProperties: false,
    },
    narrow: narrowToPrincipal('role'),
    permissions: [
      grant(
        'plan',
        ['iam:GetRole', 'iam:GetRolePolicy'],
        [roles],
        'which role it is, and what would be overwritten',
      ),
      grant('apply', ['iam:PutRolePolicy'], [roles], 'to deny the sessions from before'),
      grant(
        'verify',
        ['iam:SimulatePrincipalPolicy'],
        [roles],
        "to have IAM itself evaluate the role's policies",
      ),
      ...(secrets.permissions?.('read', 'verify') ?? []),
      grant('undo', ['iam:DeleteRolePolicy'], [roles], 'to take the denial away'),
    ],
    notCovered: alwaysNotCovered,
    timing: containmentTiming,
    holds: true,
    ...onAccount(name, accounts, {
      plan,
      apply,
      verify: (action, account, context, mandate) => verify(action, account, secrets, context, mandate),
      undo,
    }),
  };
}
