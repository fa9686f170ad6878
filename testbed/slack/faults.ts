import type { Clock } from './types.ts';

/**
 * What goes wrong with a call.
 * - `ratelimited`: HTTP 429 with Retry-After (docs.slack.dev/apis/web-api/rate-limits); nothing is done.
 * - `status`: an HTTP error from Slack's edge; nothing is done.
 * - `refused`: the connection is reset before anything is done.
 * - `silent`: no answer at all, and nothing is done: the caller's own timeout must end it.
 * - `lost`: the call is done, then the connection is reset: the caller cannot know.
 * - `error`: `ok: false` with this code, such as `internal_error` or `token_revoked`; nothing is done.
 */
export type Fault =
  | { kind: 'ratelimited'; retryAfter: number }
  | { kind: 'status'; status: number }
  | { kind: 'refused' }
  | { kind: 'silent' }
  | { kind: 'lost' }
  | { kind: 'error'; error: string };

interface PlannedFault {
  fault: Fault;
  method: string | undefined;
  calls: number;
}

/** "chat.postMessage generally allows posting one message per second per channel" — same page. */
const POST_INTERVAL_MS = 1_000;

export class Faults {
  readonly #clock: Clock;
  readonly #limitPosts: boolean;
  readonly #lastPost = new Map<string, number>();
  #planned: PlannedFault[] = [];

  constructor(clock: Clock, limitPosts: boolean) {
    this.#clock = clock;
    this.#limitPosts = limitPosts;
  }

  /** Plans `fault` for the next `calls` calls of `method`, or of any method. Earlier plans are used up first. */
  plan(fault: Fault, method: string | undefined, calls: number): void {
    if (!Number.isInteger(calls) || calls < 1)
      throw new RangeError('calls must be a whole number of at least 1');
    this.#planned.push({ fault, method, calls });
  }

  clear(): void {
    this.#planned = [];
  }

  /** The fault that this call meets, if any; it counts as used. */
  take(method: string, channel: string): Fault | undefined {
    const planned = this.#planned.find((one) => one.method === undefined || one.method === method);
    if (planned) {
      planned.calls -= 1;
      if (planned.calls === 0) this.#planned = this.#planned.filter((one) => one !== planned);
      return planned.fault;
    }
    return this.#limitPosts && method === 'chat.postMessage' ? this.#takePostSlot(channel) : undefined;
  }

  #takePostSlot(channel: string): Fault | undefined {
    const now = this.#clock.now();
    const last = this.#lastPost.get(channel);
    if (last !== undefined && now - last < POST_INTERVAL_MS) return { kind: 'ratelimited', retryAfter: 1 };
    this.#lastPost.set(channel, now);
    return undefined;
  }
}
