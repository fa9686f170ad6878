import { CreateUserCommand, IAMClient } from '@aws-sdk/client-iam';
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Aws, Credential as AwsCredential } from '../aws.ts';
import type { Beside } from './beside.ts';
import { cloudFunction, cloudFunctionRole, cloudUser, type Cloud } from './cloud.ts';
import type { Stolen } from './rehearsal.ts';
import type { Credential } from './stolen.ts';

/** The key of the user, where its consumers read it. Its thief makes a user of their own with it. */
export async function accessKey(
  { cloud, vault }: Beside,
  { secret, leaked }: Extract<Stolen, { kind: 'access-key' }>,
): Promise<Credential> {
  const { aws, userKey: key } = there(cloud);
  const { accessKeyId, secretAccessKey } = key;
  const kept = JSON.stringify({ accessKeyId, secretAccessKey });
  await vault.put(secret, kept);
  if (leaked !== undefined) await vault.put(leaked, kept);
  return {
    ...tried(aws, key),
    what: `an access key of ${cloudUser}`,
    use: async () => {
      await new IAMClient(aws.as(key)).send(new CreateUserCommand({ UserName: 'helper' }));
      return [];
    },
  };
}

/** What a function finds in its environment. */
export async function functionSession(
  beside: Beside,
  { leaked }: Extract<Stolen, { kind: 'function-session' }>,
): Promise<Credential> {
  const { aws } = there(beside.cloud);
  const role = `arn:aws:iam::${aws.accountId}:role/${cloudFunctionRole}`;
  const session = await aws.assumeRole(aws.admin, role, cloudFunction);
  const { accessKeyId, secretAccessKey, sessionToken = '' } = session;
  beside.remember('the token of a stolen session', sessionToken);
  if (leaked !== undefined)
    await beside.vault.put(leaked, JSON.stringify({ accessKeyId, secretAccessKey, sessionToken }));
  return { ...tried(aws, session), what: `a session of function ${cloudFunction}` };
}

function there(cloud: Cloud | undefined): Cloud {
  if (cloud !== undefined) return cloud;
  throw new Error('a credential of AWS is stolen where there is no AWS: add beside: [aws]');
}

const dead = new Set([
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'AccessDeniedException',
  'AccessDenied',
]);

function tried(aws: Aws, credential: AwsCredential): Pick<Credential, 'id' | 'value' | 'works'> {
  const client = new SecretsManagerClient(aws.as(credential));
  return {
    id: credential.accessKeyId,
    value: credential.secretAccessKey,
    works: async () => {
      try {
        await client.send(new ListSecretsCommand({ MaxResults: 1 }));
        return true;
      } catch (error) {
        if (error instanceof Error && dead.has(error.name)) return false;
        throw error;
      }
    },
  };
}
