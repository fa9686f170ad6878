import {
  CreateUserCommand,
  DeleteUserCommand,
  DeleteRolePolicyCommand,
  DeleteUserPolicyCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  UpdateAssumeRolePolicyCommand,
  DeleteAccessKeyCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { breakGlassUser } from '../support/aws-house.ts';
import {
  contain,
  containKey,
  revoke,
  documentOf,
  everything,
  text,
  trusting,
  killedEverywhere,
  mandateOf,
  openContainHouse,
  type ContainHouse,
} from '../support/aws-contain.ts';
import { awsPermissionsUsed, callsOf } from '../support/permissions-used.ts';

let house: ContainHouse;
beforeAll(async () => {
  house = await openContainHouse();
}, 180_000);
afterAll(() => house?.close());

const sized = (size: number) =>
  text(documentOf({ Effect: 'Allow', Action: '*', Resource: '*', Sid: 'S'.repeat(size) }));

/** Fills IAM's quotas of inline policies up, so that a denial has no room. */
async function crowd(user: string, role: string): Promise<void> {
  for (const [PolicyName, size] of Object.entries({ one: 100, two: 780, three: 780 })) {
    await house.iam.send(
      new PutUserPolicyCommand({ UserName: user, PolicyName, PolicyDocument: sized(size) }),
    );
  }
  for (const [PolicyName, size] of Object.entries({ one: 100, two: 9_850 })) {
    await house.iam.send(
      new PutRolePolicyCommand({ RoleName: role, PolicyName, PolicyDocument: sized(size) }),
    );
  }
}

test('killed at every boundary of apply and undo: the same end, and nothing is written twice', async () => {
  const caller = await house.user();
  await house.aws.createRole('killed', { trust: trusting(caller.arn), policies: { all: everything } });
  const cases = [
    { name: contain, input: { principal: 'role/killed' }, kind: 'role' as const, of: 'killed', writes: 2 },
    {
      name: containKey,
      input: { accessKeyId: caller.credential.accessKeyId, userCompromised: true },
      kind: 'user' as const,
      of: caller.name,
      writes: 2,
    },
    { name: revoke, input: { role: 'role/killed' }, kind: 'role' as const, of: 'killed', writes: 1 },
  ];
  const writes = () =>
    house.aws
      .calls()
      .filter(
        ({ caller: by, action }) =>
          by?.includes('/firebreak/') === true && /^(Put|Update|Delete)/.test(action),
      );
  for (const { name, input, kind, of, writes: expected } of cases) {
    const action = house.action(name);
    const before = await house.picture(kind, of);
    const mandate = mandateOf(action, await house.plan(name, input), input);
    const earlier = writes().length;
    const applied = await killedEverywhere(house, (context) => action.apply(context, mandate));
    expect(applied.kills).toBeGreaterThanOrEqual(2 * expected);
    expect(writes().length - earlier).toBe(expected);
    expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'in-place' });
    const undone = await killedEverywhere(house, (context) => action.undo(context, mandate));
    expect(undone.result).toMatchObject({ conflicts: [] });
    expect(writes().length - earlier).toBe(2 * expected);
    expect(await house.picture(kind, of)).toEqual(before);
  }
}, 120_000);

test('what somebody wrote under our name, before the plan or after it, is overwritten and kept; an edit during the hold is left alone', async () => {
  const { name } = await house.user();
  const PolicyName = 'firebreak-contain';
  const put = (document: object) =>
    house.iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName, PolicyDocument: text(document) }));
  const squatter = documentOf({ Effect: 'Allow', Action: 'iam:*', Resource: '*' });
  await put(squatter);
  const before = await house.picture('user', name);
  const action = house.action(contain);
  const input = { principal: `user/${name}` };
  const plan = await house.plan(contain, input);
  const mandate = mandateOf(action, plan, input);
  const later = documentOf({ Effect: 'Allow', Action: 's3:*', Resource: '*' });
  await put(later);
  const applied = await action.apply(house.context(), mandate);
  expect(applied.artefacts).toHaveLength(1);
  const [artefact] = applied.artefacts;
  const kept = await house.evidence.get(artefact ?? plan.snapshot);
  expect(JSON.parse(new TextDecoder().decode(kept))).toEqual(later);
  expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'in-place' });
  const undone = await action.undo(house.context(), mandate);
  expect(undone.notRestored).toEqual([expect.stringContaining(artefact?.digest ?? '-')]);
  expect(await house.picture('user', name)).toEqual(before);

  await action.apply(house.context(), mandate);
  await put(later);
  expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'absent' });
  const conflict = await action.undo(house.context(), mandate);
  expect(conflict.conflicts).toEqual([
    { object: `user policy ${PolicyName}`, why: expect.stringContaining('somebody changed it') },
  ]);
  expect((await house.picture('user', name))[PolicyName]).toBe(text(later));
}, 60_000);

test('a third party’s edits during the hold of a key: released by hand, deleted, and the rest put back', async () => {
  const { name, credential } = await house.user();
  const { action, mandate } = await house.contained(containKey, { accessKeyId: credential.accessKeyId });
  const key = { UserName: name, AccessKeyId: credential.accessKeyId };
  await house.iam.send(new UpdateAccessKeyCommand({ ...key, Status: 'Active' }));
  expect(await action.verify(house.context(), mandate)).toMatchObject({
    state: 'partial',
    verdict: 'failed',
  });
  await house.iam.send(new DeleteAccessKeyCommand(key));
  const undone = await action.undo(house.context(), mandate);
  expect(undone.conflicts).toEqual([
    { object: `access key ${credential.accessKeyId}`, why: expect.stringContaining('somebody removed it') },
  ]);
  expect(await house.picture('user', name)).toEqual({ all: expect.anything() });
}, 60_000);

test('a key that was Inactive before stays so', async () => {
  const { name, credential } = await house.user();
  const key = { UserName: name, AccessKeyId: credential.accessKeyId };
  await house.iam.send(new UpdateAccessKeyCommand({ ...key, Status: 'Inactive' }));
  const { action, mandate } = await house.contained(containKey, { accessKeyId: credential.accessKeyId });
  await action.undo(house.context(), mandate);
  expect((await house.picture('user', name))[credential.accessKeyId]).toBe('Inactive');
}, 60_000);

test('a user of the same name made again is another one; a user that is gone leaves nothing to undo', async () => {
  const { name, credential } = await house.user();
  const { action, mandate } = await house.contained(contain, { principal: `user/${name}` });
  for (const PolicyName of ['all', 'firebreak-contain']) {
    await house.iam.send(new DeleteUserPolicyCommand({ UserName: name, PolicyName }));
  }
  await house.iam.send(new DeleteAccessKeyCommand({ UserName: name, AccessKeyId: credential.accessKeyId }));
  await house.iam.send(new DeleteUserCommand({ UserName: name }));
  const undone = await action.undo(house.context(), mandate);
  expect(undone.conflicts).toMatchObject([{ why: expect.stringContaining('FB3320') }]);
  await house.iam.send(new CreateUserCommand({ UserName: name, Path: '/team/' }));
  await expect(action.apply(house.context(), mandate)).rejects.toMatchObject({ type: 'TargetGone' });
}, 60_000);

test('the engine, break-glass and service-linked roles are protected, in the plan and again at the change', async () => {
  await house.aws.createUser(breakGlassUser);
  await house.aws.createRole('AWSServiceRoleForSupport', {
    path: '/aws-service-role/support.amazonaws.com/',
    trust: documentOf({
      Effect: 'Allow',
      Principal: { Service: 'support.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  const reasons = {
    'role/firebreak': 'Firebreak itself acts as it',
    [`user/${breakGlassUser}`]: 'breakGlass',
    'role/AWSServiceRoleForSupport': 'service-linked',
  };
  const action = house.action(contain);
  for (const [principal, reason] of Object.entries(reasons)) {
    const plan = await house.plan(contain, { principal });
    expect(plan.facts).toMatchObject([{ supports: [expect.stringContaining(reason)] }]);
    await expect(action.apply(house.context(), mandateOf(action, plan, { principal }))).rejects.toMatchObject(
      {
        type: 'Refused',
      },
    );
  }
}, 60_000);

test('a write takes its time to count: verification waits for it, and says how long', async () => {
  const { credential, arn } = await house.user();
  const input = { principal: arn, credential: await house.keep(credential) };
  const action = house.action(contain);
  const plan = await house.plan(contain, input);
  const mandate = mandateOf(action, plan, input);
  // The engine's own session comes first: it takes as long to count as anything else.
  house.aws.setPropagation(1_500);
  try {
    await action.apply(house.context(), mandate);
    expect(await house.tryIt(credential)).toBe('allowed');
    const { claims } = await action.verify(house.context(), mandate);
    const trial = claims.at(-1);
    expect(trial?.verdict).toBe('verified');
    const evaluated = claims.at(-2)?.detail ?? '';
    const waited = /seen after (\d+\.\d) s/.exec(evaluated)?.[1];
    expect(Number(waited)).toBeGreaterThan(0.5);
  } finally {
    house.aws.setPropagation(0);
  }
}, 60_000);

test('a credential that is not the key’s, or no JSON, is named by its secret and never by its value', async () => {
  const { credential } = await house.user();
  const { credential: another } = await house.user();
  const { action, mandate } = await house.contained(containKey, { accessKeyId: credential.accessKeyId });
  const wrong = { ...mandate, input: { ...mandate.input, credential: await house.keep(another) } };
  const error = await action.verify(house.context(), wrong).then(
    () => new Error('it passed'),
    (thrown: Error) => thrown,
  );
  expect(error.message).toContain('FB3322');
  expect(error.stack).not.toContain(another.secretAccessKey);
  await action.undo(house.context(), mandate);
  const unknown = house.plan(containKey, { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' });
  await expect(unknown).rejects.toThrow('FB3323');
}, 60_000);

test('an answer that was lost, and a throttled call: the same end', async () => {
  const { name, credential } = await house.user();
  const before = await house.picture('user', name);
  for (const call of ['UpdateAccessKey', 'PutUserPolicy']) house.aws.fault(call, 'lose-answer');
  const { action, mandate } = await house.contained(containKey, { accessKeyId: credential.accessKeyId });
  expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'in-place' });
  for (const call of ['UpdateAccessKey', 'DeleteUserPolicy']) house.aws.fault(call, 'lose-answer');
  await action.undo(house.context(), mandate);
  expect(await house.picture('user', name)).toEqual(before);
}, 60_000);

test('the generated policy is exact: without any one of its actions, something is refused', async () => {
  const all = house.permissions;
  const whole = await house.grant(all);
  const caller = await house.user();
  await house.aws.createRole('exact', { trust: trusting(caller.arn), policies: { all: everything } });
  const crowded = await house.user();
  await house.aws.createRole('exact-crowded', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  await crowd(crowded.name, 'exact-crowded');
  const inputs: [string, { [name: string]: string | boolean }][] = [
    [contain, { principal: `user/${caller.name}` }],
    [contain, { principal: 'role/exact' }],
    [contain, { principal: `user/${crowded.name}` }],
    [contain, { principal: 'role/exact-crowded' }],
    [containKey, { accessKeyId: caller.credential.accessKeyId, userCompromised: false }],
    [revoke, { role: 'role/exact' }],
  ];
  const refusedOf = () =>
    house.aws.calls().filter(({ errorCode }) => errorCode?.startsWith('AccessDenied') === true).length;
  const round = async () => {
    for (const [name, input] of inputs) {
      const { action, mandate } = await house.contained(name, input);
      await action.verify(house.context(), mandate);
      await action.undo(house.context(), mandate);
    }
  };
  const earlier = refusedOf();
  await round();
  expect(refusedOf()).toBe(earlier);
  // What a failure left standing is cleared away before the next.
  const reset = async () => {
    for (const UserName of [caller.name, crowded.name]) {
      const { PolicyNames = [] } = await house.iam.send(new ListUserPoliciesCommand({ UserName }));
      for (const PolicyName of PolicyNames.filter((one) => one.startsWith('firebreak-')))
        await house.iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName }));
    }
    for (const RoleName of ['exact', 'exact-crowded']) {
      const { PolicyNames = [] } = await house.iam.send(new ListRolePoliciesCommand({ RoleName }));
      for (const PolicyName of PolicyNames.filter((one) => one.startsWith('firebreak-')))
        await house.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
      const PolicyDocument = text(trusting(caller.arn));
      await house.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
    }
    const key = { UserName: caller.name, AccessKeyId: caller.credential.accessKeyId };
    await house.iam.send(new UpdateAccessKeyCommand({ ...key, Status: 'Active' }));
    await crowd(crowded.name, 'exact-crowded');
  };
  const missed: string[] = [];
  for (const without of new Set(whole.Statement.flatMap(({ Action }) => Action))) {
    const Statement = whole.Statement.map((statement) => ({
      ...statement,
      Action: statement.Action.filter((action) => action !== without),
    })).filter(({ Action }) => Action.length > 0);
    await house.grantDocument({ ...whole, Statement });
    const refused = refusedOf();
    await round().catch(() => undefined);
    if (refusedOf() === refused) missed.push(without);
    await reset();
  }
  await house.grant(all);
  expect(missed).toEqual([]);
}, 600_000);

test('a quota of inline policies that is used up is no shelter: the largest go, and come back as they were', async () => {
  const target = await house.user();
  await house.aws.createRole('crowded', { trust: trusting(target.arn), policies: { all: everything } });
  await crowd(target.name, 'crowded');
  const of = { user: target.name, role: 'crowded' };
  const cases = [
    { name: contain, input: { principal: `user/${of.user}` }, kind: 'user' as const },
    { name: contain, input: { principal: 'role/crowded' }, kind: 'role' as const },
    {
      name: containKey,
      input: { accessKeyId: target.credential.accessKeyId, userCompromised: true },
      kind: 'user' as const,
    },
  ];
  for (const { name, input, kind } of cases) {
    const action = house.action(name);
    const before = await house.picture(kind, of[kind]);
    const mandate = mandateOf(action, await house.plan(name, input), input);
    const applied = await killedEverywhere(house, (context) => action.apply(context, mandate));
    expect(applied.kills).toBeGreaterThan(2);
    const during = await house.picture(kind, of[kind]);
    expect(Object.keys(before).filter((key) => !(key in during))).toHaveLength(1);
    expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'in-place' });
    const undone = await killedEverywhere(house, (context) => action.undo(context, mandate));
    expect(undone.result.conflicts).toEqual([]);
    expect(await house.picture(kind, of[kind])).toEqual(before);
  }
}, 120_000);

test('a document that AWS does not take back is a conflict, and the rest is put back', async () => {
  const caller = await house.user();
  await house.aws.createRole('orphaned', { trust: trusting(caller.arn), policies: { all: everything } });
  const { action, mandate } = await house.contained(contain, { principal: 'role/orphaned' });
  house.aws.fault('UpdateAssumeRolePolicy', 'malformed');
  const undone = await action.undo(house.context(), mandate);
  expect(undone.conflicts).toEqual([
    { object: 'trust policy', why: expect.stringContaining('AWS does not take it back') },
  ]);
  expect(Object.keys(await house.picture('role', 'orphaned'))).toEqual(['all', 'trust']);
}, 60_000);

test.each([contain, containKey, revoke])(
  '%s: every permission is used, and nothing else was asked for',
  (name) => {
    const { id: account, region, partition } = house.account;
    const calls = callsOf(house.callsDuring(name), 'firebreak');
    expect(awsPermissionsUsed(house.action(name), calls, { account, region, partition })).toEqual({
      unused: [],
      undeclared: [],
    });
  },
);
