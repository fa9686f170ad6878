import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserPolicyCommand,
  ListAccessKeysCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
} from '@aws-sdk/client-iam';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { awsActions } from '../../activities/aws/index.ts';
import { clusterRegistry } from '../../activities/kubernetes/client.ts';
import { fileStore } from '../../activities/secrets/file.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action, Applied, Mandate, Plan } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Permission } from '../../domain/permission.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';
import type { CallRecord, Credential } from '../../testbed/aws.ts';
import { contextOf, type ContextOptions, type Intents } from './action-context.ts';
import { accountName, openAwsHouse, type AwsHouse } from './aws-house.ts';
import { recorded } from './permissions-used.ts';

export const contain = 'aws.contain-principal';
export const containKey = 'aws.contain-access-key';
export const revoke = 'aws.revoke-role-sessions';

export const documentOf = (...Statement: object[]) => ({ Version: '2012-10-17', Statement });
export const everything = documentOf({ Effect: 'Allow', Action: '*', Resource: '*' });
export const trusting = (arn: string) =>
  documentOf({ Sid: 'AsItWas', Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' });
/** As a person writes it, with its spaces. */
export const text = (document: object) => JSON.stringify(document, undefined, 2);

/** The actions that contain, over an account where the engine has what they need and no more. */
export interface ContainHouse extends AwsHouse {
  action(name: string): Action;
  /** What was called while one of its verbs ran, by whomever. */
  callsDuring(name: string): readonly CallRecord[];
  /** Of the three. */
  permissions: readonly Permission[];
  /** A new user who may do anything, with a key. */
  user(): ReturnType<AwsHouse['aws']['createUser']>;
  /** Plans and applies as the engine does. */
  contained(
    action: string,
    input: JsonObject,
    intents?: Intents,
  ): Promise<{ action: Action; plan: Plan; mandate: Mandate; applied: Applied }>;
  /** Keeps a credential where an action may read it; the secret's name. */
  keep(credential: Credential): Promise<string>;
  plan(action: string, input: JsonObject): Promise<Plan>;
  /** A context, with the intents of its own step where they are not given. */
  context(options?: ContextOptions): ReturnType<typeof contextOf>;
  /** All that may be seen of a principal: documents as they are, statuses of keys. */
  picture(kind: 'user' | 'role', name: string): Promise<JsonObject>;
  /** Whether a call with the credential is allowed, or the name of the error. */
  tryIt(credential: Credential): Promise<string>;
}

export async function openContainHouse(): Promise<ContainHouse> {
  const house = await openAwsHouse();
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-credentials-'));
  const store: SecretStore = fileStore('files', dir);
  const secrets = secretStores([store], [{ kind: 'file' }]);
  const { iam, aws } = house;
  const recordings = awsActions({ accounts: house.accounts, clusters: clusterRegistry([]), secrets }).map(
    (action) => recorded(action, () => aws.calls()),
  );
  const actions = recordings.map(({ action }) => action);

  async function documents(kind: 'user' | 'role', name: string): Promise<JsonObject> {
    const found: JsonObject = {};
    if (kind === 'user') {
      const { PolicyNames = [] } = await iam.send(new ListUserPoliciesCommand({ UserName: name }));
      for (const PolicyName of PolicyNames) {
        const { PolicyDocument } = await iam.send(new GetUserPolicyCommand({ UserName: name, PolicyName }));
        found[PolicyName] = decodeURIComponent(PolicyDocument ?? '');
      }
      const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName: name }));
      for (const key of AccessKeyMetadata) found[key.AccessKeyId ?? ''] = key.Status ?? '';
      return found;
    }
    const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName: name }));
    for (const PolicyName of PolicyNames) {
      const { PolicyDocument } = await iam.send(new GetRolePolicyCommand({ RoleName: name, PolicyName }));
      found[PolicyName] = decodeURIComponent(PolicyDocument ?? '');
    }
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }));
    found['trust'] = decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '');
    return found;
  }

  let users = 0;
  const made: ContainHouse = {
    ...house,
    permissions: actions
      .filter(({ name }) => [contain, containKey, revoke].includes(name))
      .flatMap(({ permissions }) => permissions),
    user: () => aws.createUser(`user-${++users}`, { path: '/team/', policies: { all: everything } }),
    async contained(name, input, intents = new Map()) {
      const action = made.action(name);
      const plan = await made.plan(name, input);
      const mandate = mandateOf(action, plan, input);
      const applied = await action.apply(made.context({ intents }), mandate);
      return { action, plan, mandate, applied };
    },
    action(name) {
      const found = actions.find((action) => action.name === name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found;
    },
    callsDuring: (name) => recordings.find(({ action }) => action.name === name)?.calls ?? [],
    async keep(credential) {
      const path = `leaked/${randomUUID()}`;
      await store.write(path, new Secret(JSON.stringify(credential)), {
        signal: AbortSignal.timeout(10_000),
      });
      return `files/${path}`;
    },
    plan(name, input) {
      const action = made.action(name);
      const parsed = action.input.parse({ account: accountName, ...input });
      return action.plan(contextOf(house.evidence), { incident: 'inc-1', step: 'contain', input: parsed });
    },
    context: (options) => contextOf(house.evidence, options),
    picture: documents,
    async tryIt(credential) {
      const client = new SecretsManagerClient(aws.as(credential));
      return client.send(new CreateSecretCommand({ Name: `probe-${randomUUID()}`, SecretString: 'v' })).then(
        () => 'allowed',
        (error: Error) => error.name,
      );
    },
    async close() {
      await house.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  await house.grant(made.permissions);
  return made;
}

/** The mandate of a plan, for an input as a playbook gives it. */
export function mandateOf(action: Action, plan: Plan, input: JsonObject, incident = 'inc-1'): Mandate {
  return {
    incident,
    step: 'contain',
    input: action.input.parse({ account: accountName, ...input }),
    authority: plan.authority,
    base: plan.snapshot,
  };
}

class Killed extends Error {}

/** Runs a verb again and again, killed once at every boundary by its name, until it gets through; what it intended stays. */
export async function killedEverywhere<T>(
  house: ContainHouse,
  run: (context: ReturnType<typeof contextOf>) => Promise<T>,
): Promise<{ kills: number; result: T }> {
  const intents: Intents = new Map();
  const killedAt = new Set<string>();
  const atBoundary = (name: string) => {
    if (killedAt.has(name)) return;
    killedAt.add(name);
    throw new Killed();
  };
  for (;;) {
    try {
      return { result: await run(house.context({ atBoundary, intents })), kills: killedAt.size };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}
