import type { ApiRequest } from '../api-server.ts';
import { Refusal, unauthorized } from './replies.ts';
import { isExpired, type State, type Token } from './state.ts';

/** `docs.gitlab.com/api/rest/authentication`: a PRIVATE-TOKEN header, or OAuth's Bearer. @throws Refusal 401 */
export function authenticate(state: State, { headers }: ApiRequest): Token {
  const own = headers['private-token'];
  const value = typeof own === 'string' ? own : /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const token = state.tokens.find((one) => one.value === value);
  if (value === undefined || token === undefined) throw unauthorized();
  if (token.revoked) throw invalidToken('Token was revoked. You have to re-authorize from the user.');
  if (isExpired(state, token))
    throw invalidToken('Token is expired. You can either do re-authorization or token refresh.');
  token.lastUsed = state.now();
  return token;
}

function invalidToken(why: string): Refusal {
  return new Refusal({ status: 401, body: { error: 'invalid_token', error_description: why } });
}

/** @throws Refusal 403 `insufficient_scope` when the token has none of the scopes */
export function requireScope(token: Token, ...scopes: string[]): void {
  if (scopes.some((scope) => token.scopes.includes(scope))) return;
  throw new Refusal({
    status: 403,
    body: {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges than provided by the access token.',
      scope: scopes.join(' '),
    },
  });
}
