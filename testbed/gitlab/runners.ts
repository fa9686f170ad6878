import { randomBytes } from 'node:crypto';
import { isRecord, type ApiReply, type ApiRequest } from '../api-server.ts';
import { requireScope } from './authentication.ts';
import { badParameter, forbidden, notAllowed, notFound } from './replies.ts';
import { LEVELS, levelOf, type Runner, type State, type Token } from './state.ts';

export function newRunnerToken(): string {
  return `glrt-${randomBytes(15).toString('base64url')}`;
}

/** `docs.gitlab.com/api/runners`: validate the authentication of a runner. The runner's token itself is the credential. */
export function verifyRunner(state: State, { method, body }: ApiRequest): ApiReply {
  if (method !== 'POST') throw notAllowed();
  if (!isRecord(body) || typeof body['token'] !== 'string') throw badParameter('token is missing');
  const runner = state.runners.find(({ token }) => token === body['token']);
  if (runner === undefined) throw forbidden();
  return { status: 200, body: { id: runner.id, token: runner.token, token_expires_at: null } };
}

/** `docs.gitlab.com/api/runners`: details, and reset of the authentication token by the runner's id. */
export function runners(
  state: State,
  self: Token,
  { method }: ApiRequest,
  [id, verb, ...rest]: string[],
): ApiReply {
  if (rest.length > 0 || id === undefined || (verb !== undefined && verb !== 'reset_authentication_token'))
    throw notFound('');
  if (method !== (verb === undefined ? 'GET' : 'POST')) throw notAllowed();
  if (!/^\d+$/.test(id)) throw badParameter('id is invalid');
  requireScope(self, 'api', 'manage_runner', ...(verb === undefined ? ['read_api'] : []));
  const runner = state.runners.find((one) => String(one.id) === id);
  if (runner === undefined) throw notFound('Runner');
  if (!mayManage(self, runner)) throw forbidden();
  if (verb === undefined) return { status: 200, body: present(runner) };
  runner.token = newRunnerToken();
  return { status: 201, body: { token: runner.token, token_expires_at: null } };
}

/** Maintainers of a project that it is assigned to; of an instance's runner, administrators alone. */
function mayManage({ user }: Token, { projects }: Runner): boolean {
  return user.admin || projects.some((project) => levelOf(user, project) >= LEVELS.maintainer);
}

function present({ id, description, projects, created }: Runner): Record<string, unknown> {
  return {
    id,
    description,
    active: true,
    paused: false,
    is_shared: projects.length === 0,
    runner_type: projects.length === 0 ? 'instance_type' : 'project_type',
    online: true,
    status: 'online',
    access_level: 'not_protected',
    created_at: created.toISOString(),
    tag_list: [],
    projects: projects.map((project) => ({ id: project.id, path_with_namespace: project.path })),
  };
}
