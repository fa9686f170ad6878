import { GetUserCommand, IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { findUse } from '../../activities/credentials/find-use.ts';
import type { FindUseInput } from '../../activities/credentials/find-use/contract.ts';
import type { Mandate } from '../../domain/action.ts';
import type { Permission } from '../../domain/permission.ts';
import type { Credential } from '../../testbed/aws.ts';
import { readingContext } from '../support/action-context.ts';
import { openAwsHouse, type AwsHouse } from '../support/aws-house.ts';
import { awsPermissionsUsed, callsOf } from '../support/permissions-used.ts';

let house: AwsHouse;
let action: ReturnType<typeof findUse>;
let ofAws: Permission[];

beforeAll(async () => {
  house = await openAwsHouse();
  action = findUse({
    accounts: house.accounts,
    registries: [],
    auditLogs: [],
    registryEvents: { find: () => Promise.reject(new Error('no registry is asked')) },
  });
  ofAws = action.permissions.filter(({ system }) => system === 'aws');
}, 300_000);
afterAll(() => house.close());
beforeEach(async () => {
  house.aws.setTrailDelay(0);
  await house.grant(ofAws);
  await house.aws.settled();
});

/** So many hours ago. */
const hours = (count: number) => new Date(Date.now() - count * 3_600_000).toISOString();
const allow = (...actions: string[]) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
});
const listUsers = async (credential: Credential) =>
  new IAMClient(house.aws.as(credential)).send(new ListUsersCommand({}));

async function mandateOf(
  id: string,
  window: FindUseInput['window'],
  step = 'used',
): Promise<Mandate<FindUseInput>> {
  const input: FindUseInput = { credential: { accessKey: { account: 'production', id } }, window };
  const plan = await action.plan(readingContext(house.evidence), { incident: 'inc-1', step, input });
  return { incident: 'inc-1', step, input, authority: plan.authority, base: plan.snapshot };
}
const find = async (id: string, window: FindUseInput['window'] = { last: '1h' }) =>
  (await action.apply(readingContext(house.evidence), await mandateOf(id, window))).outputs;

test('what a key did, allowed or not, and what its sessions did, as whom and where from', async () => {
  const user = await house.aws.createUser('used', {
    policies: { p: allow('iam:ListUsers', 'sts:AssumeRole') },
  });
  const role = await house.aws.createRole('used-role', {
    trust: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' }],
    },
    policies: { p: allow('iam:ListUsers', 'sts:AssumeRole') },
  });
  const other = await house.aws.createUser('someone-else', { policies: { p: allow('iam:ListUsers') } });
  await listUsers(user.credential);
  await new IAMClient(house.aws.as(user.credential)).send(new GetUserCommand({})).catch(() => undefined);
  const session = await house.aws.assumeRole(user.credential, role.arn, 'a-session');
  await listUsers(session);
  await listUsers(other.credential);

  const outputs = await find(user.credential.accessKeyId);
  expect(outputs).toMatchObject({
    events: 4,
    principals: [user.arn, `arn:aws:sts::${house.aws.accountId}:assumed-role/used-role/a-session`].toSorted(),
    addresses: ['127.0.0.1'],
    digests: [],
  });
  const kept = await house.evidence.get({ digest: outputs['evidence'] as `sha256:${string}` });
  const { uses }: { uses: { action: string; outcome: string; through?: string }[] } = JSON.parse(
    Buffer.from(kept).toString('utf8'),
  );
  expect(uses.map((use) => `${use.action} ${use.outcome} ${use.through ?? ''}`).toSorted()).toEqual([
    'iam.amazonaws.com GetUser AccessDenied ',
    'iam.amazonaws.com ListUsers done ',
    `iam.amazonaws.com ListUsers done ${session.accessKeyId}`,
    'sts.amazonaws.com AssumeRole done ',
  ]);
  for (const secret of [
    user.credential.secretAccessKey,
    session.secretAccessKey,
    session.sessionToken ?? '-',
  ])
    expect(Buffer.from(kept).includes(secret)).toBe(false);
  // By the session's own id it is found too.
  expect(await find(session.accessKeyId)).toMatchObject({ events: 1 });
});

test('more than a page of events is read to the end', async () => {
  const { credential } = await house.aws.createUser('busy', { policies: { p: allow('iam:ListUsers') } });
  await Promise.all(Array.from({ length: 110 }, () => listUsers(credential)));
  expect(await find(credential.accessKeyId)).toMatchObject({ events: 110 });
}, 60_000);

test('the lag of CloudTrail: never complete up to now, and what shows up late is told', async () => {
  const { credential } = await house.aws.createUser('late', { policies: { p: allow('iam:ListUsers') } });
  house.aws.setTrailDelay(3_600_000);
  await listUsers(credential);
  const mandate = await mandateOf(credential.accessKeyId, { last: '1h' }, 'late');
  const { outputs } = await action.apply(readingContext(house.evidence), mandate);
  expect(outputs).toMatchObject({ events: 0, complete: false });
  expect(outputs['unavailable']).toContainEqual({
    what: 'CloudTrail of account production',
    why: expect.stringContaining('15 minutes'),
  });
  house.aws.setTrailDelay(0);
  const verification = await action.verify(readingContext(house.evidence), mandate);
  expect(verification).toMatchObject({ state: 'partial', verdict: 'unverifiable' });
  expect(verification.claims[1]?.detail).toContain('1 of that time showed up since');
});

test('a window that ended long enough ago is complete; one that goes back too far is not', async () => {
  const { credential } = await house.aws.createUser('quiet', { policies: { p: allow('iam:ListUsers') } });
  expect(await find(credential.accessKeyId, { since: hours(3), until: hours(1) })).toMatchObject({
    events: 0,
    complete: true,
  });
  expect(await find(credential.accessKeyId, { since: hours(100 * 24), until: hours(1) })).toMatchObject({
    complete: false,
    unavailable: [{ why: expect.stringContaining('90 days') }],
  });
});

test('each right counts: without the history the step fails, without the last use that is told', async () => {
  const { credential } = await house.aws.createUser('rights', { policies: { p: allow('iam:ListUsers') } });
  const without = async (missing: string) => {
    await house.grant(ofAws.filter((one) => one.system !== 'aws' || !one.actions.includes(missing)));
    await house.aws.settled();
  };
  await without('cloudtrail:LookupEvents');
  await expect(find(credential.accessKeyId)).rejects.toMatchObject({ type: 'FB3302', nonRetryable: true });
  await without('iam:GetAccessKeyLastUsed');
  expect((await find(credential.accessKeyId))['unavailable']).toContainEqual({
    what: `the last use of ${credential.accessKeyId}`,
    why: expect.stringContaining('AccessDenied'),
  });
});

test('every permission is used, and nothing else was asked for', () => {
  const { id: account, region, partition } = house.account;
  const calls = callsOf(house.aws.calls(), 'firebreak');
  expect(awsPermissionsUsed(action, calls, { account, region, partition })).toEqual({
    unused: [],
    undeclared: [],
  });
});
