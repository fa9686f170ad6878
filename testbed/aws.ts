import {
  AddUserToGroupCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetSessionTokenCommand, STSClient } from '@aws-sdk/client-sts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directories } from './aws/directory.ts';
import { Front } from './aws/front.ts';
import type { Fault } from './aws/front.ts';
import { startMoto } from './aws/moto.ts';
import type { Credential } from './aws/sessions.ts';
import type { CallRecord } from './aws/trail.ts';
import { freePort } from './ports.ts';

export type { Credential } from './aws/sessions.ts';
export type { CallRecord } from './aws/trail.ts';

export interface AwsOptions {
  /** 12 digits. */
  accountId?: string;
  region?: string;
}

/** Inline policies by name. */
export interface Policies {
  [name: string]: object;
}

export interface Aws {
  /** For every service: the `endpoint` of an account in the configuration. */
  endpoint: string;
  accountId: string;
  region: string;
  /** A user who may do anything. */
  admin: Credential;
  /** What an SDK client takes: `new IAMClient(aws.as(credential))`. Its clients repeat no call. */
  as(credential: Credential): {
    endpoint: string;
    region: string;
    credentials: Credential;
    maxAttempts: number;
  };
  createUser(
    name: string,
    options?: { path?: string; policies?: Policies; managed?: readonly string[]; groups?: readonly string[] },
  ): Promise<{ name: string; arn: string; id: string; credential: Credential }>;
  createKey(user: string): Promise<Credential>;
  createGroup(name: string, policies: Policies): Promise<void>;
  createRole(
    name: string,
    options: {
      trust: object;
      path?: string;
      policies?: Policies;
      managed?: readonly string[];
      boundary?: string;
    },
  ): Promise<{ name: string; arn: string; id: string }>;
  /** A customer-managed policy; its ARN. */
  createPolicy(name: string, document: object): Promise<string>;
  /** A queue of SQS that functions may be fed from; its ARN. Its policies are not checked. */
  createQueue(name: string): Promise<string>;
  assumeRole(as: Credential, roleArn: string, sessionName: string, externalId?: string): Promise<Credential>;
  sessionToken(as: Credential): Promise<Credential>;
  /** Off: every call is taken, whoever signs it. */
  setEnforcement(on: boolean): void;
  /** How long a write to IAM takes to count, as it does in AWS. 0 at first. */
  setPropagation(milliseconds: number): void;
  /** Returns once every write to IAM counts. */
  settled(): Promise<void>;
  /** How long LookupEvents takes to show a call. 0 at first; minutes in AWS. */
  setTrailDelay(milliseconds: number): void;
  /** How long an event source mapping is on its way to another state. 0 at first. */
  setMappingDelay(milliseconds: number): void;
  /** Functions that were invoked and not throttled, in order. */
  invoked(): readonly string[];
  /** What goes wrong at the next call of the action that is allowed. */
  fault(action: string, fault: Fault): void;
  /** Every call so far, those that were refused too. */
  calls(): readonly CallRecord[];
  logFile: string;
  stop(): Promise<void>;
}

/**
 * Starts an AWS account on 127.0.0.1: moto's IAM, STS, Lambda and Secrets Manager behind a front that checks signatures, key status, sessions,
 * policies, boundaries and trust, and that keeps a CloudTrail. See docs/reference/testbed.md for what it does not check.
 * @throws when moto cannot be installed or started
 */
export async function startAws({
  accountId = '111122223333',
  region = 'eu-central-1',
}: AwsOptions = {}): Promise<Aws> {
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-aws-'));
  const logFile = join(dir, 'moto.log');
  const moto = await startMoto({ accountId, logFile });
  const unchecked = { accessKeyId: 'testbed', secretAccessKey: 'testbed' };
  const iamOfMoto = new IAMClient({ endpoint: moto.endpoint, region, credentials: unchecked });
  const directories = new Directories(iamOfMoto);
  await directories.refresh();
  const front = new Front({ moto: moto.endpoint, accountId, directories });
  const port = await freePort();
  await front.listen(port);
  const endpoint = `http://127.0.0.1:${port}`;
  // A copy: the SDK writes into what it is given.
  const as = (credential: Credential) => ({
    endpoint,
    region,
    credentials: { ...credential },
    maxAttempts: 1,
  });
  // The first user cannot be made by one.
  front.enforcing = false;
  const iam = new IAMClient(as(unchecked));
  const admin = await keyOf(iam, 'testbed-admin', true);
  await iam.send(
    new PutUserPolicyCommand({
      UserName: 'testbed-admin',
      PolicyName: 'all',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
      }),
    }),
  );
  front.enforcing = true;
  front.calls.length = 0;
  const setup = new IAMClient(as(admin));

  const aws: Aws = {
    endpoint,
    accountId,
    region,
    admin,
    as,
    logFile,
    async createUser(name, { path = '/', policies = {}, managed = [], groups = [] } = {}) {
      const { User } = await setup.send(new CreateUserCommand({ UserName: name, Path: path }));
      for (const [policy, document] of Object.entries(policies)) {
        await setup.send(
          new PutUserPolicyCommand({
            UserName: name,
            PolicyName: policy,
            PolicyDocument: JSON.stringify(document),
          }),
        );
      }
      for (const arn of managed) {
        await setup.send(new AttachUserPolicyCommand({ UserName: name, PolicyArn: arn }));
      }
      for (const group of groups) {
        await setup.send(new AddUserToGroupCommand({ UserName: name, GroupName: group }));
      }
      const credential = await keyOf(setup, name);
      return { name, arn: User?.Arn ?? '', id: User?.UserId ?? '', credential };
    },
    createKey: (user) => keyOf(setup, user),
    async createGroup(name, policies) {
      await setup.send(new CreateGroupCommand({ GroupName: name }));
      for (const [policy, document] of Object.entries(policies)) {
        await setup.send(
          new PutGroupPolicyCommand({
            GroupName: name,
            PolicyName: policy,
            PolicyDocument: JSON.stringify(document),
          }),
        );
      }
    },
    async createRole(name, { trust, path = '/', policies = {}, managed = [], boundary }) {
      // A service-linked role is nobody's to change, not the administrator's either.
      const owner = path.startsWith('/aws-service-role/') ? iamOfMoto : setup;
      const { Role } = await owner.send(
        new CreateRoleCommand({
          RoleName: name,
          Path: path,
          AssumeRolePolicyDocument: JSON.stringify(trust),
          PermissionsBoundary: boundary,
        }),
      );
      for (const [policy, document] of Object.entries(policies)) {
        await owner.send(
          new PutRolePolicyCommand({
            RoleName: name,
            PolicyName: policy,
            PolicyDocument: JSON.stringify(document),
          }),
        );
      }
      for (const arn of managed) {
        await owner.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn: arn }));
      }
      await directories.refresh();
      return { name, arn: Role?.Arn ?? '', id: Role?.RoleId ?? '' };
    },
    async createPolicy(name, document) {
      const { Policy } = await setup.send(
        new CreatePolicyCommand({ PolicyName: name, PolicyDocument: JSON.stringify(document) }),
      );
      return Policy?.Arn ?? '';
    },
    async createQueue(name) {
      const answer = await fetch(moto.endpoint, {
        method: 'POST',
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=testbed/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'AmazonSQS.CreateQueue',
        },
        body: JSON.stringify({ QueueName: name }),
      });
      if (!answer.ok) throw new Error(`moto made no queue: ${await answer.text()}`);
      return `arn:aws:sqs:${region}:${accountId}:${name}`;
    },
    async assumeRole(credential, roleArn, sessionName, externalId) {
      const { Credentials } = await new STSClient(as(credential)).send(
        new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: sessionName, ExternalId: externalId }),
      );
      return credentialOf(Credentials);
    },
    async sessionToken(credential) {
      const { Credentials } = await new STSClient(as(credential)).send(new GetSessionTokenCommand({}));
      return credentialOf(Credentials);
    },
    setEnforcement: (on) => (front.enforcing = on),
    setPropagation: (milliseconds) => (directories.propagationMs = milliseconds),
    settled: () => directories.settled(),
    setTrailDelay: (milliseconds) => (front.trailDelayMs = milliseconds),
    setMappingDelay: (milliseconds) => (front.lambda.mappingMs = milliseconds),
    invoked: () => front.lambda.invoked,
    fault: (action, fault) => front.plan(action, fault),
    calls: () => front.calls,
    async stop() {
      await front.close();
      await moto.process.stop(0);
      await rm(dir, { recursive: true, force: true });
    },
  };
  return aws;
}

async function keyOf(iam: IAMClient, user: string, create = false): Promise<Credential> {
  if (create) await iam.send(new CreateUserCommand({ UserName: user }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: user }));
  return credentialOf(AccessKey);
}

function credentialOf(
  from:
    | {
        AccessKeyId?: string | undefined;
        SecretAccessKey?: string | undefined;
        SessionToken?: string | undefined;
      }
    | undefined,
): Credential {
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken } = from ?? {};
  const pair = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey };
  return SessionToken === undefined ? pair : { ...pair, sessionToken: SessionToken };
}
