import {
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  GetUserCommand,
  IAMClient,
  ListUsersCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  SimulatePrincipalPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import { CloudTrailClient, paginateLookupEvents, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import {
  CreateFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startAws } from '../../testbed/aws.ts';
import type { Aws, Credential } from '../../testbed/aws.ts';
import { waitFor } from '../../testbed/process.ts';

let aws: Aws;
beforeAll(async () => {
  aws = await startAws();
}, 180_000);
afterAll(() => aws?.stop());

const document = (...statements: object[]) => ({ Version: '2012-10-17', Statement: statements });
const allow = (Action: string | string[], Resource: string | string[] = '*', Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition === undefined ? {} : { Condition }),
});
const denyAll = (Condition?: object) =>
  document({ Effect: 'Deny', Action: '*', Resource: '*', ...(Condition === undefined ? {} : { Condition }) });
const iam = (credential: Credential = aws.admin) => new IAMClient(aws.as(credential));
const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'allowed',
    (error: Error) => error.name,
  );
const listUsers = (credential: Credential) => nameOf(iam(credential).send(new ListUsersCommand({})));
const putUserPolicy = (UserName: string, policy: object) =>
  iam().send(
    new PutUserPolicyCommand({
      UserName,
      PolicyName: 'test',
      PolicyDocument: JSON.stringify(policy),
    }),
  );

test('a key is taken only if it is known, active and signed with its own secret', async () => {
  const { name, credential } = await aws.createUser('keys', {
    policies: { p: document(allow('iam:ListUsers')) },
  });
  expect(await listUsers(credential)).toBe('allowed');
  expect(await listUsers({ ...credential, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' })).toBe(
    'InvalidClientTokenId',
  );
  expect(await listUsers({ ...credential, secretAccessKey: 'wrong' })).toBe('SignatureDoesNotMatch');
  expect(await listUsers({ ...credential, sessionToken: 'made-up' })).toBe('InvalidClientTokenId');
  const update = { UserName: name, AccessKeyId: credential.accessKeyId };
  await iam().send(new UpdateAccessKeyCommand({ ...update, Status: 'Inactive' }));
  expect(await listUsers(credential)).toBe('InvalidClientTokenId');
  await iam().send(new UpdateAccessKeyCommand({ ...update, Status: 'Active' }));
  expect(await listUsers(credential)).toBe('allowed');
});

test('policies count with their resources, conditions and explicit denies', async () => {
  const own = `arn:aws:iam::${aws.accountId}:user/team/scoped`;
  const { credential } = await aws.createUser('scoped', {
    path: '/team/',
    policies: { p: document(allow('iam:GetUser', own)) },
  });
  const get = (UserName: string) => nameOf(iam(credential).send(new GetUserCommand({ UserName })));
  expect(await get('scoped')).toBe('allowed');
  expect(await get('testbed-admin')).toBe('AccessDenied');
  await putUserPolicy('scoped', denyAll({ DateLessThan: { 'aws:TokenIssueTime': '2100-01-01T00:00:00Z' } }));
  // A long-term key has no time of issue: the condition does not hold.
  expect(await get('scoped')).toBe('allowed');
  await putUserPolicy('scoped', denyAll());
  expect(await get('scoped')).toBe('AccessDenied');
  const sts = new STSClient(aws.as(credential));
  expect((await sts.send(new GetCallerIdentityCommand({}))).Arn).toBe(own);
});

test('a role needs trust on its side; a session is denied by the time of its issue and held in by the boundary', async () => {
  const trusted = await aws.createUser('trusted', { policies: { p: document(allow('sts:AssumeRole')) } });
  const other = await aws.createUser('not-trusted', { policies: { p: document(allow('sts:AssumeRole')) } });
  const role = await aws.createRole('deploy', {
    trust: document({
      Effect: 'Allow',
      Principal: { AWS: trusted.arn },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': 'ours' } },
    }),
    policies: { p: document(allow('iam:*')) },
  });
  expect(await nameOf(aws.assumeRole(other.credential, role.arn, 'x', 'ours'))).toBe('AccessDenied');
  expect(await nameOf(aws.assumeRole(trusted.credential, role.arn, 'x'))).toBe('AccessDenied');
  const session = await aws.assumeRole(trusted.credential, role.arn, 'build-1', 'ours');
  expect(await listUsers(session)).toBe('allowed');
  expect(await listUsers({ ...session, sessionToken: 'other' })).toBe('InvalidClientTokenId');
  const put = (time: string) =>
    iam().send(
      new PutRolePolicyCommand({
        RoleName: 'deploy',
        PolicyName: 'older',
        PolicyDocument: JSON.stringify(denyAll({ DateLessThan: { 'aws:TokenIssueTime': time } })),
      }),
    );
  await put('2001-01-01T00:00:00Z');
  expect(await listUsers(session)).toBe('allowed');
  await put(new Date(Date.now() + 5_000).toISOString());
  expect(await listUsers(session)).toBe('AccessDenied');
  await put('2001-01-01T00:00:00Z');
  const boundary = await aws.createPolicy('boundary', document(allow('iam:GetUser')));
  await iam().send(
    new PutRolePermissionsBoundaryCommand({ RoleName: 'deploy', PermissionsBoundary: boundary }),
  );
  expect(await listUsers(session)).toBe('AccessDenied');
});

test('a secret is made with tags only by who may tag it', async () => {
  const make = 'secretsmanager:CreateSecret';
  const { credential } = await aws.createUser('tagger', { policies: { p: document(allow(make)) } });
  const client = new SecretsManagerClient(aws.as(credential));
  const create = (input: object) =>
    client.send(new CreateSecretCommand({ Name: `made-${Math.random()}`, SecretString: 'v', ...input })).then(
      () => 'allowed',
      (error: Error) => error.message,
    );
  const Tags = [{ Key: 'managed-by', Value: 'a test' }];
  expect(await create({})).toBe('allowed');
  expect(await create({ Tags: [] })).toBe('allowed');
  expect(await create({ Tags })).toContain('not authorized to perform: secretsmanager:TagResource');
  expect(await create({ AddReplicaRegions: [{ Region: 'eu-west-1' }] })).toContain(
    'not authorized to perform: secretsmanager:ReplicateSecretToRegions',
  );
  await putUserPolicy('tagger', document(allow([make, 'secretsmanager:TagResource'])));
  expect(await create({ Tags })).toBe('allowed');
});

test('a session of a user outlives its key, and Deny by time of issue ends it', async () => {
  const { name, credential } = await aws.createUser('sessions', {
    policies: { p: document(allow(['secretsmanager:CreateSecret'])) },
  });
  const session = await aws.sessionToken(credential);
  const create = (Name: string) =>
    nameOf(
      new SecretsManagerClient(aws.as(session)).send(new CreateSecretCommand({ Name, SecretString: 'v' })),
    );
  await iam().send(
    new UpdateAccessKeyCommand({ UserName: name, AccessKeyId: credential.accessKeyId, Status: 'Inactive' }),
  );
  expect(await create('one')).toBe('allowed');
  expect(await listUsers(session)).toBe('InvalidClientTokenId');
  await putUserPolicy(
    name,
    denyAll({ DateLessThan: { 'aws:TokenIssueTime': new Date(Date.now() + 1000).toISOString() } }),
  );
  expect(await create('two')).toBe('AccessDeniedException');
});

test('a write to IAM counts after the propagation, not before', async () => {
  const { name, credential } = await aws.createUser('slow', {
    policies: { p: document(allow('iam:ListUsers')) },
  });
  aws.setPropagation(400);
  try {
    const started = Date.now();
    await putUserPolicy(name, denyAll());
    expect(await listUsers(credential)).toBe('allowed');
    await waitFor('the deny', async () => (await listUsers(credential)) === 'AccessDenied', 5_000);
    expect(Date.now() - started).toBeGreaterThanOrEqual(400);
  } finally {
    aws.setPropagation(0);
  }
});

test('the trail shows who called what, by key, in pages, to those who may look', async () => {
  const { credential } = await aws.createUser('trail', {
    policies: { p: document(allow(['iam:ListUsers', 'sts:AssumeRole'])) },
  });
  for (let call = 0; call < 5; call++) await listUsers(credential);
  expect(await nameOf(iam(credential).send(new CreateAccessKeyCommand({ UserName: 'trail' })))).toBe(
    'AccessDenied',
  );
  const mine = new CloudTrailClient(aws.as(credential));
  expect(await nameOf(mine.send(new LookupEventsCommand({})))).toBe('AccessDeniedException');
  // IAM's calls are in the trail of the region where global services are at home.
  const client = new CloudTrailClient({ ...aws.as(aws.admin), region: 'us-east-1' });
  const pages = paginateLookupEvents(
    { client, pageSize: 2 },
    { LookupAttributes: [{ AttributeKey: 'AccessKeyId', AttributeValue: credential.accessKeyId }] },
  );
  const events = [];
  for await (const page of pages) events.push(...(page.Events ?? []));
  expect(events.map((event) => event.EventName)).toEqual([
    'CreateAccessKey',
    ...Array<string>(5).fill('ListUsers'),
  ]);
  const denied = JSON.parse(events[0]?.CloudTrailEvent ?? '{}') as object;
  expect(denied).toMatchObject({
    errorCode: 'AccessDenied',
    sourceIPAddress: '127.0.0.1',
    userIdentity: { type: 'IAMUser', userName: 'trail', accessKeyId: credential.accessKeyId },
    requestParameters: { userName: 'trail' },
  });
});

test('what a session did is found by the key that its AssumeRole gave out, with the session name', async () => {
  const user = await aws.createUser('chain', { policies: { p: document(allow('sts:AssumeRole')) } });
  const role = await aws.createRole('chained', {
    trust: document({ Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' }),
    policies: { p: document(allow('iam:CreateUser')) },
  });
  const session = await aws.assumeRole(user.credential, role.arn, 'the-session');
  const client = new CloudTrailClient(aws.as(aws.admin));
  const global = new CloudTrailClient({ ...aws.as(aws.admin), region: 'us-east-1' });
  const find = async (AttributeValue: string, from = client) =>
    (
      (
        await from.send(
          new LookupEventsCommand({ LookupAttributes: [{ AttributeKey: 'AccessKeyId', AttributeValue }] }),
        )
      ).Events ?? []
    ).map(
      (event) =>
        JSON.parse(event.CloudTrailEvent ?? '{}') as { userIdentity: object; responseElements: unknown },
    );
  const [assumed] = await find(user.credential.accessKeyId);
  expect(assumed?.responseElements).toMatchObject({
    credentials: { accessKeyId: session.accessKeyId },
    assumedRoleUser: { arn: expect.stringContaining('assumed-role/chained/the-session') },
  });
  expect(JSON.stringify(assumed)).not.toContain(session.sessionToken);
  await listUsers(session);
  const [did] = await find(session.accessKeyId, global);
  expect(did?.userIdentity).toMatchObject({
    type: 'AssumedRole',
    arn: `arn:aws:sts::${aws.accountId}:assumed-role/chained/the-session`,
    sessionContext: { sessionIssuer: { userName: 'chained', arn: role.arn } },
  });
});

test('SimulatePrincipalPolicy evaluates, with the context it is given', async () => {
  const user = await aws.createUser('simulated', { policies: { p: document(allow('iam:ListUsers')) } });
  await putUserPolicy(
    'simulated',
    denyAll({ DateLessThan: { 'aws:TokenIssueTime': '2030-01-01T00:00:00Z' } }),
  );
  const ask = async (issued?: string) => {
    const context = { ContextKeyName: 'aws:TokenIssueTime', ContextKeyType: 'date' as const };
    const { EvaluationResults } = await iam().send(
      new SimulatePrincipalPolicyCommand({
        PolicySourceArn: user.arn,
        ActionNames: ['iam:ListUsers', 'iam:CreateUser'],
        ...(issued === undefined ? {} : { ContextEntries: [{ ...context, ContextKeyValues: [issued] }] }),
      }),
    );
    return EvaluationResults?.map((one) => one.EvalDecision);
  };
  expect(await ask()).toEqual(['allowed', 'implicitDeny']);
  expect(await ask('2029-01-01T00:00:00Z')).toEqual(['explicitDeny', 'explicitDeny']);
});

test('functions and secrets are under the same policies', async () => {
  const admin = new LambdaClient(aws.as(aws.admin));
  const role = await aws.createRole('run', {
    trust: document({
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
  });
  for (const FunctionName of ['one', 'two']) {
    await admin.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: role.arn,
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
        Code: { ZipFile: new Uint8Array([80, 75, 5, 6, ...Array<number>(18).fill(0)]) },
      }),
    );
  }
  const arn = `arn:aws:lambda:${aws.region}:${aws.accountId}:function:one`;
  const { credential } = await aws.createUser('functions', {
    policies: { p: document(allow(['lambda:PutFunctionConcurrency', 'lambda:GetFunctionConcurrency'], arn)) },
  });
  const mine = new LambdaClient(aws.as(credential));
  const put = (FunctionName: string) =>
    nameOf(mine.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 })));
  expect(await put('one')).toBe('allowed');
  expect(await put('two')).toBe('AccessDeniedException');
  const { ReservedConcurrentExecutions } = await mine.send(
    new GetFunctionConcurrencyCommand({ FunctionName: 'one' }),
  );
  expect(ReservedConcurrentExecutions).toBe(0);
  expect(await nameOf(mine.send(new GetFunctionCommand({ FunctionName: 'one' })))).toBe(
    'AccessDeniedException',
  );
  const secrets = new SecretsManagerClient(aws.as(aws.admin));
  await secrets.send(new CreateSecretCommand({ Name: 'ci/deployer', SecretString: 'a value' }));
  const read = (credentials: Credential) =>
    nameOf(
      new SecretsManagerClient(aws.as(credentials)).send(
        new GetSecretValueCommand({ SecretId: 'ci/deployer' }),
      ),
    );
  expect(await read(credential)).toBe('AccessDeniedException');
  const reader = await aws.createUser('reader', {
    policies: {
      p: document(
        allow(
          'secretsmanager:GetSecretValue',
          `arn:aws:secretsmanager:${aws.region}:${aws.accountId}:secret:ci/*`,
        ),
      ),
    },
  });
  expect(await read(reader.credential)).toBe('allowed');
});

test('a lost answer was done; a planned throttle was not', async () => {
  const { name } = await aws.createUser('faults');
  aws.fault('CreateAccessKey', 'lose-answer');
  expect(await nameOf(aws.createKey(name))).not.toBe('allowed');
  // The second key is there: a third is one too many.
  expect(await nameOf(aws.createKey(name))).toBe('LimitExceededException');
  aws.fault('CreatePolicy', 'throttle');
  const create = () =>
    nameOf(
      iam().send(new CreatePolicyCommand({ PolicyName: 'p', PolicyDocument: JSON.stringify(denyAll()) })),
    );
  expect(await create()).toBe('Throttling');
  expect(await create()).toBe('allowed');
});

test('a service-linked role is nobody’s to change', async () => {
  await aws.createRole('AWSServiceRoleForX', {
    path: '/aws-service-role/x.amazonaws.com/',
    trust: document({ Effect: 'Allow', Principal: { Service: 'x.amazonaws.com' }, Action: 'sts:AssumeRole' }),
  });
  const put = new PutRolePolicyCommand({
    RoleName: 'AWSServiceRoleForX',
    PolicyName: 'deny',
    PolicyDocument: JSON.stringify(denyAll()),
  });
  expect(await nameOf(iam().send(put))).toBe('UnmodifiableEntityException');
});
