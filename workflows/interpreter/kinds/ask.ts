import type { AskStep } from '../../../language/run/playbook.ts';
import type { At } from '../frame.ts';
import { runLeaf } from '../leaf.ts';
import type { End } from '../tree.ts';

/** The form is shown and checked by the surroundings; its fields come back as outputs. */
export function runAsk(here: At<AskStep>): End | undefined {
  return runLeaf(here);
}
