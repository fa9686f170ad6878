import { readFile, stat } from 'node:fs/promises';
import { systemCode } from '../domain/errors.ts';
import { CliError, usage } from './failure.ts';
import { safe } from './output.ts';
import type { GlobalOptions } from './options.ts';

/** Milliseconds for one call: the gateway itself gives up on its worker after ten seconds. */
const timeoutMs = 30_000;
const maxAnswer = 16 * 1024 * 1024;

/** The gateway's HTTP API with one person's token. */
export interface Gateway {
  get(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
}

/**
 * @throws CliError FB6102 no token, FB6103 a URL that would leak it, FB6104 a token file that others can read. Calls throw FB6105
 * when nothing answers, FB6106 when what answers is no gateway, and the gateway's own code when it refuses.
 */
export async function openGateway(options: Pick<GlobalOptions, 'url' | 'tokenFile'>): Promise<Gateway> {
  const base = checkedUrl(options.url);
  const token = await readToken(options.tokenFile);
  const call = async (method: string, path: string, body?: object) => {
    const url = new URL(path, base);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would carry the token to somewhere else.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await bounded(response, url);
    } catch (error) {
      if (error instanceof CliError) throw error;
      throw new CliError(
        'FB6105',
        'unreachable',
        `the gateway at ${url.origin} does not answer (${reasonOf(error)}): is it up, and is --url right?`,
        error,
      );
    }
    return answerOf(response, text, url);
  };
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
  };
}

function checkedUrl(text: string): URL {
  if (!URL.canParse(text)) throw usage(`--url: ${safe(JSON.stringify(text))} is not a URL`);
  const url = new URL(text.endsWith('/') ? text : `${text}/`);
  if (url.username !== '' || url.password !== '')
    throw usage('--url: leave out the credentials; the token is sent in a header');
  const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) return url;
  throw new CliError(
    'FB6103',
    'usage',
    `--url: ${url.origin} is not encrypted, and your token would be read on its way: use https, or a port forward to localhost`,
  );
}

async function readToken(file: string | undefined): Promise<string> {
  const token =
    file === undefined ? (process.env['FIREBREAK_TOKEN'] ?? '').trim() : await readTokenFile(file);
  if (token === '') {
    throw new CliError(
      'FB6102',
      'usage',
      'no token: set FIREBREAK_TOKEN, or name a file with --token-file (firebreak token create makes one)',
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CliError('FB6102', 'usage', 'the token holds spaces or control characters: copy it again');
  return token;
}

async function readTokenFile(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new CliError('FB6104', 'usage', `--token-file: others can read ${safe(file)}: chmod 600 it`);
    }
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(
      'FB6104',
      'usage',
      `--token-file: ${safe(file)} cannot be read (${systemCode(error)})`,
      error,
    );
  }
}

/** The body as text. @throws CliError FB6106 when it has no end in sight */
async function bounded(response: Response, url: URL): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxAnswer) throw notAGateway(url, `it answers with more than ${maxAnswer} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answerOf(response: Response, text: string, url: URL): unknown {
  const body = parsed(text);
  if (response.ok) {
    if (body === undefined) throw notAGateway(url, 'its answer is not JSON');
    return body;
  }
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as {
    code?: unknown;
    detail?: unknown;
  };
  if (typeof code !== 'string' || !/^FB\d{4}$/.test(code) || typeof detail !== 'string') {
    throw notAGateway(url, `it answers HTTP ${response.status} without a reason of Firebreak's`);
  }
  const kind = response.status < 500 ? 'refused' : response.status === 503 ? 'unreachable' : 'failed';
  throw new CliError(code, kind, detail);
}

function notAGateway(url: URL, why: string): CliError {
  return new CliError(
    'FB6106',
    'unreachable',
    `what answers at ${url.origin} is not a Firebreak gateway: ${why}; check --url`,
  );
}

function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if (error.name === 'TimeoutError') return `nothing for ${timeoutMs / 1000} s`;
  return error.cause === undefined ? error.message : systemCode(error.cause);
}
