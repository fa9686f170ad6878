import { FirebreakError } from '../../../domain/errors.ts';
import type { FindUseInput } from './contract.ts';

/** Both ends are in it. */
export interface Window {
  since: Date;
  until: Date;
}

/** How the plan froze it: without an end it goes on until it is read. RFC 3339 UTC. */
export type FrozenWindow = { since: string; until?: string };

const units: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @throws FirebreakError FB3702 for a window that is empty, or has not begun */
export function frozen({ last, since, until }: FindUseInput['window'], now: Date): FrozenWindow {
  if (last !== undefined) {
    const length = Number(last.slice(0, -1)) * (units[last.slice(-1)] ?? 0);
    return { since: new Date(now.getTime() - length).toISOString() };
  }
  const from = new Date(since ?? Number.NaN);
  const to = until === undefined ? now : new Date(until);
  if (from >= to)
    throw new FirebreakError(
      'FB3702',
      `window.since must be before ${until === undefined ? 'now' : 'window.until'}: correct it`,
    );
  return { since: from.toISOString(), ...(until === undefined ? {} : { until: to.toISOString() }) };
}

/** The window as it can be read now: nothing is known of what is to come. */
export function readable({ since, until }: FrozenWindow, now: Date): Window {
  const end = until === undefined ? now : new Date(Math.min(Date.parse(until), now.getTime()));
  return { since: new Date(since), until: end };
}

export function isWithin({ since, until }: Window, at: Date): boolean {
  return at >= since && at <= until;
}
