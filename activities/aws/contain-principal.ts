import type { Action } from '../../domain/action.ts';
import { apply } from './contain-principal/apply.ts';
import { alwaysNotCovered } from './contain-principal/limits.ts';
import { plan } from './contain-principal/plan.ts';
import { undo } from './contain-principal/undo.ts';
import { verify } from './contain-principal/verify.ts';
import { grant, narrowToPrincipal, roles, users } from './containment/permissions.ts';
import { containmentTiming, onAccount } from './containment/verbs.ts';
import type { AwsOptions } from './options.ts';
import { input, type Input } from './contain-principal/input.ts';

const name = 'aws.contain-principal';

const all = [users, roles];
const quota = "to make room where IAM's quota of inline policies is used up";

/** Denies a user or a role everything, with every credential it has, and lets nobody assume the role. */
export function containPrincipal({
  accounts,
  secrets,
}: Pick<AwsOptions, 'accounts' | 'secrets'>): Action<Input> {
  return {
    name,
    title: 'Contain a user or a role of AWS',
    summary:
      'Denies a user or a role everything by an inline policy, whatever else allows it: long-term keys, open sessions and the console alike. Nobody can assume the role any more. ' +
      'The release puts the exact documents back.',
    effect: 'contain',
    input,
    outputs: {
      type: 'object',
      required: ['principal', 'policy'],
      properties: {
        principal: { type: 'string', description: 'ARN' },
        policy: { type: 'string', description: 'Name of the inline policy that denies' },
      },
      additionalProperties: false,
    },
    narrow: narrowToPrincipal('principal'),
    permissions: [
      grant(
        'plan',
        ['iam:GetUser', 'iam:GetUserPolicy'],
        [users],
        'who it is, and what would be overwritten',
      ),
      grant(
        'plan',
        ['iam:GetRole', 'iam:GetRolePolicy'],
        [roles],
        'who it is, and what would be overwritten',
      ),
      grant('apply', ['iam:PutUserPolicy'], [users], 'to deny a user everything'),
      grant('apply', ['iam:ListUserPolicies', 'iam:DeleteUserPolicy'], [users], quota),
      grant('apply', ['iam:ListRolePolicies', 'iam:DeleteRolePolicy'], [roles], quota),
      grant(
        'apply',
        ['iam:PutRolePolicy', 'iam:UpdateAssumeRolePolicy'],
        [roles],
        'to deny a role everything, and everybody the role',
      ),
      grant(
        'verify',
        ['iam:SimulatePrincipalPolicy'],
        all,
        "to have IAM itself evaluate the principal's policies",
      ),
      ...(secrets.permissions?.('read', 'verify') ?? []),
      grant('undo', ['iam:DeleteUserPolicy'], [users], 'to take the denial away'),
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
