import { randomBytes } from 'node:crypto';
import { notFound, Refusal, type TokenKind, type TokenSpec } from './types.ts';

export interface Token extends TokenSpec {
  kind: TokenKind;
  value: string;
  /** Milliseconds since the epoch; refused from then on. */
  deadFrom?: number;
  /** Answered to so far in this hour. */
  used: number;
}

/** Requests an hour: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api. */
const authenticatedLimit = 5_000;
const unauthenticatedLimit = 60;

/** The tokens that GitHub has issued, what each may, and how many requests are left. */
export class Tokens {
  readonly #tokens = new Map<string, Token>();
  readonly #now: () => number;
  #unauthenticated = unauthenticatedLimit;
  #windowEnds: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#windowEnds = now() + 3_600_000;
  }

  issue(spec: TokenSpec, value = newToken(spec.kind ?? 'ghp')): Token {
    const token: Token = { ...spec, kind: spec.kind ?? 'ghp', value, used: 0 };
    this.#tokens.set(value, token);
    return token;
  }

  get(value: string): Token | undefined {
    return this.#tokens.get(value);
  }

  isAlive(token: Token): boolean {
    return token.deadFrom === undefined || this.#now() < token.deadFrom;
  }

  revoke(token: Token, afterMs: number): void {
    token.deadFrom = Math.min(token.deadFrom ?? Infinity, this.#now() + afterMs);
  }

  /** @throws Refusal 401 as GitHub answers to what it does not know, or knows no more */
  authenticate(value: string): Token {
    const token = this.#tokens.get(value);
    // A refresh token is no bearer token.
    if (token === undefined || token.kind === 'ghr' || !this.isAlive(token))
      throw new Refusal(401, 'Bad credentials');
    return token;
  }

  /** Leaves so many unauthenticated requests for this hour. */
  leave(requests: number): void {
    this.#unauthenticated = requests;
  }

  /** Counts a request. @throws Refusal 403 when none is left, as documented for the primary limit */
  spend(token: Token | undefined): Record<string, string> {
    if (this.#now() >= this.#windowEnds) {
      this.#windowEnds = this.#now() + 3_600_000;
      this.#unauthenticated = unauthenticatedLimit;
      for (const one of this.#tokens.values()) one.used = 0;
    }
    const limit = token === undefined ? unauthenticatedLimit : authenticatedLimit;
    const left = token === undefined ? this.#unauthenticated : authenticatedLimit - token.used;
    const headers = {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(Math.max(0, left - 1)),
      'x-ratelimit-reset': String(Math.ceil(this.#windowEnds / 1_000)),
      'x-ratelimit-resource': 'core',
    };
    if (left <= 0)
      throw new Refusal(
        403,
        'API rate limit exceeded for 127.0.0.1. (But here is the good news: ...)',
        headers,
      );
    if (token === undefined) this.#unauthenticated -= 1;
    else token.used += 1;
    return headers;
  }
}

/** Whether a token sees a repository: to one that does not, there is none. */
export function sees(token: Token, repository: string): boolean {
  const wanted = repository.toLowerCase();
  return token.repositories === undefined || token.repositories.some((one) => one.toLowerCase() === wanted);
}

/**
 * What an operation needs of a token with permissions: docs.github.com/rest/authentication/permissions-required-for-github-apps.
 * @throws Refusal 403 for what it sees and may not do
 */
export function permit(token: Token, permission: string, level: 'read' | 'write'): void {
  if (token.permissions === undefined) return;
  const has = token.permissions[permission];
  if (has === 'write' || has === level) return;
  const who = token.kind === 'ghs' ? 'integration' : 'personal access token';
  throw new Refusal(403, `Resource not accessible by ${who}`);
}

export function mustSee(token: Token, repository: string): void {
  if (!sees(token, repository)) throw notFound();
}

/** In the shape of the real ones: GitHub's own secret scanners must not take them for one, so no checksum is right. */
function newToken(kind: TokenKind): string {
  if (kind === 'github_pat') return `github_pat_${randomText(22)}_${randomText(59)}`;
  return `${kind}_${randomText(kind === 'ghr' ? 76 : 36)}`;
}

function randomText(length: number): string {
  return Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('');
}

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
