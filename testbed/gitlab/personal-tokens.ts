import type { ApiReply, ApiRequest } from '../api-server.ts';
import { requireScope } from './authentication.ts';
import { Parameters } from './parameters.ts';
import { notAllowed, notFound, unauthorized } from './replies.ts';
import { listed, present, presentNew, rotate } from './tokens.ts';
import type { State, Token } from './state.ts';

/** `docs.gitlab.com/api/personal_access_tokens`; `parts` follow `personal_access_tokens`. */
export function personalTokens(
  state: State,
  self: Token,
  request: ApiRequest,
  [id, verb, ...rest]: string[],
): ApiReply {
  if (rest.length > 0) throw notFound('');
  if (id === undefined) return list(state, self, request);
  const own = id === 'self';
  if (verb === 'rotate') {
    if (request.method !== 'POST') throw notAllowed();
    requireScope(self, 'api', ...(own ? ['self_rotate'] : []));
    const token = own ? self : find(state, self, id);
    // "405: Method Not Allowed if the token is not a personal access token."
    if (token.resource !== undefined && !own) throw notAllowed();
    const successor = rotate(state, token, new Parameters(request).optional('expires_at', 'date'));
    return { status: 200, body: presentNew(state, successor) };
  }
  if (verb !== undefined) throw notFound('');
  // "any token can use this endpoint": self-inform and self-revoke need no scope.
  if (!own) requireScope(self, 'api', ...(request.method === 'GET' ? ['read_api'] : []));
  const token = own ? self : find(state, self, id);
  switch (request.method) {
    case 'GET':
      return { status: 200, body: present(state, token) };
    case 'DELETE':
      token.revoked = true;
      return { status: 204 };
    default:
      throw notAllowed();
  }
}

function list(state: State, self: Token, { method, query }: ApiRequest): ApiReply {
  if (method !== 'GET') throw notAllowed();
  requireScope(self, 'api', 'read_api');
  const user = query.get('user_id');
  if (user !== null && !self.user.admin && Number(user) !== self.user.id) throw unauthorized();
  const visible = state.tokens.filter(
    (token) =>
      (self.user.admin || token.user === self.user) && (user === null || token.user.id === Number(user)),
  );
  return { status: 200, body: listed(state, visible, query) };
}

/** @throws Refusal 404 to administrators, 401 to anybody else */
function find(state: State, self: Token, id: string): Token {
  const token = state.tokens.find((one) => String(one.id) === id);
  if (self.user.admin) {
    if (token === undefined) throw notFound('Personal Access Token');
    return token;
  }
  if (token === undefined || token.user !== self.user) throw unauthorized();
  return token;
}
