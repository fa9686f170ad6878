import { ListSecretsCommand } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import type { Claim } from '../../../domain/action.ts';
import { remember } from '../../../domain/redaction.ts';
import type { SecretStores } from '../../../domain/secret.ts';
import type { AwsCredential } from '../accounts.ts';
import { isAwsError } from '../errors.ts';
import { unfitCredential } from './failures.ts';
import type { Place } from './principal.ts';

const shape = z.strictObject({
  accessKeyId: z.string().regex(/^A[KS]IA[A-Z0-9]{12,124}$/),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
});

/**
 * The credential that a secret holds, as JSON `{"accessKeyId": …, "secretAccessKey": …, "sessionToken": …}`.
 * @throws FB3322 when there is none, or it is of another form or another key; never with a value
 */
export async function credentialIn(
  secrets: SecretStores,
  name: string,
  { incident, signal }: Pick<Place, 'incident' | 'signal'>,
  accessKeyId?: string,
): Promise<AwsCredential> {
  const { store, path } = secrets(name);
  const stored = await store.read(path, { signal, incident });
  if (stored === undefined) throw unfitCredential(name, 'is not in its store');
  let value: unknown;
  try {
    value = JSON.parse(stored.value.reveal());
  } catch {
    // A parser's message quotes the text.
    value = undefined;
  }
  const read = shape.safeParse(value);
  if (!read.success) {
    throw unfitCredential(
      name,
      'must be JSON with accessKeyId, secretAccessKey and, of a session, sessionToken',
    );
  }
  const { sessionToken, ...pair } = read.data;
  // The whole is remembered as it is stored; what AWS or an error quotes is a part of it.
  remember(pair.secretAccessKey);
  if (sessionToken !== undefined) remember(sessionToken);
  if (accessKeyId !== undefined && pair.accessKeyId !== accessKeyId) {
    throw unfitCredential(name, `is of another key than ${accessKeyId}`);
  }
  return sessionToken === undefined ? pair : { ...pair, sessionToken };
}

const dead = new Set([
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'ExpiredToken',
  'ExpiredTokenException',
]);

/** What a call with the credential came to. */
export type Trial = { ended: boolean } & Omit<Claim, 'claim'>;

/**
 * Tries the credential on a harmless call, of a service that takes every kind of credential (IAM takes no session of a user without a second factor). AWS says
 * whether an explicit deny was the reason; without one, the call may never have been allowed, which proves nothing.
 */
export async function tryCredential(place: Place, credential: AwsCredential): Promise<Trial> {
  const call = 'secretsmanager:ListSecrets';
  const { secretsManager } = place.account.clientsWith(credential);
  try {
    await secretsManager.send(new ListSecretsCommand({ MaxResults: 1 }), { abortSignal: place.signal });
    return { ended: false, verdict: 'failed', detail: `${call} with it is still allowed` };
  } catch (error) {
    if (!isAwsError(error, 'forbidden', 'unauthenticated')) throw error;
    if (dead.has(error.name)) {
      return {
        ended: true,
        verdict: 'verified',
        detail: `AWS does not take it any more: ${call} got ${error.name}`,
      };
    }
    if (error.message.includes('explicit deny')) {
      return {
        ended: true,
        verdict: 'verified',
        detail: `${call} with it got ${error.name}, by an explicit deny`,
      };
    }
    return {
      ended: false,
      verdict: 'unverifiable',
      detail: `${call} with it got ${error.name} without an explicit deny: it may never have been allowed`,
    };
  }
}
