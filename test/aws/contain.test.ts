import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '../../testbed/process.ts';
import type { Intents } from '../support/action-context.ts';
import { breakGlassUser } from '../support/aws-house.ts';
import { killedEverywhere, mandateOf, openContainHouse, type ContainHouse } from '../support/aws-contain.ts';

const contain = 'aws.contain-principal';
const containKey = 'aws.contain-access-key';
const revoke = 'aws.revoke-role-sessions';

let house: ContainHouse;
beforeAll(async () => {
  house = await openContainHouse();
  await house.grant([contain, containKey, revoke].flatMap((name) => house.action(name).permissions));
}, 180_000);
afterAll(() => house?.close());

const documentOf = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
const everything = documentOf({ Effect: 'Allow', Action: '*', Resource: '*' });
const text = (document: object) => JSON.stringify(document, undefined, 2);
const trusting = (arn: string) =>
  documentOf({ Sid: 'AsItWas', Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' });

const timeOf = (value: unknown) => Date.parse(typeof value === 'string' ? value : '');

let count = 0;
async function user() {
  const name = `user-${++count}`;
  return house.aws.createUser(name, { path: '/team/', policies: { all: everything } });
}

/** Plans and applies as the engine does. */
async function contained(
  name: string,
  input: { [name: string]: string | number | boolean },
  intents: Intents = new Map(),
) {
  const action = house.action(name);
  const plan = await house.plan(name, input);
  const mandate = mandateOf(action, plan, input);
  const applied = await action.apply(house.context({ intents }), mandate);
  return { action, plan, mandate, applied };
}

test('a contained user can do nothing, with any key and in any session; the release puts everything back', async () => {
  const { name, arn, credential } = await user();
  const second = await house.aws.createKey(name);
  const session = await house.aws.sessionToken(credential);
  const before = await house.picture('user', name);
  const secret = await house.keep(credential);
  const { action, plan, mandate, applied } = await contained(contain, { principal: arn, credential: secret });
  expect(plan).toMatchObject({
    authority: { targets: [{ kind: 'User', cluster: 'aws:production', name: arn }], undo: 'restore' },
    facts: [{ principal: arn, namespace: '', supports: [], environment: 'staging' }],
  });
  expect(plan.alreadyHeld).toBeUndefined();
  expect(applied).toMatchObject({ already: 0, outputs: { principal: arn } });
  for (const one of [credential, second, session])
    expect(await house.tryIt(one)).toBe('AccessDeniedException');
  const verified = await action.verify(house.context(), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'evaluated' });
  expect(verified.claims.find(({ claim }) => claim.includes(secret))).toMatchObject({
    verdict: 'verified',
    detail: expect.stringMatching(/explicit deny; seen after \d+\.\d s/),
  });
  const undone = await action.undo(house.context(), mandate);
  expect(undone).toMatchObject({ conflicts: [], notRestored: [] });
  expect(undone.claims.map(({ verdict }) => verdict)).toEqual(['verified']);
  expect(await house.picture('user', name)).toEqual(before);
  for (const one of [credential, second, session]) expect(await house.tryIt(one)).toBe('allowed');
  expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'absent', verdict: 'failed' });
}, 60_000);

test('a contained role serves nobody: open sessions, new ones; its exact trust policy comes back', async () => {
  const caller = await user();
  const role = await house.aws.createRole('shop', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  // As a person wrote it, with its spaces: exact is exact.
  const odd = text(trusting(caller.arn));
  await house.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'shop', PolicyDocument: odd }));
  const session = await house.aws.assumeRole(caller.credential, role.arn, 'before');
  const before = await house.picture('role', 'shop');
  const { action, mandate } = await contained(contain, { principal: 'role/shop' });
  expect(await house.tryIt(session)).toBe('AccessDeniedException');
  await expect(house.aws.assumeRole(caller.credential, role.arn, 'after')).rejects.toThrow('not authorized');
  expect(await action.verify(house.context(), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
  await action.undo(house.context(), mandate);
  expect(await house.picture('role', 'shop')).toEqual(before);
  expect(before['trust']).toBe(odd);
  expect(await house.tryIt(await house.aws.assumeRole(caller.credential, role.arn, 'after'))).toBe('allowed');
}, 60_000);

test('a leaked key dies with the sessions it began; the other key of its user goes on', async () => {
  const { name, credential } = await user();
  const other = await house.aws.createKey(name);
  const session = await house.aws.sessionToken(credential);
  const before = await house.picture('user', name);
  const input = { accessKeyId: credential.accessKeyId, credential: await house.keep(credential) };
  const { action, plan, mandate, applied } = await contained(containKey, input);
  expect(plan.notCovered).toContainEqual(
    expect.objectContaining({ code: 'other-keys', objects: [`access-keys/${other.accessKeyId}`] }),
  );
  expect(applied.outputs).toMatchObject({ otherKeys: [other.accessKeyId], trailComplete: true });
  expect(await house.tryIt(credential)).toBe('UnrecognizedClientException');
  expect(await house.tryIt(session)).toBe('AccessDeniedException');
  expect(await house.tryIt(other)).toBe('allowed');
  const verified = await action.verify(house.context(), mandate);
  expect(verified).toMatchObject({ state: 'in-place' });
  expect(verified.claims.find(({ claim }) => claim.startsWith('calls with access key'))).toMatchObject({
    verdict: 'verified',
  });
  await action.undo(house.context(), mandate);
  expect(await house.picture('user', name)).toEqual(before);
  expect(await house.tryIt(credential)).toBe('allowed');
}, 60_000);

test('where the user is compromised, its other key and its replacement are dead too', async () => {
  const { name, credential } = await user();
  const other = await house.aws.createKey(name);
  const input = { accessKeyId: credential.accessKeyId, userCompromised: true };
  const { action, plan, mandate } = await contained(containKey, input);
  expect(plan.notCovered.map(({ code }) => code)).not.toContain('other-keys');
  expect(await house.tryIt(other)).toBe('AccessDeniedException');
  // Without its secret, no call was tried: that is not called verified.
  const verified = await action.verify(house.context(), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'evaluated' });
  await action.undo(house.context(), mandate);
  expect(await house.tryIt(other)).toBe('allowed');
  expect(await house.tryIt(credential)).toBe('allowed');
}, 60_000);

test('each of two keys has its own hold: the release of one does not lift the other', async () => {
  const { credential: one, name } = await user();
  const two = await house.aws.createKey(name);
  const first = await contained(containKey, { accessKeyId: one.accessKeyId, userCompromised: true });
  const second = await contained(containKey, { accessKeyId: two.accessKeyId, userCompromised: true });
  await first.action.undo(house.context(), first.mandate);
  expect(await house.tryIt(one)).toBe('AccessDeniedException');
  expect(await house.tryIt(two)).toBe('UnrecognizedClientException');
  await second.action.undo(house.context(), second.mandate);
  expect([await house.tryIt(one), await house.tryIt(two)]).toEqual(['allowed', 'allowed']);
}, 60_000);

test('what was done with a key is found, through sessions that began sessions', async () => {
  const { name, credential } = await user();
  const first = await house.aws.createRole('first', {
    trust: trusting(`arn:aws:iam::${house.aws.accountId}:user/team/${name}`),
    policies: { all: everything },
  });
  const second = await house.aws.createRole('second', {
    trust: trusting(first.arn),
    policies: { all: everything },
  });
  const session = await house.aws.assumeRole(credential, first.arn, 'one');
  const deeper = await house.aws.assumeRole(session, second.arn, 'two');
  const attacker = new IAMClient(house.aws.as(deeper));
  await attacker.send(new CreateUserCommand({ UserName: 'backdoor' }));
  const { AccessKey } = await attacker.send(new CreateAccessKeyCommand({ UserName: 'backdoor' }));
  await new IAMClient(house.aws.as(session)).send(
    new CreateRoleCommand({ RoleName: 'hidden', AssumeRolePolicyDocument: text(trusting('*')) }),
  );
  await new IAMClient(house.aws.as(credential)).send(
    new PutUserPolicyCommand({ UserName: 'backdoor', PolicyName: 'all', PolicyDocument: text(everything) }),
  );
  // Refused: no deed.
  await attacker.send(new CreateUserCommand({ UserName: 'backdoor' })).catch(() => undefined);
  const { action, mandate, applied } = await contained(containKey, { accessKeyId: credential.accessKeyId });
  expect(applied.outputs).toMatchObject({
    rolesAssumed: [first.arn, second.arn],
    rolesElsewhere: [],
    principalsCreated: expect.arrayContaining([
      `arn:aws:iam::${house.aws.accountId}:user/backdoor`,
      `arn:aws:iam::${house.aws.accountId}:role/hidden`,
    ]),
    keysCreated: [AccessKey?.AccessKeyId],
    principalsChanged: ['user/backdoor'],
    trailComplete: true,
  });
  // Found, and not touched: that is for a step with an approval of its own.
  expect(await house.tryIt(session)).toBe('allowed');
  await action.undo(house.context(), mandate);
}, 60_000);

test('a trail that cannot be read is reported, and the containment stands', async () => {
  const { credential } = await user();
  const { permissions } = house.action(containKey);
  await house.grant(
    permissions.filter((one) => one.system !== 'aws' || !one.actions.includes('cloudtrail:LookupEvents')),
  );
  try {
    const { applied } = await contained(containKey, { accessKeyId: credential.accessKeyId });
    expect(applied.unavailable).toMatchObject([{ what: 'what was done with the key' }]);
    expect(applied.outputs).toMatchObject({ trailComplete: false });
    expect(await house.tryIt(credential)).toBe('UnrecognizedClientException');
  } finally {
    await house.grant([contain, containKey, revoke].flatMap((name) => house.action(name).permissions));
  }
}, 60_000);

test("a role's sessions from before are denied, those from after are not; the trial of a stolen one proves it", async () => {
  const caller = await user();
  const role = await house.aws.createRole('deploy', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  const stolen = await house.aws.assumeRole(caller.credential, role.arn, 'stolen');
  const before = await house.picture('role', 'deploy');
  const input = { role: role.arn, credential: await house.keep(stolen) };
  const { action, mandate, applied } = await contained(revoke, input);
  expect(await house.tryIt(stolen)).toBe('AccessDeniedException');
  const cutOff = timeOf(applied.outputs['before']);
  await waitFor('the cut-off', async () => Date.now() >= cutOff);
  const fresh = await house.aws.assumeRole(caller.credential, role.arn, 'fresh');
  expect(await house.tryIt(fresh)).toBe('allowed');
  const verified = await action.verify(house.context(), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'evaluated' });
  expect(verified.claims.at(-1)).toMatchObject({ verdict: 'verified' });
  await action.undo(house.context(), mandate);
  expect(await house.picture('role', 'deploy')).toEqual(before);
}, 60_000);

test('a second incident moves the cut-off on, and the first one run again does not move it back', async () => {
  const caller = await user();
  const role = await house.aws.createRole('moving', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  const intents: Intents = new Map();
  const first = await contained(revoke, { role: 'role/moving' }, intents);
  const cutOff = timeOf(first.applied.outputs['before']);
  await waitFor('the cut-off', async () => Date.now() >= cutOff);
  const late = await house.aws.assumeRole(caller.credential, role.arn, 'late');
  expect(await house.tryIt(late)).toBe('allowed');
  const plan = await house.plan(revoke, { role: 'role/moving' });
  expect(plan.alreadyHeld).toBe(true);
  const mandate = { ...first.mandate, incident: 'inc-2' };
  const second = await first.action.apply(house.context(), mandate);
  expect(second.changes).toHaveLength(1);
  expect(await house.tryIt(late)).toBe('AccessDeniedException');
  const again = await first.action.apply(house.context({ intents }), first.mandate);
  expect(again).toMatchObject({ changes: [], already: 1, outputs: { before: second.outputs['before'] } });
}, 60_000);

test('killed at every boundary of apply and undo: the same end, and nothing is written twice', async () => {
  const caller = await user();
  await house.aws.createRole('killed', { trust: trusting(caller.arn), policies: { all: everything } });
  const cases = [
    { name: contain, input: { principal: 'role/killed' }, kind: 'role' as const, of: 'killed', writes: 2 },
    {
      name: containKey,
      input: { accessKeyId: caller.credential.accessKeyId, userCompromised: true },
      kind: 'user' as const,
      of: caller.name,
      writes: 3,
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
  const { name } = await user();
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
  const { name, credential } = await user();
  const { action, mandate } = await contained(containKey, { accessKeyId: credential.accessKeyId });
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
  const { name, credential } = await user();
  const key = { UserName: name, AccessKeyId: credential.accessKeyId };
  await house.iam.send(new UpdateAccessKeyCommand({ ...key, Status: 'Inactive' }));
  const { action, mandate } = await contained(containKey, { accessKeyId: credential.accessKeyId });
  await action.undo(house.context(), mandate);
  expect((await house.picture('user', name))[credential.accessKeyId]).toBe('Inactive');
}, 60_000);

test('a user of the same name made again is another one; a user that is gone leaves nothing to undo', async () => {
  const { name, credential } = await user();
  const { action, mandate } = await contained(contain, { principal: `user/${name}` });
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
  const { credential, arn } = await user();
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
  const { credential } = await user();
  const { credential: another } = await user();
  const { action, mandate } = await contained(containKey, { accessKeyId: credential.accessKeyId });
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
  const { name, credential } = await user();
  const before = await house.picture('user', name);
  for (const call of ['UpdateAccessKey', 'PutUserPolicy']) house.aws.fault(call, 'lose-answer');
  const { action, mandate } = await contained(containKey, { accessKeyId: credential.accessKeyId });
  expect(await action.verify(house.context(), mandate)).toMatchObject({ state: 'in-place' });
  for (const call of ['UpdateAccessKey', 'DeleteUserPolicy']) house.aws.fault(call, 'lose-answer');
  await action.undo(house.context(), mandate);
  expect(await house.picture('user', name)).toEqual(before);
}, 60_000);

test('the generated policy is exact: without any one of its actions, something is refused', async () => {
  const all = [contain, containKey, revoke].flatMap((name) => house.action(name).permissions);
  const whole = await house.grant(all);
  const caller = await user();
  await house.aws.createRole('exact', { trust: trusting(caller.arn), policies: { all: everything } });
  const inputs: [string, { [name: string]: string | boolean }][] = [
    [contain, { principal: `user/${caller.name}` }],
    [contain, { principal: 'role/exact' }],
    [containKey, { accessKeyId: caller.credential.accessKeyId, userCompromised: true }],
    [revoke, { role: 'role/exact' }],
  ];
  const refusedOf = () =>
    house.aws.calls().filter(({ errorCode }) => errorCode?.startsWith('AccessDenied') === true).length;
  const round = async () => {
    for (const [name, input] of inputs) {
      const { action, mandate } = await contained(name, input);
      await action.verify(house.context(), mandate);
      await action.undo(house.context(), mandate);
    }
  };
  const earlier = refusedOf();
  await round();
  expect(refusedOf()).toBe(earlier);
  const actions = new Set(whole.Statement.flatMap(({ Action }) => Action));
  const missed: string[] = [];
  for (const without of actions) {
    await house.grantDocument({
      ...whole,
      Statement: whole.Statement.map((statement) => ({
        ...statement,
        Action: statement.Action.filter((action) => action !== without),
      })).filter(({ Action }) => Action.length > 0),
    });
    const refused = refusedOf();
    await round().catch(() => undefined);
    if (refusedOf() === refused) missed.push(without);
    // What was left standing by the failure is cleared away before the next.
    await house.grantDocument(whole);
    for (const name of [
      'firebreak-contain',
      `firebreak-sessions-${caller.credential.accessKeyId}`,
      `firebreak-deny-${caller.credential.accessKeyId}`,
    ]) {
      await house.iam
        .send(new DeleteUserPolicyCommand({ UserName: caller.name, PolicyName: name }))
        .catch(() => undefined);
    }
  }
  expect(missed).toEqual([]);
}, 300_000);
