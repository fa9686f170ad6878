import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Description, Operation } from './description.ts';
import { handlers } from './routes.ts';
import type { State } from './state.ts';
import { mustSee, type Token } from './tokens.ts';
import { isObject, Refusal, type Answer, type CallRecord } from './types.ts';

/**
 * What goes wrong with a call: `status` an error of GitHub's edge, `refused` a reset before anything is done, `lost` a reset after it is done.
 */
export type Fault =
  | { kind: 'status'; status: number; message?: string; headers?: Record<string, string> }
  | { kind: 'refused' }
  | { kind: 'lost' };

interface PlannedFault {
  /** As the API description has it. */
  operation: string;
  fault: Fault;
  calls: number;
}

interface Credential {
  token?: Token;
  basic?: { user: string; password: string };
  /** The JWT of an App: npm `emulate` checks its signature. */
  jwt?: string;
}

const documentation = 'https://docs.github.com/rest';

/** The one address that a client sees. Every request is held against GitHub's own API description. */
export class Front {
  readonly calls: CallRecord[] = [];
  /** Requests that GitHub's description does not allow: a bug of whoever sent them. */
  readonly violations: string[] = [];
  readonly #state: State;
  readonly #description: Description;
  readonly #server: Server;
  #faults: PlannedFault[] = [];

  private constructor(state: State, description: Description) {
    this.#state = state;
    this.#description = description;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        this.violations.push(`the testbed failed: ${String(error)}`);
        send(response, { status: 500, body: { message: 'Server Error' } });
      });
    });
  }

  static async start(state: State, description: Description): Promise<Front> {
    const front = new Front(state, description);
    await new Promise<void>((resolve, reject) => {
      front.#server.once('error', reject);
      front.#server.listen(0, '127.0.0.1', resolve);
    });
    return front;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string')
      throw new Error('the GitHub testbed is not listening');
    return `http://127.0.0.1:${address.port}`;
  }

  plan(operation: string, fault: Fault, calls: number): void {
    this.#faults.push({ operation, fault, calls });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const method = request.method ?? 'GET';
    const raw = await text(request);
    const operation = this.#description.find(method, url.pathname);
    const call: CallRecord = {
      operation: operation?.name ?? `${method} ${url.pathname}`,
      url: `${url.pathname}${url.search}`,
      status: 0,
      at: this.#state.now(),
    };
    this.calls.push(call);
    const faults = operation === undefined ? ['no such operation'] : this.#faultsOf(operation, url, raw);
    if (request.headers['user-agent'] === undefined)
      faults.push('GitHub refuses requests without User-Agent');
    if (operation === undefined || faults.length > 0) {
      this.violations.push(`${call.operation}: ${faults.join('; ')}`);
      call.status = 400;
      send(response, { status: 400, body: { message: `not GitHub's API: ${faults.join('; ')}` } });
      return;
    }
    const fault = this.#takeFault(operation.name);
    if (fault?.kind === 'refused') return void response.socket?.resetAndDestroy();
    if (fault?.kind === 'status') {
      call.status = fault.status;
      return send(
        response,
        { status: fault.status, body: { message: fault.message ?? 'Server Error' } },
        fault.headers,
      );
    }
    const { answer, headers } = await this.#answer(operation, url, raw, request.headers.authorization ?? '');
    call.status = answer.status;
    if (fault?.kind === 'lost') return void response.socket?.resetAndDestroy();
    send(response, answer, headers);
  }

  #takeFault(operation: string): Fault | undefined {
    const planned = this.#faults.find((one) => one.operation === operation);
    if (planned === undefined) return undefined;
    planned.calls -= 1;
    if (planned.calls === 0) this.#faults = this.#faults.filter((one) => one !== planned);
    return planned.fault;
  }

  #faultsOf(operation: Operation, url: URL, raw: string): string[] {
    try {
      return this.#description.faults(operation, url.searchParams, raw === '' ? undefined : JSON.parse(raw));
    } catch (error) {
      if (error instanceof SyntaxError) return ['the body is not JSON'];
      throw error;
    }
  }

  async #answer(
    operation: Operation,
    url: URL,
    raw: string,
    authorization: string,
  ): Promise<{ answer: Answer; headers: Record<string, string> }> {
    let headers: Record<string, string> = {};
    try {
      const credential = this.#credentialOf(authorization);
      headers = this.#state.tokens.spend(credential.token);
      const handler = handlers[operation.name];
      if (handler === undefined)
        return { answer: await this.#pass(operation, url, raw, credential), headers };
      const body: unknown = raw === '' ? undefined : JSON.parse(raw);
      const { token, basic } = credential;
      const answer = await handler({
        state: this.#state,
        operation,
        query: url.searchParams,
        body,
        token,
        basic,
        base: this.url,
      });
      const faults = this.#description.answerFaults(operation, answer);
      if (faults.length > 0)
        throw new Error(`an answer that GitHub does not give: ${faults.slice(0, 5).join('; ')}`);
      return { answer, headers };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const body = { message: error.message, documentation_url: documentation, status: String(error.status) };
      return { answer: { status: error.status, body }, headers: { ...headers, ...error.headers } };
    }
  }

  #credentialOf(authorization: string): Credential {
    if (authorization === '') return {};
    const [, scheme = '', value = ''] = /^(\S+) (.+)$/.exec(authorization) ?? [];
    if (scheme.toLowerCase() === 'basic') {
      const [user = '', password = ''] = Buffer.from(value, 'base64').toString('utf8').split(':');
      return { basic: { user, password } };
    }
    if (value.startsWith('eyJ')) return { jwt: value };
    return { token: this.#state.tokens.authenticate(value) };
  }

  /** To npm `emulate`; what is not about the App itself is asked in the name of an owner, after the token's sight is checked. */
  async #pass(operation: Operation, url: URL, raw: string, { token, jwt }: Credential): Promise<Answer> {
    const { backend, tokens, app } = this.#state;
    const { owner, repo } = operation.parameters;
    if (jwt === undefined) {
      if (token === undefined) throw new Refusal(401, 'Requires authentication');
      if (owner !== undefined && repo !== undefined) mustSee(token, `${owner}/${repo}`);
      if (operation.name.startsWith('GET '))
        return { status: 200, body: await backend.get(`${url.pathname}${url.search}`) };
      throw new Error(`${operation.name} is not modelled: add it to routes.ts`);
    }
    const answer = await backend.pass(operation.name.split(' ')[0] ?? '', url.pathname, `Bearer ${jwt}`, raw);
    const issued = isObject(answer.body) ? answer.body['token'] : undefined;
    if (answer.status === 201 && typeof issued === 'string' && isObject(answer.body) && app !== undefined) {
      const { repositories, permissions } = answer.body;
      const names = Array.isArray(repositories)
        ? repositories.map((one) => (isObject(one) ? String(one['full_name']) : ''))
        : app.repositories;
      const granted = isObject(permissions) ? Object.entries(permissions) : [];
      tokens.issue(
        {
          kind: 'ghs',
          login: app.account,
          ...(names === undefined ? {} : { repositories: names }),
          permissions: Object.fromEntries(
            granted.map(([name, level]) => [name, level === 'write' ? 'write' : 'read']),
          ),
        },
        issued,
      );
    }
    return answer;
  }
}

function send(
  response: ServerResponse,
  { status, body }: Answer,
  headers: Record<string, string> = {},
): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}
