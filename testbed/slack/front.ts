import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { isObject, textOf } from './types.ts';
import type { Backend } from './emulator.ts';
import type { Fault, Faults } from './faults.ts';
import type { Method } from './methods.ts';
import type { ResponseUrls } from './response-urls.ts';
import type { SocketMode } from './socket-mode.ts';
import type { CallRecord, Clock, JsonObject, Workspace } from './types.ts';

/** How response_url calls are named in the log of calls and in planned faults: they are no Web API method. */
const RESPONSE_URL = 'response_url';

const STRUCTURED = ['blocks', 'attachments', 'metadata', 'view'];

/** Query, form and JSON arguments as one object. Structured ones arrive as JSON text in a form: those are parsed. */
function parseArgs(url: URL, contentType: string, body: string): JsonObject | undefined {
  const isJson = contentType.startsWith('application/json');
  const args: JsonObject = Object.fromEntries(url.searchParams);
  if (!isJson) Object.assign(args, Object.fromEntries(new URLSearchParams(body)));
  try {
    const json: unknown = isJson ? JSON.parse(body) : {};
    if (!isObject(json)) return undefined;
    Object.assign(args, json);
    for (const name of STRUCTURED) {
      if (typeof args[name] === 'string') args[name] = JSON.parse(args[name]);
    }
    return args;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function send(
  response: ServerResponse,
  status: number,
  body: JsonObject,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}

interface FrontParts {
  workspace: Workspace;
  backend: Backend;
  methods: Record<string, Method>;
  faults: Faults;
  responseUrls: ResponseUrls;
  socketMode: SocketMode;
  clock: Clock;
  calls: CallRecord[];
}

/** The one address that an app under test sees: Web API, response_urls and Socket Mode. */
export class Front {
  readonly #parts: FrontParts;
  readonly #server: Server;

  private constructor(parts: FrontParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        // Shown to the app as Slack's own failure, and to whoever reads the test's output as ours.
        console.error('Slack testbed:', error);
        if (!response.headersSent) send(response, 500, { ok: false, error: 'internal_error' });
      });
    });
    this.#server.on('upgrade', (request, socket, head) => parts.socketMode.upgrade(request, socket, head));
  }

  static async start(parts: FrontParts): Promise<Front> {
    const front = new Front(parts);
    await new Promise<void>((resolve, reject) => {
      front.#server.once('error', reject);
      front.#server.listen(0, '127.0.0.1', resolve);
    });
    return front;
  }

  get host(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string')
      throw new Error('the Slack testbed is not listening');
    return `127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const args = parseArgs(url, request.headers['content-type'] ?? '', await text(request));
    const isApi = url.pathname.startsWith('/api/');
    const isResponse = url.pathname.startsWith('/actions/');
    if (!isApi && !isResponse) return send(response, 404, { ok: false, error: 'not_found' });
    const method = isApi ? url.pathname.slice('/api/'.length) : RESPONSE_URL;
    if (!args) return send(response, isApi ? 200 : 400, { ok: false, error: 'invalid_json' });
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? textOf(args['token']);
    delete args['token'];
    const call: CallRecord = { method, args, at: this.#parts.clock.now(), outcome: 'in progress' };
    this.#parts.calls.push(call);

    const fault = this.#parts.faults.take(method, textOf(args['channel']));
    if (fault && this.#failed(call, fault, response)) return;
    const answer = isApi
      ? { status: 200, body: await this.#api(method, args, token) }
      : await this.#parts.responseUrls.use(url.pathname, args);
    call.outcome = answer.body['ok'] === true ? 'ok' : textOf(answer.body['error']);
    if (fault) {
      call.outcome = 'done, then connection reset';
      response.socket?.resetAndDestroy();
      return;
    }
    send(response, answer.status, answer.body);
  }

  /** Fails the call before anything is done. False for a fault that comes after: the answer that gets lost. */
  #failed(call: CallRecord, fault: Fault, response: ServerResponse): boolean {
    if (fault.kind === 'lost') return false;
    if (fault.kind === 'ratelimited') {
      call.outcome = 'http 429';
      send(response, 429, { ok: false, error: 'ratelimited' }, { 'retry-after': String(fault.retryAfter) });
    } else if (fault.kind === 'status') {
      call.outcome = `http ${fault.status}`;
      response.writeHead(fault.status, { 'content-type': 'text/html' }).end('<h1>Server Error</h1>');
    } else if (fault.kind === 'refused') {
      call.outcome = 'connection reset';
      response.socket?.resetAndDestroy();
    } else if (fault.kind === 'silent') {
      call.outcome = 'no answer';
    } else {
      call.outcome = fault.error;
      send(response, 200, { ok: false, error: fault.error });
    }
    return true;
  }

  /** Lets in the right token only: the emulator itself accepts any. Errors: docs.slack.dev/reference/methods/auth.test. */
  async #api(method: string, args: JsonObject, token: string): Promise<JsonObject> {
    const { workspace, methods, backend, socketMode } = this.#parts;
    if (token === '') return { ok: false, error: 'not_authed' };
    if (token !== workspace.botToken && token !== workspace.appToken)
      return { ok: false, error: 'invalid_auth' };
    const needsAppToken = method === 'apps.connections.open';
    if (needsAppToken !== (token === workspace.appToken))
      return { ok: false, error: 'not_allowed_token_type' };
    if (needsAppToken) return socketMode.open(this.host);
    return (methods[method] ?? ((rest) => backend.asBot(method, rest)))(args);
  }
}
