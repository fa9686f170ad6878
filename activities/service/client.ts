import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { systemCode } from '../../domain/errors.ts';
import type { Json } from '../../domain/json.ts';
import { hide, redact } from '../../domain/redaction.ts';
import { Secret } from '../../domain/secret.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { flatHeaders, readBody } from './answer.ts';
import { classifyService, ServiceError } from './errors.ts';

/** How a call says who it is. `secrets` are kept out of every error. */
export interface Authorization {
  headers: { [name: string]: string };
  secrets: Secret[];
}

/** JSON with secrets in it, revealed only in the bytes that are sent. */
export type Outgoing = Json | Secret | Outgoing[] | { [key: string]: Outgoing };

export interface ServiceCall {
  /** `rotate the token 7 of project acme/shop`: for messages. */
  operation: string;
  /** Begins with a slash; every part of it that comes from outside is encoded by `segment`. */
  path: string;
  query?: { [name: string]: string };
  signal: AbortSignal;
  /** Somebody else than the engine, or nobody. */
  as?: Authorization | 'nobody';
}

export interface ServiceWrite extends ServiceCall {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: Outgoing;
}

export interface ServiceAnswer {
  status: number;
  /** Lower-case names. */
  headers: { [name: string]: string };
  /** Parsed; undefined when the answer had no body. */
  body: unknown;
}

/** JSON over HTTP to one service. Follows no redirect: a credential goes to the configured address only. Throws ServiceError. */
export interface ServiceClient {
  /** A GET; tried again while the service is busy or away. */
  read(call: ServiceCall): Promise<ServiceAnswer>;
  /** Sent exactly once. An error with `mayBeDone` says that its outcome must be read. */
  write(call: ServiceWrite): Promise<ServiceAnswer>;
  close(): Promise<void>;
}

export interface ServiceOptions {
  /** `forges.acme`: for messages. */
  service: string;
  /** Without a slash at the end; may have a path. */
  baseUrl: string;
  /** Asked before each attempt, so that a renewed credential is used at once. */
  authorization: () => Promise<Authorization>;
  /** Sent with every call, e.g. a version of the API. */
  headers?: { [name: string]: string };
  /** Milliseconds for one attempt; 15 s when absent. */
  timeoutMs?: number;
  /** Largest answer in bytes; 8 MiB when absent. */
  maxBytes?: number;
}

const TIMEOUT_MS = 15_000;
const MAX_BYTES = 8 * 1024 * 1024;
const READ_ATTEMPTS = 4;
const MAX_WAIT_MS = 10_000;

/** Nothing had been sent when these happened. */
const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** @throws TypeError when `baseUrl` is no http(s) address */
export function createServiceClient(options: ServiceOptions): ServiceClient {
  const { service, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = options;
  const base = new URL(options.baseUrl);
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`${service}: its address must be http or https`);
  const prefix = base.pathname.replace(/\/+$/, '');
  const reading = new Agent({ connect: { timeout: 5_000 } });
  // No kept connection: one that the service closes at this moment would leave a write's outcome unknown.
  const writing = new Agent({ connect: { timeout: 5_000 }, pipelining: 0 });
  const retryAfter = new WeakMap<ServiceError, number>();

  async function attempt(call: ServiceCall, method: string, body?: Outgoing): Promise<ServiceAnswer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const { headers, secrets } =
      call.as === 'nobody' ? { headers: {}, secrets: [] } : (call.as ?? (await options.authorization()));
    const hidden = secrets.map((secret) => secret.reveal());
    const isWrite = method !== 'GET';
    const fail = (status: number, message: string, mayBeDone: boolean) =>
      new ServiceError(
        { service, operation: call.operation },
        { status, message: clean(message, hidden), mayBeDone: isWrite && mayBeDone },
      );
    const query = new URLSearchParams(call.query).toString();
    try {
      const answer = await (isWrite ? writing : reading).request({
        origin: base.origin,
        path: `${prefix}${call.path}${query === '' ? '' : `?${query}`}`,
        method,
        signal: AbortSignal.any([call.signal, timeout]),
        headersTimeout: 0,
        bodyTimeout: 0,
        headers: {
          'user-agent': 'firebreak',
          accept: 'application/json',
          ...options.headers,
          ...headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(reveal(body, hidden)) }),
      });
      const status = answer.statusCode;
      const text = (await readBody(answer.body, maxBytes))?.toString('utf8');
      const got = flatHeaders(answer.headers);
      if (status < 200 || status > 299) {
        const error = fail(status, wordsOf(status, text), status >= 500 || status === 408);
        const seconds = Number(got['retry-after'] ?? Number.NaN);
        if (seconds >= 0) retryAfter.set(error, seconds * 1000);
        throw error;
      }
      if (text === undefined) throw fail(0, `the answer exceeds ${maxBytes} bytes`, true);
      const parsed = parse(text);
      if (parsed === malformed) throw fail(0, 'the answer is not JSON: is this its API?', true);
      return { status, headers: got, body: parsed };
    } catch (error) {
      // A cancelled activity must see its own abort, and a finding stays what it is.
      if (error instanceof ServiceError || call.signal.aborted) throw error;
      if (timeout.aborted) throw fail(0, `no answer within ${timeoutMs} ms`, true);
      const code = systemCode(error);
      // No cause: what a library says of a request may quote its headers.
      throw fail(0, `it cannot be reached (${code})`, !neverSent.has(code));
    }
  }

  return {
    async read(call) {
      for (let tries = 1; ; tries++) {
        try {
          return await attempt(call, 'GET');
        } catch (error) {
          if (!(error instanceof ServiceError) || classifyService(error) !== 'retryable') throw error;
          if (tries >= READ_ATTEMPTS) throw error;
          const wait = retryAfter.get(error) ?? 100 * 2 ** tries * (1 + Math.random());
          await sleep(Math.min(wait, MAX_WAIT_MS), undefined, { signal: call.signal });
        }
      }
    },
    write: (call) => attempt(call, call.method, call.body),
    async close() {
      await Promise.all([reading.destroy(), writing.destroy()]);
    },
  };
}

/** `Authorization: Bearer`. */
export function bearer(token: Secret): Authorization {
  return { headers: { authorization: `Bearer ${token.reveal()}` }, secrets: [token] };
}

/** Basic authentication (RFC 7617). */
export function basic(user: string, password: Secret): Authorization {
  const pair = Buffer.from(`${user}:${password.reveal()}`).toString('base64');
  return { headers: { authorization: `Basic ${pair}` }, secrets: [password, new Secret(pair)] };
}

/** One part of a path, encoded: a name from outside cannot reach another endpoint. @throws TypeError for a part that paths resolve away */
export function segment(text: string | number): string {
  const encoded = encodeURIComponent(text);
  // Encoded dots are resolved like plain ones.
  if (['', '.', '..'].includes(encoded))
    throw new TypeError(`${JSON.stringify(text)} cannot be a part of a path`);
  return encoded;
}

/** Plain JSON; what was revealed is added to `hidden`. */
function reveal(value: Outgoing, hidden: string[]): Json {
  if (value instanceof Secret) {
    hidden.push(value.reveal());
    return value.reveal();
  }
  if (Array.isArray(value)) return value.map((item) => reveal(item, hidden));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reveal(item, hidden)]));
}

/** A service may quote what it was sent. `redact` knows no secret that is short: these were sent, so they are looked for at any length. */
function clean(message: string, sent: readonly string[]): string {
  return oneLine(hide(redact(message), sent), 500);
}

const malformed = Symbol('malformed');

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return malformed;
  }
}

/** What an error's body says: GitHub's and GitLab's `message` and `error`, Harbor's and the registry's `errors`. */
function wordsOf(status: number, text: string | undefined): string {
  if (status >= 300 && status < 400)
    return `HTTP ${status}: it redirects, which is not followed: correct its address`;
  const body = text === undefined ? undefined : parse(text);
  const words = body === malformed ? undefined : wordsIn(body);
  return words === undefined ? `HTTP ${status}` : `HTTP ${status}: ${words}`;
}

function wordsIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const said: unknown[] = [];
  for (const key of ['message', 'error', 'error_description', 'errors', 'code', 'detail']) {
    const value: unknown = Reflect.get(body, key);
    if (value !== undefined && value !== null) said.push(value);
  }
  return said.length === 0
    ? undefined
    : said.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(': ');
}
