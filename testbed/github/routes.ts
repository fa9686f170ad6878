import type { Operation } from './description.ts';
import type { Place, State } from './state.ts';
import { mustSee, permit, sees, type Token } from './tokens.ts';
import { isObject, notFound, Refusal, type Answer, type JsonObject, type TokenKind } from './types.ts';

export interface Call {
  state: State;
  operation: Operation;
  query: URLSearchParams;
  body: unknown;
  /** Whom the request's credential belongs to; absent where none was sent. */
  token: Token | undefined;
  /** Of Basic authentication. */
  basic: { user: string; password: string } | undefined;
  /** The front's own address. */
  base: string;
}

type Handler = (call: Call) => Answer | Promise<Answer>;

const done: Answer = { status: 204 };
const accepted: Answer = { status: 202, body: {} };

/** What the front answers itself, by the names of the API description. All else goes to npm `emulate`. */
export const handlers: Record<string, Handler> = {
  'GET /user': async ({ state, token }) => {
    const user = bearer(token);
    if (user.kind === 'ghs') throw new Refusal(403, 'Resource not accessible by integration');
    return { status: 200, body: await state.backend.get(`/users/${user.login}`), partial: true };
  },
  'GET /installation/repositories': async (call) => {
    const token = bearer(call.token);
    if (token.kind !== 'ghs')
      throw new Refusal(403, 'You must authenticate with an installation access token');
    const names = token.repositories ?? [];
    const repositories = await Promise.all(names.map((name) => call.state.backend.get(`/repos/${name}`)));
    return {
      status: 200,
      body: { total_count: names.length, repositories: paged(repositories, call.query) },
      partial: true,
    };
  },
  'POST /credentials/revoke': ({ state, token, basic, body }) => {
    if (token !== undefined || basic !== undefined)
      throw new Refusal(403, 'This endpoint does not accept authenticated requests');
    for (const value of stringsOf(bodyOf(body)['credentials'])) {
      const known = state.tokens.get(value);
      // Unknown ones and installation tokens are passed over in silence.
      if (known === undefined || !revocable.includes(known.kind)) continue;
      state.submitted.push(known);
      if (Number.isFinite(state.revocationMs)) state.tokens.revoke(known, state.revocationMs);
    }
    return accepted;
  },
  'DELETE /installation/token': ({ state, token }) => {
    const own = bearer(token);
    if (own.kind !== 'ghs') throw new Refusal(403, 'You must authenticate with an installation access token');
    state.tokens.revoke(own, 0);
    return done;
  },
  'POST /applications/{client_id}/token': async (call) => {
    const found = ofApp(call);
    const user = await call.state.backend.get(`/users/${found.login}`);
    return { status: 200, body: authorization(call, user), partial: true };
  },
  'DELETE /applications/{client_id}/token': (call) => {
    call.state.tokens.revoke(ofApp(call), 0);
    return done;
  },
  'GET /repos/{owner}/{repo}': async (call) => {
    const repository = seen(call);
    return { status: 200, body: await call.state.backend.get(`/repos/${repository}`), partial: true };
  },
  'GET /repos/{owner}/{repo}/environments': (call) => {
    const names = call.state.environmentsOf(may(call, 'actions', 'read'));
    const environments = names.map((name, id) => ({
      id,
      node_id: name,
      name,
      url: call.base,
      html_url: call.base,
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
    }));
    return {
      status: 200,
      body: { total_count: names.length, environments: paged(environments, call.query) },
    };
  },
  'GET /repos/{owner}/{repo}/actions/workflows': (call) => {
    const { workflows } = call.state;
    const all = workflows.ofRepository(may(call, 'actions', 'read'));
    const shown = all.map((one) => workflows.shown(one, call.base));
    return { status: 200, body: { total_count: all.length, workflows: paged(shown, call.query) } };
  },
  'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}': (call) => {
    const workflow = workflowOf(call, may(call, 'actions', 'read'));
    return { status: 200, body: call.state.workflows.shown(workflow, call.base) };
  },
  'PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/disable': (call) => {
    workflowOf(call, may(call, 'actions', 'write')).state = 'disabled_manually';
    return done;
  },
  'PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/enable': (call) => {
    workflowOf(call, may(call, 'actions', 'write')).state = 'active';
    return done;
  },
  'GET /repos/{owner}/{repo}/actions/runs': (call) => runs(call, may(call, 'actions', 'read')),
  'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs': (call) => {
    const repository = may(call, 'actions', 'read');
    return runs(call, repository, workflowOf(call, repository));
  },
  'GET /repos/{owner}/{repo}/actions/runs/{run_id}': async (call) => {
    const { state, operation, base } = call;
    const repository = may(call, 'actions', 'read');
    const run = state.workflows.run(repository, Number(operation.parameters['run_id']));
    return {
      status: 200,
      body: state.workflows.shownRun(run, base, await state.backend.get(`/repos/${repository}`)),
      partial: true,
    };
  },
  'POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel': (call) => cancel(call, false),
  'POST /repos/{owner}/{repo}/actions/runs/{run_id}/force-cancel': (call) => cancel(call, true),
  'GET /repos/{owner}/{repo}/actions/organization-secrets': (call) => {
    const repository = may(call, 'secrets', 'read');
    const organization = repository.split('/')[0] ?? '';
    const vault = call.state.vault({ for: 'actions', organization });
    const secrets = vault.names().map((name) => vault.shown(name));
    return { status: 200, body: { total_count: secrets.length, secrets: paged(secrets, call.query) } };
  },
  ...secretsIn('/repos/{owner}/{repo}/actions/secrets', 'secrets', 'actions'),
  ...secretsIn('/repos/{owner}/{repo}/dependabot/secrets', 'dependabot_secrets', 'dependabot'),
  ...secretsIn('/repos/{owner}/{repo}/environments/{environment_name}/secrets', 'environments', 'actions'),
  ...secretsIn('/orgs/{org}/actions/secrets', 'organization_secrets', 'actions'),
  ...secretsIn('/orgs/{org}/dependabot/secrets', 'organization_dependabot_secrets', 'dependabot'),
};

/** `POST /credentials/revoke` takes these; it says nothing of the others. */
const revocable: readonly TokenKind[] = ['ghp', 'github_pat', 'gho', 'ghu', 'ghr'];

/** The calls on secrets are the same in five places. */
function secretsIn(path: string, permission: string, purpose: Place['for']): Record<string, Handler> {
  const placeOf = (call: Call, level: 'read' | 'write'): Place => {
    const { environment_name: environment, org } = call.operation.parameters;
    if (org !== undefined) return { for: purpose, organization: ofOrganization(call, permission, level) };
    const repository = may(call, permission, level);
    return { for: purpose, repository, ...(environment === undefined ? {} : { environment }) };
  };
  return {
    [`GET ${path}`]: (call) => {
      const place = placeOf(call, 'read');
      const vault = call.state.vault(place);
      const secrets = vault.names().map((name) => vault.shown(name, urlOf(call, place)));
      return { status: 200, body: { total_count: secrets.length, secrets: paged(secrets, call.query) } };
    },
    [`GET ${path}/public-key`]: (call) => ({
      status: 200,
      body: call.state.vault(placeOf(call, 'read')).publicKey(),
    }),
    [`GET ${path}/{secret_name}`]: (call) => {
      const place = placeOf(call, 'read');
      return { status: 200, body: call.state.vault(place).shown(nameOf(call), urlOf(call, place)) };
    },
    // Described for organizations only.
    [`GET ${path}/{secret_name}/repositories`]: async (call) => {
      const { repositoryIds = [] } = call.state.vault(placeOf(call, 'read')).get(nameOf(call));
      const { backend } = call.state;
      const repositories = await Promise.all(repositoryIds.map((id) => backend.get(`/repositories/${id}`)));
      return {
        status: 200,
        body: { total_count: repositories.length, repositories: paged(repositories, call.query) },
        partial: true,
      };
    },
    [`PUT ${path}/{secret_name}`]: (call) => {
      const status = call.state.vault(placeOf(call, 'write')).put(nameOf(call), bodyOf(call.body));
      return status === 201 ? { status, body: {} } : done;
    },
  };
}

function nameOf({ operation }: Call): string {
  return operation.parameters['secret_name'] ?? '';
}

function urlOf(call: Call, { organization }: Place): string | undefined {
  return organization === undefined ? undefined : `${call.base}/orgs/${organization}/actions`;
}

async function runs(
  { state, query, base }: Call,
  repository: string,
  workflow?: ReturnType<State['workflows']['find']>,
): Promise<Answer> {
  const found = state.workflows.list(repository, query, workflow);
  const shownRepository = await state.backend.get(`/repos/${repository}`);
  const shown = paged(found, query).map((run) => state.workflows.shownRun(run, base, shownRepository));
  return { status: 200, body: { total_count: found.length, workflow_runs: shown }, partial: true };
}

function cancel(call: Call, force: boolean): Answer {
  const { state, operation } = call;
  const repository = may(call, 'actions', 'write');
  state.workflows.cancel(state.workflows.run(repository, Number(operation.parameters['run_id'])), force);
  return accepted;
}

function workflowOf({ state, operation }: Call, repository: string): ReturnType<State['workflows']['find']> {
  return state.workflows.find(repository, operation.parameters['workflow_id'] ?? '');
}

/** @throws Refusal 404 for what the token may not see: GitHub does not say that it is there */
function seen({ token, operation }: Call): string {
  const repository = `${operation.parameters['owner'] ?? ''}/${operation.parameters['repo'] ?? ''}`;
  mustSee(bearer(token), repository);
  return repository;
}

function may(call: Call, permission: string, level: 'read' | 'write'): string {
  const repository = seen(call);
  permit(bearer(call.token), permission, level);
  return repository;
}

function ofOrganization(
  { token, operation, state }: Call,
  permission: string,
  level: 'read' | 'write',
): string {
  const organization = operation.parameters['org'] ?? '';
  const own = bearer(token);
  if (own.kind === 'ghs' && state.app?.account !== organization) throw notFound();
  if (
    own.kind !== 'ghs' &&
    own.repositories !== undefined &&
    !own.repositories.some((one) => sees({ ...own, repositories: [one.split('/')[0] ?? ''] }, organization))
  )
    throw notFound();
  permit(own, permission, level);
  return organization;
}

/** The token in the body, if it was issued to the App that asks. @throws Refusal 404 as GitHub does for one of another App */
function ofApp({ state, operation, basic, body }: Call): Token {
  const { oauth } = state;
  const { client_id: clientId } = operation.parameters;
  if (
    oauth === undefined ||
    clientId !== oauth.clientId ||
    basic?.user !== clientId ||
    basic.password !== oauth.clientSecret
  )
    throw notFound();
  const found = state.tokens.get(String(bodyOf(body)['access_token']));
  if (found === undefined || found.clientId !== clientId || !state.tokens.isAlive(found)) throw notFound();
  return found;
}

function authorization({ base, state }: Call, user: JsonObject): JsonObject {
  return {
    id: 1,
    url: `${base}/authorizations/1`,
    scopes: ['repo'],
    token: '',
    token_last_eight: null,
    hashed_token: null,
    app: { client_id: state.oauth?.clientId, name: 'an app', url: base },
    note: null,
    note_url: null,
    updated_at: '2026-01-01T00:00:00Z',
    created_at: '2026-01-01T00:00:00Z',
    fingerprint: null,
    expires_at: null,
    user,
  };
}

function bearer(token: Token | undefined): Token {
  if (token === undefined) throw new Refusal(401, 'Requires authentication');
  return token;
}

function bodyOf(body: unknown): JsonObject {
  return isObject(body) ? body : {};
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function paged<T>(items: readonly T[], query: URLSearchParams): T[] {
  const size = Number(query.get('per_page') ?? 30);
  const page = Number(query.get('page') ?? 1);
  return items.slice((page - 1) * size, page * size);
}
