import type { SetStep } from '../../../language/run/playbook.ts';
import { scopeAt, type At } from '../frame.ts';
import { outputsOf } from '../outputs.ts';
import type { End } from '../tree.ts';

/** Each value sees what the step sees, and not the other values. */
export function runSet(here: At<SetStep>): End {
  return { status: 'done', outputs: outputsOf(here.step.values, scopeAt(here)) };
}
