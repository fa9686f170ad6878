import type { ApiReply, ApiRequest } from '../api-server.ts';
import { requireScope } from './authentication.ts';
import { Parameters } from './parameters.ts';
import { badParameter, badRequest, notAllowed, notFound, unauthorized } from './replies.ts';
import { addToken, addUser, LEVELS, levelOf, type Resource, type State, type Token } from './state.ts';
import { checkExpiry, inDays, listed, present, presentNew, rotate } from './tokens.ts';

/** `docs.gitlab.com/user/project/settings/project_access_tokens`, scopes. */
const SCOPES = [
  'api',
  'read_api',
  'read_registry',
  'write_registry',
  'read_repository',
  'write_repository',
  'create_runner',
  'manage_runner',
  'ai_features',
  'k8s_proxy',
  'self_rotate',
];

/** `docs.gitlab.com/api/project_access_tokens` and `…/group_access_tokens`; `parts` follow `access_tokens`. */
export function accessTokens(
  state: State,
  self: Token,
  resource: Resource,
  request: ApiRequest,
  [id, verb, ...rest]: string[],
): ApiReply {
  const { method } = request;
  if (rest.length > 0 || (verb !== undefined && verb !== 'rotate')) throw notFound('');
  const needed = resource.kind === 'group' ? LEVELS.owner : LEVELS.maintainer;
  const mayManage = levelOf(self.user, resource) >= needed;
  const find = (wanted: string) =>
    state.tokens.find((token) => token.resource === resource && String(token.id) === wanted);

  if (verb === 'rotate') {
    if (method !== 'POST') throw notAllowed();
    const own = id === 'self';
    requireScope(self, 'api', ...(own ? ['self_rotate'] : []));
    const token = own ? self : mayManage ? find(id ?? '') : undefined;
    // "You're using a project access token to rotate another project access token": 401.
    if (token === undefined || (self.resource !== undefined && !own))
      throw self.user.admin ? notFound('Not Found') : unauthorized();
    if (token.resource !== resource) throw notAllowed();
    const successor = rotate(state, token, new Parameters(request).optional('expires_at', 'date'));
    return { status: 200, body: presentNew(state, successor) };
  }

  requireScope(self, 'api', ...(method === 'GET' ? ['read_api'] : []));
  if (id === undefined) {
    if (method === 'POST')
      return { status: 201, body: create(state, self, resource, new Parameters(request)) };
    if (method !== 'GET') throw notAllowed();
    if (!mayManage) throw unauthorized();
    const tokens = state.tokens.filter((token) => token.resource === resource);
    return { status: 200, body: listed(state, tokens, request.query) };
  }
  if (method !== 'GET' && method !== 'DELETE') throw notAllowed();
  if (!mayManage && method === 'GET') throw unauthorized();
  const token = find(id);
  if (token === undefined) throw notFound(`${resource.kind} Access Token`);
  if (method === 'GET') return { status: 200, body: present(state, token) };
  if (!mayManage) throw badRequest(`${self.user.username} cannot delete ${token.user.username}`);
  token.revoked = true;
  return { status: 204 };
}

function create(
  state: State,
  self: Token,
  resource: Resource,
  parameters: Parameters,
): Record<string, unknown> {
  const name = parameters.required('name', 'string');
  const scopes = parameters.required('scopes', 'strings');
  if (scopes.length === 0 || scopes.some((scope) => !SCOPES.includes(scope)))
    throw badParameter('scopes does not have a valid value');
  const level = parameters.optional('access_level', 'integer') ?? LEVELS.maintainer;
  if (!Object.values<number>(LEVELS).includes(level))
    throw badParameter('access_level does not have a valid value');
  const expires = parameters.optional('expires_at', 'date') ?? inDays(state, 365);
  checkExpiry(state, expires);
  const mine = levelOf(self.user, resource);
  const needed = resource.kind === 'group' ? LEVELS.owner : LEVELS.maintainer;
  if (mine < needed || self.user.bot)
    throw badRequest(`User does not have permission to create ${resource.kind} access token`);
  if (level > mine) throw badRequest('Could not provision maintainer/owner access to the access token');
  const user = addUser(state, `${resource.kind}_${resource.id}_bot_${state.nextId()}`, { bot: true });
  resource.members.set(user.id, level);
  const description = parameters.optional('description', 'string') ?? null;
  return presentNew(state, addToken(state, { name, scopes, user, expires, description, resource }));
}
