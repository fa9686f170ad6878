import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetUserCommand, IAMClient, ListAccessKeysCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { deleteAccessKey } from '../../activities/aws/delete-access-key.ts';
import { rotateAccessKey } from '../../activities/aws/rotate-access-key.ts';
import { keyIn } from '../../activities/aws/rotate-access-key/credential.ts';
import { clusterRegistry } from '../../activities/kubernetes/client.ts';
import { awsStore } from '../../activities/secrets/aws.ts';
import { fileStore } from '../../activities/secrets/file.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import type { Action, ActionContext, Mandate, Plan } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { Secret, type SecretStores } from '../../domain/secret.ts';
import type { CallRecord, Credential } from '../../testbed/aws.ts';
import { Grep } from '../../testbed/grep.ts';
import { contextOf, type ContextOptions, type Intents } from './action-context.ts';
import { accountName, openAwsHouse, type AwsHouse } from './aws-house.ts';
import { recorded } from './permissions-used.ts';

export class Killed extends Error {}

export interface RotateHouse extends AwsHouse {
  rotate: Action;
  /** The same, for tests in which it waits for what a killed worker may have done. */
  hasty: Action;
  remove: Action;
  /** What was called while one of their verbs ran, by whomever. */
  callsDuring: { readonly [of in 'rotate' | 'remove']: () => CallRecord[] };
  secrets: SecretStores;
  /** A user who may read itself, its key kept in a store. */
  user(options?: { store?: string; format?: 'json' | 'credentials-file'; kept?: boolean }): Promise<Rotated>;
  keys(user: string): Promise<{ [id: string]: string }>;
  /** The key that a secret holds. */
  stored(name: string): Promise<Credential | undefined>;
  previous(name: string): Promise<Credential | undefined>;
  /** Uses a key, so that IAM knows of it. */
  use(credential: Credential): Promise<void>;
  /** Whether AWS takes a key. */
  works(credential: Credential): Promise<boolean>;
  /** Whatever has been said: plans, results, errors, boundaries, intents, evidence. */
  said: string[];
}

export interface Rotated {
  user: string;
  arn: string;
  old: Credential;
  input: JsonObject & { secret: string };
}

const call = () => ({ signal: AbortSignal.timeout(60_000) });
let count = 0;

export async function openRotateHouse(): Promise<RotateHouse> {
  const house = await openAwsHouse();
  const directory = await mkdtemp(join(tmpdir(), 'firebreak-rotate-'));
  const scope = { kind: 'aws-secrets-manager' as const, account: accountName, prefix: 'ci/' };
  const secrets = secretStores(
    [fileStore('local', directory), awsStore('vault', house.account, scope)],
    [{ kind: 'file' }, scope],
  );
  const options = { accounts: house.accounts, clusters: clusterRegistry([]), secrets };
  const calls = () => house.aws.calls();
  const { action: rotate, calls: byRotate } = recorded(rotateAccessKey(options), calls);
  const { action: hasty, calls: byHasty } = recorded(rotateAccessKey({ ...options, settleMs: 2_500 }), calls);
  const { action: remove, calls: byRemove } = recorded(deleteAccessKey(options), calls);
  await house.grant([...rotate.permissions, ...remove.permissions]);
  const said: string[] = [];
  const read = async (name: string, which: 'read' | 'previous') => {
    const { store, path } = secrets(name);
    const value =
      which === 'read' ? (await store.read(path, call()))?.value : await store.previous(path, call());
    return value === undefined ? undefined : keyIn(value);
  };
  return {
    ...house,
    async close() {
      await house.close();
      await rm(directory, { recursive: true, force: true });
    },
    rotate,
    hasty,
    remove,
    callsDuring: { rotate: () => [...byRotate, ...byHasty], remove: () => byRemove },
    secrets,
    said,
    async user({ store = 'local', format = 'json', kept = true } = {}) {
      const user = `deployer-${++count}`;
      const own = {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: 'iam:GetUser', Resource: `arn:aws:iam::${house.aws.accountId}:user/*` },
        ],
      };
      const { arn, credential: old } = await house.aws.createUser(user, { policies: { own } });
      const secret = `${store}/ci/${user}`;
      const value =
        format === 'json'
          ? JSON.stringify({ accessKeyId: old.accessKeyId, secretAccessKey: old.secretAccessKey })
          : `[default]\naws_access_key_id=${old.accessKeyId}\naws_secret_access_key = ${old.secretAccessKey}\n`;
      const at = secrets(secret);
      if (kept) await at.store.write(at.path, new Secret(value), call());
      const input = {
        account: accountName,
        user,
        accessKeyId: old.accessKeyId,
        secret,
        format,
        check: 'iam:GetUser',
      };
      return { user, arn, old, input };
    },
    async keys(user) {
      const { AccessKeyMetadata = [] } = await house.iam.send(new ListAccessKeysCommand({ UserName: user }));
      return Object.fromEntries(
        AccessKeyMetadata.map(({ AccessKeyId = '', Status = '' }) => [AccessKeyId, Status]),
      );
    },
    stored: (name) => read(name, 'read'),
    previous: (name) => read(name, 'previous'),
    async use(credential) {
      await new IAMClient(house.aws.as(credential)).send(new GetUserCommand({}));
    },
    async works(credential) {
      try {
        await new STSClient(house.aws.as(credential)).send(new GetCallerIdentityCommand({}));
        return true;
      } catch (error) {
        if (error instanceof Error && error.name === 'InvalidClientTokenId') return false;
        throw error;
      }
    },
  };
}

/** A context whose boundaries and intents are kept as said. */
function contextIn(
  house: RotateHouse,
  options: ContextOptions = {},
): ActionContext & { boundaries: string[] } {
  return contextOf(house.evidence, options);
}

export async function planned(
  house: RotateHouse,
  action: Action,
  input: JsonObject,
): Promise<{ plan: Plan; mandate: Mandate }> {
  const parsed = action.input.parse(input);
  const request = { incident: 'inc-1', step: 'rotate', input: parsed };
  const plan = await action.plan(contextIn(house), request);
  const full = Buffer.from(await house.evidence.get(plan.full)).toString('utf8');
  const base = Buffer.from(await house.evidence.get(plan.snapshot)).toString('utf8');
  house.said.push(JSON.stringify(plan), full, base);
  return { plan, mandate: { ...request, authority: plan.authority, base: plan.snapshot } };
}

/** Runs a verb; keeps what it says. */
export async function run<V extends 'apply' | 'verify' | 'undo'>(
  house: RotateHouse,
  action: Action,
  verb: V,
  mandate: Mandate,
  options: ContextOptions = {},
): Promise<Awaited<ReturnType<Action[V]>>> {
  const context = contextIn(house, options);
  try {
    const result = (await action[verb](context, mandate)) as Awaited<ReturnType<Action[V]>>;
    house.said.push(JSON.stringify(result));
    return result;
  } catch (error) {
    if (error instanceof Error)
      house.said.push(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`);
    throw error;
  } finally {
    house.said.push(context.boundaries.join(), JSON.stringify([...(options.intents ?? [])]));
  }
}

/** Kills a verb at its nth boundary, counted over the whole of the run that reaches it; then runs it again. True while there was such a boundary. */
export async function killedAt(
  house: RotateHouse,
  action: Action,
  verb: 'apply' | 'undo',
  mandate: Mandate,
  nth: number,
): Promise<{ at: string | undefined }> {
  const intents: Intents = new Map();
  let boundary = 0;
  let at: string | undefined;
  const atBoundary = (name: string) => {
    if (++boundary < nth) return;
    at ??= name;
    // Dead: nothing that comes after, a clean-up neither, gets further.
    throw new Killed(name);
  };
  try {
    await run(house, action, verb, mandate, { intents, atBoundary });
    return { at };
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  await run(house, action, verb, mandate, { intents });
  return { at };
}

/** The names of the secrets that were said. */
export function leaked(house: RotateHouse, credentials: readonly (Credential | undefined)[]): string[] {
  const values = credentials.flatMap((one) =>
    one === undefined ? [] : [[one.accessKeyId, one.secretAccessKey] as const],
  );
  return new Grep(Object.fromEntries(values)).in(house.said.join('\n'));
}
