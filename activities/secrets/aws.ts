import { createHmac, randomBytes } from 'node:crypto';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
  type GetSecretValueResponse,
} from '@aws-sdk/client-secrets-manager';
import { Secret, type SecretCall, type SecretStore, type StoredSecret } from '../../domain/secret.ts';
import type { Account } from '../aws/accounts.ts';
import { badPath, changedMeanwhile, outside, unusable } from './failures.ts';
import type { AwsScope } from './permissions.ts';

/** The label of a version that is stored and not in use yet. There is one: it moves on, and AWS removes versions without any. */
const pending = 'FIREBREAKPENDING';
const current = 'AWSCURRENT';
const tags = [{ Key: 'managed-by', Value: 'firebreak' }];

/**
 * AWS Secrets Manager of one account; paths are names of secrets, which begin with the prefix. The version is AWS's VersionId, `previous` is AWSPREVIOUS.
 *
 * PutSecretValue would move AWSCURRENT off whatever is there. So the value is first stored under a label of ours, and then AWSCURRENT is moved from the
 * version that was read, which AWS refuses when another one has it (UpdateSecretVersionStage, RemoveFromVersionId).
 */
export function awsStore(name: string, account: Account, { prefix }: Pick<AwsScope, 'prefix'>): SecretStore {
  /** @throws FirebreakError FB3403, FB3405 */
  function secretName(path: string): string {
    if (!/^[A-Za-z0-9/_+=.@-]{1,512}$/.test(path))
      throw badPath(path, 'the name of a secret in AWS Secrets Manager');
    if (path.startsWith(prefix)) return path;
    throw outside(name, path, 'prefix', `that begins with ${JSON.stringify(prefix)}`);
  }

  /**
   * Keyed, so that the token, which becomes the public VersionId, gives nothing to guess a value by. The same write of this process has the same one, and
   * AWS answers it as done; of another process it has another, and what is stored already is seen by its value.
   */
  const key = randomBytes(32);
  const tokenOf = (path: string, value: Secret, version: string | undefined) =>
    createHmac('sha256', key)
      .update(JSON.stringify([path, version ?? null, value.reveal()]))
      .digest('hex');

  const clientFor = ({ incident }: SecretCall) => account.clients(incident ?? 'secrets').secretsManager;

  async function get(path: string, call: SecretCall, VersionStage: string) {
    try {
      const command = new GetSecretValueCommand({ SecretId: secretName(path), VersionStage });
      return storedIn(
        await clientFor(call).send(command, { abortSignal: call.signal }),
        store.describe(path),
      );
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException')) return undefined;
      throw toUnusable(error, store.describe(path));
    }
  }

  /** `undefined`: there is a secret of that name. */
  async function create(path: string, value: Secret, call: SecretCall): Promise<string | undefined> {
    try {
      const made = await clientFor(call).send(
        new CreateSecretCommand({
          Name: secretName(path),
          SecretString: value.reveal(),
          ClientRequestToken: tokenOf(path, value, undefined),
          Tags: tags,
        }),
        { abortSignal: call.signal },
      );
      return made.VersionId ?? '';
    } catch (error) {
      if (isNamed(error, 'ResourceExistsException')) return undefined;
      throw toUnusable(error, store.describe(path));
    }
  }

  async function put(path: string, value: Secret, call: SecretCall & { version?: string }): Promise<string> {
    try {
      const stored = await clientFor(call).send(
        new PutSecretValueCommand({
          SecretId: secretName(path),
          SecretString: value.reveal(),
          ClientRequestToken: tokenOf(path, value, call.version),
          VersionStages: [pending],
        }),
        { abortSignal: call.signal },
      );
      return stored.VersionId ?? '';
    } catch (error) {
      throw toUnusable(error, store.describe(path));
    }
  }

  const store: SecretStore = {
    name,
    describe: (path) => `secret ${secretName(path)} in AWS account ${account.name}`,
    read: (path, call) => get(path, call, current),
    previous: async (path, call) => (await get(path, call, 'AWSPREVIOUS'))?.value,
    async write(path, value, call) {
      const found = await get(path, call, current);
      if (found?.value.reveal() === value.reveal()) return { version: found.version };
      if (found?.version !== call.version) throw changedMeanwhile(store.describe(path));
      if (found === undefined) {
        const version = await create(path, value, call);
        if (version !== undefined) return { version };
        const theirs = await get(path, call, current);
        if (theirs?.value.reveal() === value.reveal()) return { version: theirs.version };
        // Somebody was quicker; else it is a secret that has no value yet.
        if (theirs !== undefined) throw changedMeanwhile(store.describe(path));
      }
      const version = await put(path, value, call);
      try {
        await clientFor(call).send(
          new UpdateSecretVersionStageCommand({
            SecretId: secretName(path),
            VersionStage: current,
            MoveToVersionId: version,
            ...(call.version === undefined ? {} : { RemoveFromVersionId: call.version }),
          }),
          { abortSignal: call.signal },
        );
      } catch (error) {
        const now = await get(path, call, current);
        if (now?.value.reveal() === value.reveal()) return { version: now.version };
        if (now?.version !== call.version) throw changedMeanwhile(store.describe(path));
        throw toUnusable(error, store.describe(path));
      }
      return { version };
    },
  };
  return store;
}

function storedIn(
  { SecretString, VersionId }: GetSecretValueResponse,
  what: string,
): StoredSecret | undefined {
  if (SecretString === undefined) throw unusable(what, 'its value is binary: name another one');
  return SecretString === '' ? undefined : { value: new Secret(SecretString), version: VersionId ?? '' };
}

/** A secret that is scheduled for deletion is neither there nor gone. */
function toUnusable(error: unknown, what: string): unknown {
  if (!isNamed(error, 'InvalidRequestException')) return error;
  return unusable(
    what,
    'it is scheduled for deletion, or another service manages it: restore it, or name another one',
  );
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
