import type { Action } from '../../domain/action.ts';
import { apply } from './contain-access-key/apply.ts';
import { alwaysNotCovered } from './contain-access-key/limits.ts';
import { plan } from './contain-access-key/plan.ts';
import { undo } from './contain-access-key/undo.ts';
import { verify } from './contain-access-key/verify.ts';
import { grant, users } from './containment/permissions.ts';
import { containmentTiming, onAccount } from './containment/verbs.ts';
import type { AwsOptions } from './options.ts';
import { input, type Input } from './contain-access-key/input.ts';

const name = 'aws.contain-access-key';

const list = (description: string) => ({ type: 'array', items: { type: 'string' }, description });

/** Makes a key Inactive, denies the sessions that it began as its user, and finds what else came of it. */
export function containAccessKey({
  accounts,
  secrets,
}: Pick<AwsOptions, 'accounts' | 'secrets'>): Action<Input> {
  return {
    name,
    title: 'Contain an access key that leaked',
    summary:
      "Makes a user's key Inactive and denies the user's temporary credentials from before, which outlive the key. Other keys of the user go on, unless the user itself is compromised. " +
      'CloudTrail tells which roles the key assumed and what it created: later steps take those from the outputs. Nothing is deleted.',
    effect: 'contain',
    input,
    outputs: {
      type: 'object',
      required: [
        'user',
        'otherKeys',
        'rolesAssumed',
        'rolesElsewhere',
        'principalsCreated',
        'keysCreated',
        'principalsChanged',
        'trailComplete',
      ],
      properties: {
        user: { type: 'string', description: 'ARN of the user whose key it is' },
        otherKeys: list("Ids of the user's other keys"),
        rolesAssumed: list('ARNs of roles of this account: revoke their sessions'),
        rolesElsewhere: list('ARNs of roles of other accounts'),
        principalsCreated: list('ARNs of users and roles: contain them'),
        keysCreated: list('Ids of keys that were made with it: contain them'),
        principalsChanged: list('user/NAME and role/NAME whose policies, trust or password were written'),
        trailComplete: {
          type: 'boolean',
          description: 'CloudTrail could be read to its end. Its newest minutes may still be missing',
        },
      },
      additionalProperties: false,
    },
    permissions: [
      grant(
        'plan',
        ['iam:GetAccessKeyLastUsed', 'iam:GetUser', 'iam:GetUserPolicy', 'iam:ListAccessKeys'],
        [users],
        'whose key it is, and what would be overwritten',
      ),
      grant(
        'apply',
        ['iam:UpdateAccessKey', 'iam:PutUserPolicy'],
        [users],
        'to make the key Inactive, and to deny sessions',
      ),
      grant(
        'apply',
        ['iam:ListUserPolicies', 'iam:DeleteUserPolicy'],
        [users],
        "to make room where IAM's quota of inline policies is used up",
      ),
      grant(
        'apply',
        ['cloudtrail:LookupEvents'],
        ['*'],
        'to find what was done with the key; it takes no resource',
      ),
      grant(
        'verify',
        ['iam:SimulatePrincipalPolicy'],
        [users],
        "to have IAM itself evaluate the user's policies",
      ),
      ...(secrets.permissions?.('read', 'verify') ?? []),
      grant('undo', ['iam:DeleteUserPolicy'], [users], 'to take the denials away'),
    ],
    notCovered: alwaysNotCovered,
    timing: { ...containmentTiming, applyMs: 300_000 },
    holds: true,
    ...onAccount(name, accounts, {
      plan,
      apply,
      verify: (action, account, context, mandate) => verify(action, account, secrets, context, mandate),
      undo,
    }),
  };
}
