import { render } from '../../../language/run/expression.ts';
import type { FailStep } from '../../../language/run/playbook.ts';
import { scopeAt, type At } from '../frame.ts';
import { asText } from '../outputs.ts';
import type { End } from '../tree.ts';

/** Ends badly, with its text as the reason. */
export function runFail(here: At<FailStep>): End {
  return { status: 'failed', why: asText(render(here.step.message, scopeAt(here))) };
}
