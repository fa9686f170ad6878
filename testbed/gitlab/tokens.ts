import { badRequest, invalid, unauthorized } from './replies.ts';
import { addToken, day, family, isActive, type State, type Token } from './state.ts';

const WEEK_DAYS = 7;
const MAX_LIFETIME_DAYS = 365;

/** As `docs.gitlab.com/api/personal_access_tokens` shows one. Those of projects and groups have `access_level` too. */
export function present(state: State, token: Token): Record<string, unknown> {
  const { id, name, description, user, scopes, created, expires, lastUsed, revoked, resource } = token;
  return {
    id,
    name,
    revoked,
    created_at: created.toISOString(),
    description,
    scopes,
    user_id: user.id,
    last_used_at: lastUsed?.toISOString() ?? null,
    active: isActive(state, token),
    expires_at: expires,
    ...(resource === undefined ? {} : { access_level: resource.members.get(user.id) ?? null }),
  };
}

/** With the value, which is shown this once. */
export function presentNew(state: State, token: Token): Record<string, unknown> {
  return { ...present(state, token), token: token.value };
}

/**
 * Rotation: the old one is revoked, its successor made. An old one that is revoked already takes its family with it.
 * @throws Refusal 401 for a token that is revoked or expired, 400 for an expiry that is not allowed
 */
export function rotate(state: State, token: Token, expires: string | undefined): Token {
  if (token.revoked) {
    for (const member of family(state, token)) member.revoked = true;
    throw unauthorized();
  }
  if (!isActive(state, token)) throw unauthorized();
  const until = expires ?? inDays(state, WEEK_DAYS);
  checkExpiry(state, until);
  token.revoked = true;
  const { name, description, user, scopes, resource } = token;
  return addToken(state, { name, description, user, scopes, resource, expires: until, previous: token.id });
}

/** @throws Refusal 400 */
export function checkExpiry(state: State, expires: string): void {
  if (expires <= day(state.now())) throw badRequest('Expiration date must be in the future');
  if (expires > inDays(state, MAX_LIFETIME_DAYS))
    throw invalid({ expires_at: [`must be before ${inDays(state, MAX_LIFETIME_DAYS + 1)}`] });
}

export function inDays({ now }: State, days: number): string {
  return day(new Date(now().getTime() + days * 86_400_000));
}

/** Filters and pages of a list of tokens. */
export function listed(
  state: State,
  tokens: readonly Token[],
  query: URLSearchParams,
): Record<string, unknown>[] {
  const revoked = query.get('revoked');
  const wanted = query.get('state');
  const search = query.get('search');
  const found = tokens.filter(
    (token) =>
      (revoked === null || token.revoked === (revoked === 'true')) &&
      (wanted === null || (wanted === 'active') === isActive(state, token)) &&
      (search === null || token.name.includes(search)),
  );
  return paged(found, query).map((token) => present(state, token));
}

/** `docs.gitlab.com/api/rest`: 20 a page unless told, 100 at most. */
export function paged<T>(items: readonly T[], query: URLSearchParams): T[] {
  const size = Math.min(Number(query.get('per_page') ?? 20), 100);
  const page = Number(query.get('page') ?? 1);
  return items.slice((page - 1) * size, page * size);
}
