/**
 * How many requests a caller has left: GitHub counts 5,000 an hour for a token, and 60 for an address that says not who it is
 * (docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api). Who goes on beyond that is blocked for longer.
 */
export class Allowance {
  #left: number | undefined;
  /** Milliseconds since the epoch. */
  #resetAt = 0;

  /** Reads the headers of an answer. @returns how many are left, where it says so */
  note(headers: { readonly [name: string]: unknown }): number | undefined {
    const left = numberOf(headers['x-ratelimit-remaining']);
    const reset = numberOf(headers['x-ratelimit-reset']);
    if (left !== undefined && reset !== undefined) {
      this.#left = left;
      this.#resetAt = reset * 1_000;
    }
    const retryAfter = numberOf(headers['retry-after']);
    if (retryAfter !== undefined) {
      this.#left = 0;
      this.#resetAt = Date.now() + retryAfter * 1_000;
    }
    return left;
  }

  /** Why nothing may be sent now; undefined when it may. */
  spent(now: number): string | undefined {
    if (this.#left !== 0 || now >= this.#resetAt) return undefined;
    return `GitHub's rate limit is used up until ${new Date(this.#resetAt).toISOString()}`;
  }
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}
