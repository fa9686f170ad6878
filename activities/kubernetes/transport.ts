/* oxlint-disable typescript/no-unsafe-type-assertion -- an error's code and a Status are read as optional fields */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { FirebreakError } from '../../domain/errors.ts';
import { loadCredentials, type ClusterConfig } from './credentials.ts';
import { truncate } from '../../domain/safe-text.ts';
import { classify, KubernetesError } from './errors.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds for one attempt; 10 s when absent. */
  timeoutMs?: number;
  /** Acts as this user: needs the right to impersonate it. */
  as?: { user: string; groups?: string[] };
  /** Largest answer in bytes; 32 MiB when absent. */
  maxBytes?: number;
}

export interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** For messages. */
  operation: string;
  query?: { [name: string]: string };
  body?: object;
  contentType?: string;
  accept?: string;
}

/** HTTP to one API server, with every call bounded in time and size. Throws KubernetesError. */
export interface Transport {
  /** The answer's JSON. Reads are tried again while the server is busy or away; writes never are. */
  json(call: Call): Promise<unknown>;
  /** One attempt whose answer is thrown away. */
  post(call: Omit<Call, 'method'>): Promise<void>;
  /** The body as it comes; `timeoutMs` is until it begins. */
  stream(call: Omit<Call, 'method'>): Promise<Readable>;
  close(): Promise<void>;
}

type Headers = { [name: string]: string | string[] | undefined };
type Answer = ConstructorParameters<typeof KubernetesError>[1];

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;
const READ_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 10_000;

/** @throws FB3208 for a kubeconfig that cannot be used. */
export function createTransport(config: ClusterConfig): Transport {
  const credentials = loadCredentials(config);
  /** Milliseconds that a busy server asked for. */
  const retryAfter = new WeakMap<KubernetesError, number>();

  /** One attempt; the answer's body is not read yet. */
  async function send(
    call: Call,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: Headers; body: Readable }> {
    const { origin, prefix, dispatcher, headers } = await credentials.endpoint();
    const query = new URLSearchParams(call.query ?? {}).toString();
    const answer = await dispatcher.request({
      origin,
      path: `${prefix}${call.path}${query === '' ? '' : `?${query}`}`,
      method: call.method,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        ...headers,
        accept: call.accept ?? 'application/json',
        'user-agent': 'firebreak',
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        ...(call.as === undefined ? {} : { 'impersonate-user': call.as.user }),
        ...(call.as?.groups === undefined ? {} : { 'impersonate-group': call.as.groups }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    if (answer.statusCode === 401) credentials.refresh();
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  }

  async function attempt(call: Call): Promise<string> {
    const timeout = AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    try {
      const { status, headers, body } = await send(call, signal);
      const text = await readText(body, call.maxBytes ?? MAX_BYTES);
      if (text === undefined) {
        throw failure(call, {
          status,
          reason: 'TooLarge',
          message: `the answer exceeds ${call.maxBytes ?? MAX_BYTES} bytes`,
        });
      }
      if (status < 200 || status > 299) throw statusError(call, status, headers, text);
      return text;
    } catch (error) {
      throw transportError(call, error, timeout);
    }
  }

  async function json(call: Call): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      try {
        return parse(call, await attempt(call));
      } catch (error) {
        const wait = error instanceof KubernetesError ? waitBeforeRetry(call, error, tries) : undefined;
        if (wait === undefined) throw error;
        await sleep(wait, undefined, call.signal === undefined ? {} : { signal: call.signal });
      }
    }
  }

  /** Milliseconds until another attempt; none when it makes no sense, or could do a write twice. */
  function waitBeforeRetry(call: Call, error: KubernetesError, tries: number): number | undefined {
    // Nothing has been done yet, and the credential may just have been rotated.
    if (error.status === 401) return tries === 1 ? 0 : undefined;
    if (call.method !== 'GET' || tries >= READ_ATTEMPTS) return undefined;
    if (classify(error) !== 'retryable' || error.status === 410) return undefined;
    return Math.min(retryAfter.get(error) ?? 50 * 2 ** tries * (1 + Math.random()), MAX_RETRY_AFTER_MS);
  }

  function failure(call: Call, answer: Answer, cause?: unknown): KubernetesError {
    return new KubernetesError({ cluster: config.name, operation: call.operation }, answer, cause);
  }

  function statusError(call: Call, status: number, headers: Headers, text: string): KubernetesError {
    const error = failure(call, readStatus(status, text));
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    if (seconds >= 0) retryAfter.set(error, seconds * 1000);
    return error;
  }

  function transportError(call: Call, error: unknown, timeout: AbortSignal): unknown {
    // A cancelled activity must see its own abort, and a finding stays what it is.
    if (error instanceof KubernetesError || error instanceof FirebreakError || call.signal?.aborted === true)
      return error;
    if (timeout.aborted) {
      return failure(call, {
        status: 0,
        reason: 'Timeout',
        message: `no answer within ${call.timeoutMs ?? TIMEOUT_MS} ms`,
      });
    }
    const code = (error as NodeJS.ErrnoException).code ?? 'no connection';
    return failure(
      call,
      { status: 0, reason: 'Unreachable', message: `the API server cannot be reached (${code})` },
      error,
    );
  }

  function parse(call: Call, text: string): unknown {
    try {
      const value: unknown = JSON.parse(text);
      return value;
    } catch {
      throw failure(call, {
        status: 0,
        reason: 'Malformed',
        message: 'the answer is not JSON: is this an API server?',
      });
    }
  }

  async function stream(request: Omit<Call, 'method'>): Promise<Readable> {
    const call: Call = { ...request, method: 'GET', accept: '*/*' };
    // The timer ends with the answer's headers: a long log may take longer than that.
    const begun = new AbortController();
    const timer = setTimeout(() => begun.abort(), call.timeoutMs ?? TIMEOUT_MS);
    try {
      const signal = call.signal === undefined ? begun.signal : AbortSignal.any([call.signal, begun.signal]);
      const { status, headers, body } = await send(call, signal);
      if (status >= 200 && status <= 299) return body;
      throw statusError(call, status, headers, (await readText(body, MAX_ERROR_BYTES)) ?? '');
    } catch (error) {
      throw transportError(call, error, begun.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    json,
    async post(call) {
      await attempt({ ...call, method: 'POST' });
    },
    stream,
    close: () => credentials.close(),
  };
}

/** A body as text, or nothing when it is longer than allowed. */
async function readText(body: Readable, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a `Status` says; a proxy's own page has none. */
function readStatus(status: number, text: string): Answer {
  const body = parseStatus(text);
  return {
    status,
    reason: asText(body.reason) || `HTTP ${status}`,
    message: asText(body.message) || `HTTP ${status}`,
    causes: (Array.isArray(body.details?.causes) ? body.details.causes : []).map((cause) => ({
      reason: truncate(asText(cause.reason), 100),
      field: truncate(asText(cause.field), 200),
      message: truncate(asText(cause.message), 200),
    })),
  };
}

interface Status {
  reason?: unknown;
  message?: unknown;
  details?: { causes?: { reason?: unknown; field?: unknown; message?: unknown }[] };
}

function parseStatus(text: string): Status {
  try {
    return (JSON.parse(text) as Status | null) ?? {};
  } catch {
    // Not a Status: the HTTP status must do.
    return {};
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
