import { setTimeout as wait } from 'node:timers/promises';
import { canonical } from '../domain/json.ts';

const pollMs = 2_000;

/** Reads again and again, and tells of each value that differs from the one before, until one is the last. Ctrl-C ends it. */
export async function watch<T>(
  read: () => Promise<T>,
  tell: (value: T) => void,
  isLast: (value: T) => boolean,
): Promise<void> {
  let before = '';
  for (;;) {
    const value = await read();
    const now = canonical(value);
    if (now !== before) tell(value);
    if (isLast(value)) return;
    before = now;
    await wait(pollMs);
  }
}
