import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { basic, bearer, type Authorization } from '../../service/client.ts';
import { parseChallenges } from './challenge.ts';
import { classOfStatus, isRegistryError, RegistryError } from './errors.ts';
import { httpGet, HttpError, type HttpAnswer } from './http.ts';
import { isAddress, type CheckedEndpoint } from './options.ts';
import { fetchToken, type BearerToken } from './token.ts';
import { backoffMs, retryAfterMs } from './waiting.ts';
import { wordsOf } from './words.ts';

export interface EndpointRead {
  /** `read the manifest latest of shop/api`: for messages. */
  operation: string;
  repository: string;
  /** From `urlOf`, or a later page of such an address. */
  url: URL;
  accept: string;
  maxBytes: number;
  /** The caller proves the content by its digest, so that it may come from another host. */
  proven: boolean;
  signal: AbortSignal;
}

/** A registry or a mirror, at one address. Credentials and tokens go there, and where `tokenHosts` says; never after a redirect elsewhere. */
export interface Endpoint {
  /** `registry.example (mirror m.example)`: for messages. */
  name: string;
  urlOf(repository: string, path: string, query?: { [name: string]: string }): URL;
  /**
   * A GET, tried again while the registry is busy or away.
   * @returns an answer of 200
   * @throws RegistryError, or the reason of `signal`
   */
  get(read: EndpointRead, attempts: number): Promise<HttpAnswer>;
}

const MAX_HOPS = 5;
/** What asks for a longer wait is left to the caller, who must not be held up. */
const MAX_WAIT_MS = 15_000;
const MAX_TOKENS = 1_000;

export function createEndpoint(
  dispatcher: Dispatcher,
  config: CheckedEndpoint,
  { registry, timeoutMs }: { registry: string; timeoutMs: number },
): Endpoint {
  const tokens = new Map<string, { token: BearerToken; until: number }>();
  let asksBasic = false;
  let pausedUntil = 0;

  /** What was asked for before: it saves the challenge. */
  async function known(repository: string): Promise<Authorization | undefined> {
    const cached = tokens.get(repository);
    if (cached !== undefined && cached.until > performance.now()) return bearer(cached.token.value);
    const credentials = asksBasic ? await config.credentials?.() : undefined;
    return credentials === undefined ? undefined : basic(credentials.username, credentials.password);
  }

  async function answerChallenge(answer: HttpAnswer, read: EndpointRead): Promise<Authorization> {
    const { operation, repository, signal } = read;
    const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
    const asksToken = challenges.find(({ scheme }) => scheme === 'bearer');
    tokens.delete(repository);
    if (asksToken !== undefined) {
      const name = `${config.prefix}${repository}`;
      const token = await fetchToken(dispatcher, config, asksToken, {
        registry,
        operation,
        repository: name,
        signal,
        timeoutMs,
      });
      const oldest = tokens.keys().next();
      if (tokens.size >= MAX_TOKENS && !oldest.done) tokens.delete(oldest.value);
      tokens.set(repository, { token, until: performance.now() + token.lifeMs });
      return bearer(token.value);
    }
    const denied = (message: string) =>
      new RegistryError({ registry, operation }, { class: 'denied', status: 401, message });
    if (!challenges.some(({ scheme }) => scheme === 'basic'))
      throw denied('HTTP 401: it asks for credentials of a kind that is not known');
    const credentials = await config.credentials?.();
    if (credentials === undefined) throw denied('HTTP 401: it asks for a password, and none is configured');
    asksBasic = true;
    return basic(credentials.username, credentials.password);
  }

  async function follow(read: EndpointRead, authorization: Authorization | undefined): Promise<HttpAnswer> {
    const where = { registry, operation: read.operation };
    let { url } = read;
    let headers = authorization?.headers ?? {};
    for (let hop = 0; hop <= MAX_HOPS; hop++) {
      const answer = await httpGet(dispatcher, url, {
        headers: { accept: read.accept, ...headers },
        signal: read.signal,
        timeoutMs,
        maxBytes: read.maxBytes,
      });
      if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
      const next = URL.parse(answer.headers['location'] ?? '', url.href);
      if (next === null)
        throw new RegistryError(where, { class: 'malformed', message: 'it redirects to no address' });
      const objection = objectionTo(next, read.proven);
      // The address itself may be signed for whoever has it, so it is in no message.
      if (objection !== undefined)
        throw new RegistryError(where, {
          class: 'elsewhere',
          message: `it redirects to ${next.host}: ${objection}`,
        });
      if (next.origin !== config.origin) headers = {};
      url = next;
    }
    throw new RegistryError(where, {
      class: 'elsewhere',
      message: `it redirects more than ${MAX_HOPS} times`,
    });
  }

  function objectionTo(next: URL, proven: boolean): string | undefined {
    if (next.origin === config.origin) return undefined;
    if (!proven) return 'only what is named by its digest may come from another host';
    if (next.protocol !== 'https:' && !(next.protocol === 'http:' && config.origin.startsWith('http:')))
      return 'without encryption';
    // A registry must not have this machine ask inside of its own network.
    if (isAddress(next.hostname) && next.hostname !== config.hostname) return 'an address instead of a name';
    return next.username === '' && next.password === '' ? undefined : 'with credentials of its own';
  }

  async function attempt(read: EndpointRead): Promise<HttpAnswer> {
    const where = { registry, operation: read.operation };
    const hidden: string[] = [];
    const hide = (authorization: Authorization | undefined) => {
      hidden.push(...(authorization?.secrets ?? []).map((secret) => secret.reveal()));
      return authorization;
    };
    try {
      let answer = await follow(read, hide(await known(read.repository)));
      if (answer.status === 401 && answer.url.origin === config.origin)
        answer = await follow(read, hide(await answerChallenge(answer, read)));
      const { status } = answer;
      if (status === 200) return answer;
      throw new RegistryError(where, {
        class: classOfStatus(status),
        status,
        message: wordsOf(status, answer.body),
        retryAfterMs: retryAfterMs(answer.headers['retry-after'], Date.now()),
        hidden,
      });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      throw new RegistryError(where, {
        class: error.reason === 'too-large' ? 'too-large' : 'retryable',
        message: error.message,
      });
    }
  }

  return {
    name: registry,
    urlOf(repository, path, query = {}) {
      const url = new URL(`/v2/${config.prefix}${repository}/${path}`, config.origin);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return url;
    },
    async get(read, attempts) {
      for (let tries = 1; ; tries++) {
        try {
          const pause = pausedUntil - performance.now();
          if (pause > 0) await sleep(pause, undefined, { signal: read.signal });
          return await attempt(read);
        } catch (error) {
          if (!isRegistryError(error, 'retryable')) throw error;
          const asked = error.retryAfterMs;
          if (tries >= attempts || (asked ?? 0) > MAX_WAIT_MS) throw error;
          // Whoever reads from it at the same time waits, too.
          if (asked !== undefined) pausedUntil = Math.max(pausedUntil, performance.now() + asked);
          else await sleep(backoffMs(tries), undefined, { signal: read.signal });
        }
      }
    },
  };
}
