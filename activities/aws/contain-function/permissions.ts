import type { KnownInput } from '../../../domain/action.ts';
import type { Permission } from '../../../domain/permission.ts';
import { grant, roles } from '../containment/permissions.ts';

/** Who is contained is known only when a playbook runs, so no name can be given here. Versions and aliases are below a function's ARN. */
const functions = 'arn:${partition}:lambda:${region}:${account}:function:*';
const mappings = 'arn:${partition}:lambda:${region}:${account}:event-source-mapping:*';

export const permissions: Permission[] = [
  grant(
    'plan',
    [
      'lambda:GetFunctionConfiguration',
      'lambda:GetFunctionConcurrency',
      'lambda:GetFunctionEventInvokeConfig',
      'lambda:GetProvisionedConcurrencyConfig',
      'lambda:ListFunctionUrlConfigs',
      'lambda:ListProvisionedConcurrencyConfigs',
    ],
    [functions],
    'what it is, what runs it, and the values that the release puts back',
  ),
  // AWS knows no resource for these two: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
  grant(
    'plan',
    ['lambda:ListEventSourceMappings', 'lambda:ListFunctions'],
    ['*'],
    'what feeds it, and which other functions run as its role',
  ),
  grant('plan', ['lambda:GetEventSourceMapping'], [mappings], 'whether an event source is enabled'),
  grant(
    'plan',
    ['iam:GetRole', 'iam:GetRolePolicy'],
    [roles],
    'whom it runs as, and what would be overwritten',
  ),
  grant(
    'apply',
    ['lambda:DeleteProvisionedConcurrencyConfig', 'lambda:PutFunctionConcurrency'],
    [functions],
    'to let no invocation start',
  ),
  grant('apply', ['lambda:UpdateEventSourceMapping'], [mappings], 'to disable what feeds it'),
  grant(
    'apply',
    ['iam:DeleteRolePolicy', 'iam:ListRolePolicies'],
    [roles],
    "to make room where IAM's quota of inline policies is used up",
  ),
  grant('apply', ['iam:PutRolePolicy'], [roles], 'to deny its role everything, or the sessions from before'),
  grant(
    'verify',
    ['iam:SimulatePrincipalPolicy'],
    [roles],
    "to have IAM itself evaluate the role's policies",
  ),
  grant(
    'undo',
    ['lambda:DeleteFunctionConcurrency', 'lambda:PutProvisionedConcurrencyConfig'],
    [functions],
    'to let it run again as before',
  ),
  grant('undo', ['iam:DeleteRolePolicy'], [roles], 'to take the denial away'),
];

/** A function whose name is known, with its versions and aliases; no right on roles where its role is kept. */
export function narrow({ known, open }: KnownInput): { [resource: string]: string[] } {
  const { function: named, role = 'keep' } = known;
  const narrowed: { [resource: string]: string[] } = {};
  if (typeof named === 'string') {
    const base = named.startsWith('arn:') ? named : functions.replace(/\*$/, named);
    narrowed[functions] = [base, `${base}:*`];
  }
  if (role === 'keep' && !open.includes('role')) narrowed[roles] = [];
  return narrowed;
}
