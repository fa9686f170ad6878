import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '../../testbed/process.ts';
import type { Intents } from '../support/action-context.ts';
import {
  contain,
  containKey,
  revoke,
  everything,
  text,
  trusting,
  openContainHouse,
  type ContainHouse,
} from '../support/aws-contain.ts';

let house: ContainHouse;
beforeAll(async () => {
  house = await openContainHouse();
}, 180_000);
afterAll(() => house?.close());

const timeOf = (value: unknown) => Date.parse(typeof value === 'string' ? value : '');

test('a contained user can do nothing, with any key and in any session; the release puts everything back', async () => {
  const { name, arn, credential } = await house.user();
  const second = await house.aws.createKey(name);
  const session = await house.aws.sessionToken(credential);
  const before = await house.picture('user', name);
  const secret = await house.keep(credential);
  const { action, plan, mandate, applied } = await house.contained(contain, {
    principal: arn,
    credential: secret,
  });
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
  const caller = await house.user();
  const role = await house.aws.createRole('shop', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  // As a person wrote it, with its spaces: exact is exact.
  const odd = text(trusting(caller.arn));
  await house.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'shop', PolicyDocument: odd }));
  const session = await house.aws.assumeRole(caller.credential, role.arn, 'before');
  const before = await house.picture('role', 'shop');
  const { action, mandate } = await house.contained(contain, { principal: 'role/shop' });
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
  const { name, credential } = await house.user();
  const other = await house.aws.createKey(name);
  const session = await house.aws.sessionToken(credential);
  const before = await house.picture('user', name);
  const input = { accessKeyId: credential.accessKeyId, credential: await house.keep(credential) };
  const { action, plan, mandate, applied } = await house.contained(containKey, input);
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
  const { name, credential } = await house.user();
  const other = await house.aws.createKey(name);
  const input = { accessKeyId: credential.accessKeyId, userCompromised: true };
  const { action, plan, mandate } = await house.contained(containKey, input);
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
  const { credential: one, name } = await house.user();
  const two = await house.aws.createKey(name);
  const first = await house.contained(containKey, { accessKeyId: one.accessKeyId, userCompromised: true });
  const second = await house.contained(containKey, { accessKeyId: two.accessKeyId, userCompromised: true });
  await first.action.undo(house.context(), first.mandate);
  expect(await house.tryIt(one)).toBe('AccessDeniedException');
  expect(await house.tryIt(two)).toBe('UnrecognizedClientException');
  await second.action.undo(house.context(), second.mandate);
  expect([await house.tryIt(one), await house.tryIt(two)]).toEqual(['allowed', 'allowed']);
}, 60_000);

test('what was done with a key is found, through sessions that began sessions', async () => {
  const { name, credential } = await house.user();
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
  const { action, mandate, applied } = await house.contained(containKey, {
    accessKeyId: credential.accessKeyId,
  });
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
  const { credential } = await house.user();
  const { permissions } = house.action(containKey);
  await house.grant(
    permissions.filter((one) => one.system !== 'aws' || !one.actions.includes('cloudtrail:LookupEvents')),
  );
  try {
    const { applied } = await house.contained(containKey, { accessKeyId: credential.accessKeyId });
    expect(applied.unavailable).toMatchObject([{ what: 'what was done with the key' }]);
    expect(applied.outputs).toMatchObject({ trailComplete: false });
    expect(await house.tryIt(credential)).toBe('UnrecognizedClientException');
  } finally {
    await house.grant(house.permissions);
  }
}, 60_000);

test("a role's sessions from before are denied, those from after are not; the trial of a stolen one proves it", async () => {
  const caller = await house.user();
  const role = await house.aws.createRole('deploy', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  const stolen = await house.aws.assumeRole(caller.credential, role.arn, 'stolen');
  const before = await house.picture('role', 'deploy');
  const input = { role: role.arn, credential: await house.keep(stolen) };
  const { action, mandate, applied } = await house.contained(revoke, input);
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
  const caller = await house.user();
  const role = await house.aws.createRole('moving', {
    trust: trusting(caller.arn),
    policies: { all: everything },
  });
  const intents: Intents = new Map();
  const first = await house.contained(revoke, { role: 'role/moving' }, intents);
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
