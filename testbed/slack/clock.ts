import type { Clock } from './types.ts';

/** Wall-clock time plus whatever `advance` has added. */
export class MovableClock implements Clock {
  #offset = 0;

  now(): number {
    return Date.now() + this.#offset;
  }

  /** Moves this clock forward by `ms`. The app under test keeps its own clock. */
  advance(ms: number): void {
    this.#offset += ms;
  }
}
