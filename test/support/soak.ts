import { writeFileSync } from 'node:fs';
import type { Json } from '../../domain/json.ts';

/** How long a randomised test goes on, and from which seed. `script/soak` sets it; without, it is short and always the same. */
export interface Soak {
  /** Of each run: to repeat one alone, set FIREBREAK_SOAK_SEED to its seed and FIREBREAK_SOAK_RUNS to 1. */
  seeds: number[];
}

/** @throws RangeError when a setting is no whole number */
export function soakOf(usualRuns: number): Soak {
  const runs = setting('FIREBREAK_SOAK_RUNS', 1) ?? usualRuns;
  const seed = setting('FIREBREAK_SOAK_SEED', 0) ?? 1;
  return { seeds: Array.from({ length: runs }, (_, index) => seed + index) };
}

function setting(name: string, least: number): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${text}: set it to a whole number from ${least}`);
  return value;
}

const startedAt = performance.now();
let saidAt = startedAt;

/** A line on standard error, at most one in ten seconds. */
export function progress(done: number, of: number, what: string): void {
  const now = performance.now();
  if (now - saidAt < 10_000) return;
  saidAt = now;
  process.stderr.write(`${what}: ${done} of ${of} in ${Math.round((now - startedAt) / 1000)} s\n`);
}

/** Hands on what a long run has seen, for its committed result. */
export function reportSoak(facts: { [name: string]: Json }): void {
  const file = process.env['FIREBREAK_SOAK_REPORT'];
  if (file !== undefined && file !== '') writeFileSync(file, JSON.stringify(facts));
}

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
