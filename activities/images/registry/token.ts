import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { Secret } from '../../../domain/secret.ts';
import { basic } from '../../service/client.ts';
import type { Challenge } from './challenge.ts';
import { classOfStatus, RegistryError } from './errors.ts';
import { httpGet } from './http.ts';
import { isLoopback, type CheckedEndpoint } from './options.ts';
import { retryAfterMs } from './waiting.ts';

export interface BearerToken {
  value: Secret;
  /** Milliseconds that it may be used. */
  lifeMs: number;
}

const MAX_BYTES = 256 * 1024;
/** What a token has at least when the service does not say (token specification of Distribution). */
const DEFAULT_LIFE_S = 60;
const MAX_LIFE_S = 3600;

const answerSchema = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
});
/** What a header can carry. */
const sendable = /^[\x21-\x7e]{1,32768}$/;

/**
 * A token to pull from one repository, from the service that a registry's challenge names. The configuration decides whether that one is asked at all:
 * whoever can answer for a registry must not choose who gets its password.
 * @throws RegistryError
 */
export async function fetchToken(
  dispatcher: Dispatcher,
  endpoint: CheckedEndpoint,
  challenge: Challenge,
  call: { registry: string; operation: string; repository: string; signal: AbortSignal; timeoutMs: number },
): Promise<BearerToken> {
  const realm = checkedRealm(endpoint, challenge, call);
  const service = challenge.parameters.get('service');
  if (service !== undefined) realm.searchParams.set('service', service);
  // Not the challenge's own scope: no more than what is needed, whatever is asked.
  realm.searchParams.set('scope', `repository:${call.repository}:pull`);
  const credentials = await endpoint.credentials?.();
  const authorization =
    credentials === undefined ? undefined : basic(credentials.username, credentials.password);
  const hidden = (authorization?.secrets ?? []).map((secret) => secret.reveal());
  const answer = await httpGet(dispatcher, realm, {
    headers: { accept: 'application/json', ...authorization?.headers },
    signal: call.signal,
    timeoutMs: call.timeoutMs,
    maxBytes: MAX_BYTES,
  });
  const { status } = answer;
  const from = `the tokens of ${realm.host}: `;
  if (status >= 300 && status < 400)
    throw new RegistryError(call, {
      class: 'elsewhere',
      status,
      message: `${from}it redirects, which is not followed`,
    });
  if (status < 200 || status > 299)
    throw new RegistryError(call, {
      // Never `gone`: an image is not missing because nobody may ask for it.
      class: classOfStatus(status) === 'retryable' ? 'retryable' : 'denied',
      status,
      message: `${from}HTTP ${status}${credentials === undefined ? ', asked without credentials' : ''}`,
      retryAfterMs: retryAfterMs(answer.headers['retry-after'], Date.now()),
      hidden,
    });
  const said = answerSchema.safeParse(parsed(answer.body));
  const token = said.data?.token ?? said.data?.access_token ?? '';
  if (!sendable.test(token))
    throw new RegistryError(call, { class: 'malformed', status, message: `${from}the answer has none` });
  const seconds = Math.min(Math.max(said.data?.expires_in ?? DEFAULT_LIFE_S, 0), MAX_LIFE_S);
  // A part of its life is kept for the way.
  return { value: new Secret(token), lifeMs: seconds * 800 };
}

function checkedRealm(
  endpoint: CheckedEndpoint,
  challenge: Challenge,
  call: { registry: string; operation: string },
): URL {
  const realm = URL.parse(challenge.parameters.get('realm') ?? '');
  if (realm === null)
    throw new RegistryError(call, {
      class: 'malformed',
      message: 'it says of no address where tokens are given',
    });
  const refuse = (message: string) => new RegistryError(call, { class: 'elsewhere', message });
  if (!endpoint.tokenHosts.has(realm.host))
    throw refuse(`it sends for a token to ${realm.host}, which the configuration does not name`);
  const inTheClear =
    realm.protocol === 'http:' &&
    endpoint.origin.startsWith('http:') &&
    (endpoint.credentials === undefined || isLoopback(realm.hostname));
  if (realm.protocol !== 'https:' && !inTheClear)
    throw refuse(`it sends for a token to ${realm.host} without encryption`);
  if (realm.username !== '' || realm.password !== '')
    throw refuse(`it sends for a token to ${realm.host} with credentials of its own`);
  return realm;
}

function parsed(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return value;
  } catch {
    return undefined;
  }
}
