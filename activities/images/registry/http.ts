import type { Dispatcher } from 'undici';
import { systemCode } from '../../../domain/errors.ts';
import { flatHeaders, readBody } from '../../service/answer.ts';

/** An answer with its body, read within the limits. */
export interface HttpAnswer {
  status: number;
  /** Lower-case names; repeated ones joined by commas. */
  headers: { [name: string]: string };
  body: Uint8Array;
  /** From where it came, after redirects. */
  url: URL;
}

/** There is no answer, or too much of one. */
export class HttpError extends Error {
  readonly reason: 'timeout' | 'unreachable' | 'too-large';

  constructor(reason: HttpError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What of an error's body is read: its words. */
const ERROR_BYTES = 64 * 1024;

/**
 * One GET; follows nothing and repeats nothing. Headers and body must be there within `timeoutMs`, however slowly they trickle.
 * @throws HttpError, or the reason of `signal` when it was aborted
 */
export async function httpGet(
  dispatcher: Dispatcher,
  url: URL,
  options: { headers: { [name: string]: string }; signal: AbortSignal; timeoutMs: number; maxBytes: number },
): Promise<HttpAnswer> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      signal: AbortSignal.any([options.signal, timeout]),
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: { 'user-agent': 'firebreak', 'accept-encoding': 'identity', ...options.headers },
    });
    const good = answer.statusCode >= 200 && answer.statusCode < 300;
    const body = await readBody(answer.body, good ? options.maxBytes : ERROR_BYTES);
    if (body === undefined && good)
      throw new HttpError('too-large', `the answer exceeds ${options.maxBytes} bytes`);
    return {
      status: answer.statusCode,
      headers: flatHeaders(answer.headers),
      body: body ?? new Uint8Array(),
      url,
    };
  } catch (error) {
    if (error instanceof HttpError) throw error;
    options.signal.throwIfAborted();
    if (timeout.aborted) throw new HttpError('timeout', `no whole answer within ${options.timeoutMs} ms`);
    // No cause: what a library says of a request may quote its headers.
    throw new HttpError('unreachable', `it cannot be reached (${systemCode(error)})`);
  }
}
