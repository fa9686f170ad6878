import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext } from '../../../domain/action.ts';

const firstPauseMs = 250;
const longestPauseMs = 15_000;

/**
 * Asks until there is an answer or the time is over, ever less often. Each time is a heartbeat.
 * @returns `value` undefined: not within the time
 */
export async function within<T>(
  context: Pick<ActionContext, 'signal' | 'checkpoint'>,
  name: string,
  withinMs: number,
  ask: () => Promise<T | undefined>,
): Promise<{ value: T | undefined; tookMs: number }> {
  const began = performance.now();
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 1.6, longestPauseMs)) {
    const value = await ask();
    await context.checkpoint(name);
    const tookMs = Math.round(performance.now() - began);
    const left = withinMs - tookMs;
    if (value !== undefined || left <= 0) return { value, tookMs };
    await sleep(Math.min(pause, left), undefined, { signal: context.signal });
  }
}
