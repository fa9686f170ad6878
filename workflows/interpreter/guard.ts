import { condition, ExpressionError } from '../../language/run/expression.ts';
import { scopeAt, type At, type Run } from './frame.ts';
import type { End } from './tree.ts';

export type Attempt<T> = { value: T; end?: undefined } | { value?: undefined; end: End };

/**
 * The value of something with expressions in it, or how the step ends that has none. A simulation does not know what its actions would have yielded, and
 * leaves out what depends on that.
 */
export function attempt<T>(run: Run, work: () => T): Attempt<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { end: withoutValue(run.simulate, error.message) };
  }
}

/** How a step ends that has an expression without a value. */
export function withoutValue(simulate: boolean, why: string): { status: 'failed' | 'skipped'; why: string } {
  return simulate
    ? { status: 'skipped', why: `not known in a simulation: ${why}` }
    : { status: 'failed', why };
}

/** Whether a step's own condition lets it run. */
export function isWanted(here: At): Attempt<boolean> {
  const { run, step } = here;
  return attempt(run, () => step.if === undefined || condition(step.if, scopeAt(here)));
}
