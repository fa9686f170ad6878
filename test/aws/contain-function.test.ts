import {
  AttachRolePolicyCommand,
  DeleteRolePolicyCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  GetFunctionConcurrencyCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { containFunction } from '../../activities/aws/contain-function.ts';
import { rightsOf } from '../../activities/aws/rights.ts';
import type { Action, Mandate } from '../../domain/action.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import type { JsonObject } from '../../domain/json.ts';
import { killedEverywhere, mandateOf, openContainHouse, type ContainHouse } from '../support/aws-contain.ts';
import { accountName } from '../support/aws-house.ts';
import { awsPermissionsUsed, callsOf } from '../support/permissions-used.ts';

let house: ContainHouse;
let lambda: LambdaClient;
let action: Action;
let made = 0;

beforeAll(async () => {
  house = await openContainHouse();
  lambda = new LambdaClient(house.aws.as(house.aws.admin));
  action = containFunction(house);
  await house.grant(action.permissions);
  house.aws.setMappingDelay(1_500);
}, 180_000);

afterAll(() => house.close());

const service = (principal: string | object) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
});

interface World {
  name: string;
  role: string;
  roleArn: string;
  enabled: string;
  disabled: string;
}

/** A function with a role, a queue that feeds it, and another that somebody disabled. */
async function world({
  reserved,
  provisioned,
}: { reserved?: number; provisioned?: number } = {}): Promise<World> {
  const name = `shop-${++made}`;
  const user = await house.aws.createUser(`runs-${made}`, {
    policies: { p: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } },
  });
  const role = await house.aws.createRole(`role-${made}`, {
    trust: service({ AWS: user.arn }),
    policies: { p: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } },
  });
  await createFunction(name, role.arn);
  const mapping = async (queue: string, Enabled: boolean, target = name) => {
    const EventSourceArn = await house.aws.createQueue(queue);
    const { UUID = '' } = await lambda.send(
      new CreateEventSourceMappingCommand({ FunctionName: target, EventSourceArn, Enabled }),
    );
    return UUID;
  };
  const enabled = await mapping(`${name}-orders`, true);
  const disabled = await mapping(`${name}-dead`, false);
  if (reserved !== undefined) await reserve(name, reserved);
  if (provisioned !== undefined) {
    await lambda.send(
      new PutProvisionedConcurrencyConfigCommand({
        FunctionName: name,
        Qualifier: 'live',
        ProvisionedConcurrentExecutions: provisioned,
      }),
    );
  }
  return { name, role: role.name, roleArn: role.arn, enabled, disabled };
}

async function createFunction(FunctionName: string, Role: string): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Role,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Timeout: 30,
      Environment: { Variables: { DB_PASSWORD: 'seeded-environment-secret' } },
      Code: { ZipFile: new Uint8Array([80, 75, 5, 6, ...Array<number>(18).fill(0)]) },
    }),
  );
}

const reserve = (FunctionName: string, ReservedConcurrentExecutions: number) =>
  lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions }));

const mappingState = async (UUID: string) =>
  (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State ?? '';

async function picture({ name, role, enabled, disabled }: World): Promise<JsonObject> {
  const { ReservedConcurrentExecutions } = await lambda.send(
    new GetFunctionConcurrencyCommand({ FunctionName: name }),
  );
  const provisioned = await lambda
    .send(new GetProvisionedConcurrencyConfigCommand({ FunctionName: name, Qualifier: 'live' }))
    .then(
      (found) => found.RequestedProvisionedConcurrentExecutions ?? null,
      () => null,
    );
  return {
    reserved: ReservedConcurrentExecutions ?? null,
    provisioned,
    enabled: (await mappingState(enabled)).replace(/ing$/, 'ed'),
    disabled: await mappingState(disabled),
    role: await house.picture('role', role),
  };
}

const invoke = (FunctionName: string) =>
  lambda.send(new InvokeCommand({ FunctionName })).then(
    () => 'ran',
    (error: Error) => error.name,
  );

async function planned(input: JsonObject) {
  const parsed = action.input.parse({ account: accountName, ...input });
  const plan = await action.plan(house.context(), { incident: 'inc-1', step: 'contain', input: parsed });
  return { plan, mandate: mandateOf(action, plan, input) };
}

async function applied(mandate: Mandate) {
  return action.apply(house.context(), mandate);
}

test('stops a function, its sources and its role, under the generated policy; the release puts everything back', async () => {
  const one = await world({ reserved: 5, provisioned: 3 });
  const before = await picture(one);
  expect(await invoke(one.name)).toBe('ran');
  const { plan, mandate } = await planned({ function: one.name, role: 'deny' });
  expect(await picture(one)).toEqual(before);
  expect(plan.authority.targets.map(({ kind }) => kind)).toEqual(['Function', 'Role']);
  expect(plan.facts.flatMap(({ supports }) => supports)).toEqual([]);
  const { kills } = await killedEverywhere(house, (context) => action.apply(context, mandate));
  // Two boundaries for each of the mapping, what is provisioned, what is reserved, and the policy.
  expect(kills).toBe(8);
  expect(await invoke(one.name)).toBe('TooManyRequestsException');
  const verified = await action.verify(house.context(), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'evaluated' });
  expect(verified.claims.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
  expect(verified.claims).toContainEqual(
    expect.objectContaining({ claim: 'a new invocation is throttled', verdict: 'evaluated' }),
  );
  expect(await mappingState(one.enabled)).toBe('Disabled');
  expect(Object.keys((await picture(one))['role'] as object)).toContain(
    `firebreak-function-${house.aws.region}-${one.name}`,
  );
  const undone = await killedEverywhere(house, (context) => action.undo(context, mandate));
  expect(undone.result).toMatchObject({ conflicts: [], notRestored: [] });
  expect(undone.result.claims.every(({ verdict }) => verdict === 'verified')).toBe(true);
  expect(await picture(one)).toEqual(before);
  expect(await invoke(one.name)).toBe('ran');
}, 120_000);

test('a function without a reservation has none after the release, and its other mapping stays disabled', async () => {
  const one = await world();
  const before = await picture(one);
  const { mandate } = await planned({ function: one.name });
  const { outputs } = await applied(mandate);
  expect(outputs).toMatchObject({ disabledEventSources: 1, role: one.roleArn });
  expect(await invoke(one.name)).toBe('TooManyRequestsException');
  await action.undo(house.context(), mandate);
  expect(await picture(one)).toEqual(before);
}, 60_000);

test('what somebody else stopped between plan and apply is not let run by the release', async () => {
  const one = await world();
  const { mandate } = await planned({ function: one.name });
  await reserve(one.name, 0);
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: one.enabled, Enabled: false }));
  expect(await applied(mandate)).toMatchObject({ changes: [], already: 3 });
  const { conflicts } = await action.undo(house.context(), mandate);
  expect(conflicts.map(({ object }) => object)).toEqual([
    'reserved concurrency',
    `event source mapping ${one.enabled}`,
  ]);
  expect(await invoke(one.name)).toBe('TooManyRequestsException');
}, 60_000);

test('an edit under the hold is kept: a value that was set, a mapping that was removed, one that was made', async () => {
  const one = await world();
  const { mandate } = await planned({ function: one.name });
  await applied(mandate);
  const EventSourceArn = await house.aws.createQueue(`${one.name}-late`);
  const { UUID: late = '' } = await lambda.send(
    new CreateEventSourceMappingCommand({ FunctionName: one.name, EventSourceArn, Enabled: true }),
  );
  expect(await action.verify(house.context(), mandate)).toMatchObject({
    state: 'partial',
    verdict: 'failed',
  });
  // The mapping that was made is fed to it no more.
  expect(await applied(mandate)).toMatchObject({ already: 3 });
  await reserve(one.name, 7);
  await lambda.send(new DeleteEventSourceMappingCommand({ UUID: one.enabled }));
  const undone = await action.undo(house.context(), mandate);
  expect(undone.conflicts.map(({ object }) => object)).toEqual([
    'reserved concurrency',
    `event source mapping ${one.enabled}`,
  ]);
  expect(undone.notRestored).toEqual([expect.stringContaining(late)]);
  const found = await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: one.name }));
  expect(found.ReservedConcurrentExecutions).toBe(7);
  expect(await mappingState(late)).toBe('Disabling');
}, 180_000);

test('a role that other functions run as is refused, unless it is accepted; the function is stopped all the same', async () => {
  const one = await world();
  await createFunction(`${one.name}-other`, one.roleArn);
  const { plan, mandate } = await planned({ function: one.name, role: 'deny' });
  expect(plan.facts.flatMap(({ supports }) => supports)).toEqual([
    expect.stringContaining(`${one.name}-other`),
  ]);
  await expect(applied(mandate)).rejects.toMatchObject({ type: failureTypes.refused });
  expect(await invoke(one.name)).toBe('TooManyRequestsException');
  const accepted = await planned({ function: one.name, role: 'deny', sharedRole: 'accept' });
  expect(accepted.plan.facts.flatMap(({ supports }) => supports)).toEqual([]);
  expect(accepted.plan.description.ifApproved.join(' ')).toContain(`${one.name}-other`);
  expect(accepted.plan.authority.rule).not.toBe(plan.authority.rule);
}, 60_000);

test('sessions from before are denied, those that are issued after are not', async () => {
  const one = await world();
  const assume = async () =>
    house.aws.assumeRole(await house.aws.createKey(`runs-${made}`), one.roleArn, 'function');
  const stolen = await assume();
  expect(await house.tryIt(stolen)).toBe('allowed');
  const { mandate } = await planned({ function: one.name, role: 'deny-sessions' });
  await applied(mandate);
  expect(await house.tryIt(stolen)).toBe('AccessDeniedException');
  expect(await action.verify(house.context(), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
  await action.undo(house.context(), mandate);
  expect(await house.tryIt(stolen)).toBe('allowed');
}, 60_000);

test('its role is another one than was approved: the approved one is denied, and the verification fails', async () => {
  const one = await world();
  const { mandate } = await planned({ function: one.name, role: 'deny' });
  const other = await house.aws.createRole(`${one.role}-other`, { trust: service('*') });
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: one.name, Role: other.arn }));
  const { unavailable } = await applied(mandate);
  expect(unavailable).toEqual([expect.objectContaining({ what: `denial of role ${other.arn}` })]);
  const { verdict, claims } = await action.verify(house.context(), mandate);
  expect(verdict).toBe('failed');
  expect(claims).toContainEqual(
    expect.objectContaining({ claim: 'the function runs as the role that was contained', verdict: 'failed' }),
  );
}, 60_000);

test('no value of an environment variable is in plan or snapshot', async () => {
  const one = await world();
  const { plan } = await planned({ function: one.name, role: 'deny' });
  const kept = await Promise.all([plan.snapshot, plan.full].map((ref) => house.evidence.get(ref)));
  const text = kept.map((bytes) => new TextDecoder().decode(bytes)).join('\n');
  expect(text).toContain('DB_PASSWORD');
  expect(text).not.toContain('seeded-environment-secret');
}, 60_000);

test('a policy of our name that somebody wrote after the plan is kept as evidence', async () => {
  const one = await world();
  const { mandate } = await planned({ function: one.name, role: 'deny' });
  const PolicyName = `firebreak-function-${house.aws.region}-${one.name}`;
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }],
  });
  await house.iam.send(new PutRolePolicyCommand({ RoleName: one.role, PolicyName, PolicyDocument }));
  expect((await applied(mandate)).artefacts).toHaveLength(1);
}, 60_000);

test('a quota of inline policies that is used up keeps no role from being denied; what made room comes back', async () => {
  const one = await world();
  const PolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: 'S'.repeat(10_000), Effect: 'Allow', Action: '*', Resource: '*' }],
  });
  await house.iam.send(new PutRolePolicyCommand({ RoleName: one.role, PolicyName: 'crowd', PolicyDocument }));
  const before = await picture(one);
  const { mandate } = await planned({ function: one.name, role: 'deny' });
  await killedEverywhere(house, (context) => action.apply(context, mandate));
  expect(Object.keys((await picture(one))['role'] as object)).not.toContain('crowd');
  expect(await action.verify(house.context(), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
  const { result } = await killedEverywhere(house, (context) => action.undo(context, mandate));
  expect(result.conflicts).toEqual([]);
  expect(await picture(one)).toEqual(before);
}, 120_000);

test('it runs under what `firebreak permissions` prints, attached as the guide says; the engine cannot lift it', async () => {
  const { id: account, region, partition, breakGlass, name } = house.account;
  const engine = house.engineRoleArn;
  const permissions = action.permissions.filter((permission) => permission.system === 'aws');
  const managed = [`arn:aws:lambda:${region}:${account}:function:shop-*`];
  const place = { name, account, region, partition, engine, breakGlass, managed, evidence: [] };
  const { policies, guard, boundary } = rightsOf(place, permissions);
  for (const policy of [...policies, guard]) {
    const PolicyArn = await house.aws.createPolicy(policy.name, policy.document);
    await house.iam.send(new AttachRolePolicyCommand({ RoleName: 'firebreak', PolicyArn }));
  }
  const PermissionsBoundary = await house.aws.createPolicy(boundary.name, boundary.document);
  await house.iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: 'firebreak', PermissionsBoundary }));
  const all = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  // Whatever somebody adds: the policy of before gives way to one that allows everything.
  const everything = { RoleName: 'firebreak', PolicyName: 'generated', PolicyDocument: JSON.stringify(all) };
  const { iam } = house.account.clients('inc-1');
  const more = () =>
    iam.send(new PutRolePolicyCommand(everything)).then(
      () => 'done',
      (error: Error) => `${error.name}: ${error.message}`,
    );
  await house.iam.send(new DeleteRolePolicyCommand({ RoleName: 'firebreak', PolicyName: 'generated' }));
  const one = await world({ reserved: 4, provisioned: 2 });
  const before = await picture(one);
  const { mandate } = await planned({ function: one.name, role: 'deny' });
  await applied(mandate);
  expect(await action.verify(house.context(), mandate)).toMatchObject({ verdict: 'evaluated' });
  await action.undo(house.context(), mandate);
  expect(await picture(one)).toEqual(before);
  expect(await more()).toMatch(/^AccessDenied.*explicit deny/);
  await house.iam.send(new PutRolePolicyCommand(everything));
  expect(await more()).toMatch(/^AccessDenied.*explicit deny/);
  // Managed functions are named shop-*.
  await createFunction('billing', one.roleArn);
  await expect(planned({ function: 'billing' })).rejects.toMatchObject({ type: 'FB3302' });
}, 120_000);

test('every permission is used, and nothing else was asked for', () => {
  const { id: account, region, partition } = house.account;
  const calls = callsOf(house.aws.calls(), 'firebreak');
  expect(awsPermissionsUsed(action, calls, { account, region, partition })).toEqual({
    unused: [],
    undeclared: [],
  });
});
