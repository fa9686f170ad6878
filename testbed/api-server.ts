import { EventEmitter, on, once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';

/**
 * What goes wrong with a call.
 * - `lost`: it is carried out, then the connection is reset: the caller cannot know.
 * - `refused`: the connection is reset before anything is done.
 * - `silent`: nothing is done and nothing answered: the caller's own timeout must end it.
 * - `status`: an error of an edge in front, as HTML; nothing is done.
 * - `ratelimited`: 429 with Retry-After; nothing is done.
 * - `delay`: it is carried out after a while, also when the caller has gone meanwhile.
 */
export type ApiFault =
  | { kind: 'lost' }
  | { kind: 'refused' }
  | { kind: 'silent' }
  | { kind: 'status'; status: number }
  | { kind: 'ratelimited'; retryAfter: number }
  | { kind: 'delay'; ms: number };

/** For which calls a fault is: the next `calls` (one unless told) that fit. */
export interface ApiFaultScope {
  method?: string;
  /** Tested on the path without the query. */
  path?: RegExp;
  calls?: number;
}

export interface ApiRequest {
  method: string;
  /** Parts of the path, decoded. */
  parts: string[];
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** JSON or a form as an object; undefined without a body; a string when it is neither. */
  body: unknown;
}

export interface ApiReply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** One call as it came, without headers and bodies: these hold secrets. */
export interface ApiCall {
  method: string;
  path: string;
  /** What was answered, or would have been; undefined when nothing was carried out. */
  status: number | undefined;
}

export interface ApiServer {
  url: string;
  calls: ApiCall[];
  /** Resolves at the next call of such a path, when it has come. */
  sawCall(path: RegExp): Promise<void>;
  /** Earlier faults are used up first. */
  fault(fault: ApiFault, scope?: ApiFaultScope): void;
  stop(): Promise<void>;
}

const MAX_BODY = 1024 * 1024;

/** An HTTP API on 127.0.0.1 whose answers `handle` gives, one call after the other. */
export async function startApiServer(
  handle: (request: ApiRequest) => ApiReply | Promise<ApiReply>,
): Promise<ApiServer> {
  const calls: ApiCall[] = [];
  const arrivals = new EventEmitter();
  let planned: { fault: ApiFault; scope: ApiFaultScope; left: number }[] = [];

  function take(method: string, path: string): ApiFault | undefined {
    const found = planned.find(
      ({ scope }) =>
        (scope.method ?? method) === method && (scope.path === undefined || scope.path.test(path)),
    );
    if (found === undefined) return undefined;
    found.left -= 1;
    planned = planned.filter(({ left }) => left > 0);
    return found.fault;
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = incoming;
    const { pathname, searchParams: query } = new URL(incoming.url ?? '/', 'http://127.0.0.1');
    const call: ApiCall = { method, path: pathname, status: undefined };
    calls.push(call);
    arrivals.emit('call', pathname);
    const fault = take(method, pathname);
    const text = await readBody(incoming);
    if (fault?.kind === 'refused') return void incoming.socket.destroy();
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'status') return answer(response, { status: fault.status }, '<html>edge</html>');
    if (fault?.kind === 'ratelimited') {
      const headers = { 'retry-after': String(fault.retryAfter) };
      return answer(response, { status: 429, headers }, 'Retry later\n');
    }
    if (fault?.kind === 'delay') await sleep(fault.ms);
    const reply = await handle({
      method,
      parts: pathname
        .split('/')
        .filter((part) => part !== '')
        .map(decodeURIComponent),
      query,
      headers: incoming.headers,
      body: parseBody(text, incoming.headers['content-type'] ?? ''),
    });
    call.status = reply.status;
    if (fault?.kind === 'lost') return void incoming.socket.destroy();
    answer(response, reply, reply.body === undefined ? '' : JSON.stringify(reply.body));
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => {
      // A fault of the testbed's own must be seen, never taken for the vendor's.
      process.stderr.write(`testbed: ${String(error)}\n`);
      response.destroy();
    });
  });
  const port = await freePort();
  server.listen({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async sawCall(path) {
      for await (const [pathname] of on(arrivals, 'call')) if (path.test(String(pathname))) return;
    },
    fault(fault, scope = {}) {
      planned.push({ fault, scope, left: scope.calls ?? 1 });
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(response: ServerResponse, { status, headers = {} }: ApiReply, text: string): void {
  const type = text.startsWith('{') || text.startsWith('[') ? 'application/json' : 'text/html';
  response.writeHead(status, { ...(text === '' ? {} : { 'content-type': type }), ...headers });
  response.end(text);
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  let text = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming) {
    text += String(chunk);
    if (text.length > MAX_BODY) throw new Error('a body of more than 1 MiB');
  }
  return text;
}

function parseBody(text: string, type: string): unknown {
  if (text === '') return undefined;
  if (type.startsWith('application/x-www-form-urlencoded'))
    return Object.fromEntries(new URLSearchParams(text));
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
