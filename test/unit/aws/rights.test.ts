import { isWildcardOnlyAction, runSimulation } from '@cloud-copilot/iam-simulate';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { covers } from '../../../activities/aws/arn-pattern.ts';
import { policyOf, type PolicyDocument, type PolicyStatement } from '../../../activities/aws/policy.ts';
import { MANAGED_POLICY_CHARACTERS, sizeOf, splitPolicy } from '../../../activities/aws/policy-size.ts';
import { rightsOf, type AccountRights, type RightsPlace } from '../../../activities/aws/rights.ts';
import type { AwsPermission } from '../../../domain/permission.ts';
import { catalogue } from '../../../worker/catalogue.ts';

const account = '111122223333';
const engine = `arn:aws:iam::${account}:role/firebreak`;
const breakGlass = `arn:aws:iam::${account}:user/break-glass`;
const bucket = 'arn:aws:s3:::firebreak-evidence';
const key = `arn:aws:kms:eu-central-1:${account}:key/11111111-2222-3333-4444-555555555555`;
const place: RightsPlace = {
  name: 'production',
  account,
  region: 'eu-central-1',
  partition: 'aws',
  engine,
  breakGlass: [breakGlass, `arn:aws:iam::${account}:root`],
  managed: [],
  evidence: [bucket, key],
};

const { actions } = catalogue({}, [
  { name: 'vault', kind: 'aws-secrets-manager', account: 'production', prefix: 'firebreak/' },
]);
const permissions = actions
  .flatMap((action) => action.permissions)
  .filter((permission): permission is AwsPermission => permission.system === 'aws');
const rights = rightsOf(place, permissions);

type Documents = readonly PolicyDocument<PolicyStatement>[];
const anything: PolicyDocument<PolicyStatement> = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'Anything', Effect: 'Allow', Action: ['*'], Resource: ['*'] }],
};
const attached = ({ policies, guard }: AccountRights): Documents => [
  ...policies.map(({ document }) => document),
  guard.document,
];

/** What IAM decides for a session of the engine. A boundary of anything is none. */
async function decide(
  action: string,
  resource: string,
  policies: Documents = attached(rights),
  boundary: PolicyDocument<PolicyStatement> = rights.boundary.document,
): Promise<string> {
  const [, , , , owner = ''] = resource.split(':');
  const result = await runSimulation(
    {
      request: {
        principal: `arn:aws:sts::${account}:assumed-role/firebreak/firebreak-inc-1`,
        action,
        resource: { resource, accountId: owner === '' ? account : owner },
        contextVariables: { 'aws:PrincipalArn': engine },
      },
      identityPolicies: policies.map((policy, index) => ({ name: `p${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      permissionBoundaryPolicies: [{ name: 'boundary', policy: boundary }],
    },
    {},
  );
  if (result.resultType === 'error')
    throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors)}`);
  return result.overallResult;
}

/** An ARN that a declared resource stands for: of a function's provisioned concurrency, a version. */
function example(action: string, resource: string): string {
  const arn = resource
    .replaceAll('${partition}', 'aws')
    .replaceAll('${account}', account)
    .replaceAll('${region}', 'eu-central-1');
  if (arn === '*') return '*';
  return (
    arn.replaceAll('*', 'shop').replaceAll('?', 'A') +
    (action.endsWith('ProvisionedConcurrencyConfig') ? ':7' : '')
  );
}

const declared = permissions.flatMap(({ actions: named, resources }) =>
  named.flatMap((action) => resources.map((resource) => ({ action, arn: example(action, resource) }))),
);
// A version and an alias look the same to iam-simulate, which then does not judge.
const judged = declared.filter(({ arn }) => !arn.endsWith(':shop:7'));

test('the generated policies allow every declared call on its resource, under the boundary', async () => {
  expect(judged.length).toBeGreaterThan(30);
  const refused: string[] = [];
  for (const { action, arn } of judged) {
    if ((await decide(action, arn)) !== 'Allowed') refused.push(`${action} on ${arn}`);
  }
  expect(refused).toEqual([]);
});

test('without any one of its statements a declared call is refused', async () => {
  const { Statement } = policyOf(permissions, place);
  for (const left of Statement) {
    const rest = { Version: '2012-10-17' as const, Statement: Statement.filter((one) => one !== left) };
    const decisions = await Promise.all(
      declared
        .filter(({ action }) => left.Action.includes(action))
        .map(({ action, arn }) => decide(action, arn.replace(/:7$/, ''), [rest]).catch(() => 'Allowed')),
    );
    const onlyProvisioned = left.Action.every((action) => action.includes('ProvisionedConcurrency'));
    expect([left.Sid, onlyProvisioned || decisions.some((one) => one !== 'Allowed')]).toEqual([
      left.Sid,
      true,
    ]);
  }
}, 60_000);

test.each([
  ['iam:PutRolePolicy', engine],
  ['iam:AttachRolePolicy', engine],
  ['iam:DeleteRolePermissionsBoundary', engine],
  ['iam:UpdateAssumeRolePolicy', engine],
  ['sts:AssumeRole', engine],
  ['iam:CreatePolicyVersion', `arn:aws:iam::${account}:policy/firebreak-engine-boundary`],
  ['iam:DeletePolicy', `arn:aws:iam::${account}:policy/firebreak-engine-2`],
  ['iam:UpdateAccessKey', breakGlass],
  ['iam:PutUserPolicy', breakGlass],
  ['sts:AssumeRoot', `arn:aws:iam::${account}:root`],
  ['organizations:LeaveOrganization', '*'],
  ['cloudtrail:StopLogging', `arn:aws:cloudtrail:eu-central-1:${account}:trail/main`],
  ['cloudtrail:DeleteTrail', `arn:aws:cloudtrail:eu-central-1:${account}:trail/main`],
  ['cloudtrail:UpdateTrail', `arn:aws:cloudtrail:eu-central-1:${account}:trail/main`],
  ['s3:DeleteObject', `${bucket}/inc-1/snapshot.json`],
  ['s3:PutBucketPolicy', bucket],
  ['kms:ScheduleKeyDeletion', key],
  ['iam:PassRole', `arn:aws:iam::${account}:role/admin`],
])(
  '%s on %s is explicitly denied, whatever somebody attaches, and with the boundary taken off',
  async (action, arn) => {
    expect(await decide(action, arn, [anything])).toBe('ExplicitlyDenied');
    expect(await decide(action, arn, [anything, ...attached(rights)], anything)).toBe('ExplicitlyDenied');
  },
);

test('what no action declares is refused under the boundary, whatever somebody attaches', async () => {
  const outside = [
    ['iam:CreateUser', `arn:aws:iam::${account}:user/attacker`],
    ['iam:AttachRolePolicy', `arn:aws:iam::${account}:role/admin`],
    ['s3:GetObject', 'arn:aws:s3:::customers/list.csv'],
    ['lambda:UpdateFunctionCode', `arn:aws:lambda:eu-central-1:${account}:function:shop`],
    ['ec2:RunInstances', `arn:aws:ec2:eu-central-1:${account}:instance/*`],
  ] as const;
  for (const [action, arn] of outside) {
    if (arn.includes('*')) continue;
    expect([action, await decide(action, arn, [...attached(rights), anything])]).toEqual([
      action,
      'ImplicitlyDenied',
    ]);
  }
});

test('the reads of a plan are not denied: it says itself why a target must not be touched', async () => {
  expect(await decide('iam:GetUser', breakGlass)).toBe('Allowed');
  expect(await decide('iam:GetRole', engine)).toBe('Allowed');
});

test('no permission has a wildcard for an action, and `*` for a resource only where AWS has no other', async () => {
  for (const { actions: named, resources } of permissions) {
    for (const action of named) {
      expect(action).not.toContain('*');
      const [service = '', verb = ''] = action.split(':');
      const wildcardOnly = await isWildcardOnlyAction(service, verb);
      expect([action, resources]).toEqual([action, wildcardOnly ? ['*'] : expect.not.arrayContaining(['*'])]);
    }
  }
});

test('managed patterns take the place of everything; what lies in none stays, and is said', () => {
  const managed = [
    `arn:aws:iam::${account}:role/apps/*`,
    `arn:aws:lambda:eu-central-1:${account}:function:shop-*`,
  ];
  const { policies, wildcards } = rightsOf({ ...place, managed }, permissions);
  const resources = new Set(
    policies.flatMap(({ document }) => document.Statement.flatMap((one) => one.Resource)),
  );
  expect(resources).toContain(managed[0]);
  expect(resources).not.toContain(`arn:aws:iam::${account}:role/*`);
  expect(resources).toContain(`arn:aws:iam::${account}:user/*`);
  expect(wildcards.map(({ resource }) => resource)).toContain(`arn:aws:iam::${account}:user/*`);
  expect(wildcards.map(({ resource }) => resource)).not.toContain(managed[0]);
});

test('a literal name leaves that one, and a role that is kept needs no right on roles', () => {
  const contain = actions.find(({ name }) => name === 'aws.contain-function');
  const roles = 'arn:${partition}:iam::${account}:role/*';
  const functions = 'arn:${partition}:lambda:${region}:${account}:function:';
  const known = { account: 'production', function: 'checkout' };
  expect(contain?.narrow?.({ known, open: [] })).toEqual({
    [`${functions}*`]: [`${functions}checkout`, `${functions}checkout:*`],
    [roles]: [],
  });
  expect(contain?.narrow?.({ known: {}, open: ['function', 'role'] })).toEqual({});
  const principal = actions.find(({ name }) => name === 'aws.contain-principal');
  expect(principal?.narrow?.({ known: { principal: 'role/ci' }, open: [] })).toEqual({
    [roles.replace('role', 'user')]: [],
    [roles]: [roles.replace('*', 'ci'), `${roles}/ci`],
  });
});

test('who the engine is must be known for it to be kept from itself; it is said when it is not', () => {
  const { engine: _, ...unknown } = place;
  expect(rightsOf(unknown, permissions).notes).toEqual([
    expect.stringContaining('accounts.production.principal'),
  ]);
});

test('no document names what IAM takes in no policy', () => {
  // AWS: "IAM resource path must either be "*" or start with user/, …": https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  const documents = [...rights.policies, rights.guard, rights.boundary].map(({ document }) => document);
  for (const { Statement } of documents) {
    for (const { Sid, Resource } of Statement) {
      expect(Sid).toMatch(/^[A-Za-z0-9]+$/);
      for (const arn of Resource.filter((one) => one.includes(':iam:')))
        expect(arn).toMatch(/:(user|role|policy)\//);
    }
  }
});

const anyPermission = fc.record({
  system: fc.constant('aws' as const),
  actions: fc.uniqueArray(fc.stringMatching(/^iam:[A-Z][a-z]{3,30}$/), { minLength: 1, maxLength: 60 }),
  resources: fc.uniqueArray(fc.stringMatching(/^arn:aws:iam::111122223333:user\/[a-z]{1,60}$/), {
    minLength: 1,
    maxLength: 60,
  }),
  why: fc.constant('a test'),
  verb: fc.constant('apply' as const),
});
const grants = (document: PolicyDocument) =>
  document.Statement.flatMap(({ Action, Resource }) =>
    Action.flatMap((action) => Resource.map((resource) => `${action} ${resource}`)),
  );

test('a policy that is too long is divided into some that fit and grant the same', () => {
  fc.assert(
    fc.property(fc.array(anyPermission, { maxLength: 12 }), (many) => {
      const whole = policyOf(many, place);
      const parts = splitPolicy(whole);
      for (const part of parts) expect(sizeOf(part)).toBeLessThanOrEqual(MANAGED_POLICY_CHARACTERS);
      for (const { Statement } of parts) {
        const sids = Statement.map(({ Sid }) => Sid);
        expect(new Set(sids).size).toBe(sids.length);
        for (const sid of sids) expect(sid).toMatch(/^[A-Za-z0-9]+$/);
      }
      expect(new Set(parts.flatMap(grants))).toEqual(new Set(grants(whole)));
    }),
    { numRuns: 40 },
  );
}, 60_000);

test('a statement that is too long for one policy is divided by its actions', () => {
  const actions = Array.from({ length: 700 }, (_, at) => `iam:GetSomethingOfNumber${at}`);
  const whole = policyOf([{ system: 'aws', actions, resources: ['*'], why: 'a test', verb: 'plan' }], place);
  expect(whole.Statement).toHaveLength(1);
  const parts = splitPolicy(whole);
  expect(parts.length).toBeGreaterThan(3);
  for (const part of parts) expect(sizeOf(part)).toBeLessThanOrEqual(MANAGED_POLICY_CHARACTERS);
  expect(parts.flatMap(grants).toSorted()).toEqual(grants(whole).toSorted());
  expect(() => splitPolicy(whole, 100)).toThrow('does not fit into a policy of IAM');
});

test('a boundary that is too long limits the actions only, with every deny in it, and says so', () => {
  const many = Array.from({ length: 60 }, (_, at) => ({
    system: 'aws' as const,
    actions: ['iam:GetUser', 'iam:PutUserPolicy'],
    resources: Array.from(
      { length: 4 },
      (__, one) => `arn:aws:iam::${account}:user/team-${at}/person-${one}`,
    ),
    why: 'a test',
    verb: 'apply' as const,
  }));
  const { boundary, policies, notes } = rightsOf(place, many);
  expect(policies.length).toBeGreaterThan(1);
  expect(sizeOf(boundary.document)).toBeLessThanOrEqual(MANAGED_POLICY_CHARACTERS);
  expect(boundary.document.Statement).toEqual([
    expect.objectContaining({ Action: ['iam:GetUser', 'iam:PutUserPolicy'], Resource: ['*'] }),
    ...rights.guard.document.Statement,
  ]);
  expect(notes.join('\n')).toContain('the boundary has one policy');
});

/** Some text that a pattern stands for. */
function fill(text: string, by: readonly string[]): string {
  let at = 0;
  return text.replaceAll(/[*?]/g, (wild) => {
    const next = by[at++] ?? '';
    return wild === '*' ? next : next.charAt(0) || 'z';
  });
}

test('one pattern lies within another only when all that it stands for does', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', '/');
  const pattern = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(pattern, pattern, fc.array(fc.constantFrom('', 'a', 'zz', 'ab/')), (outer, inner, by) => {
      if (covers(outer, inner)) expect(covers(outer, fill(inner, by))).toBe(true);
    }),
  );
});
