import type { ActionStep } from '../../../language/run/playbook.ts';
import type { At } from '../frame.ts';
import { runLeaf } from '../leaf.ts';
import type { End } from '../tree.ts';

/** An action is carried out by the surroundings. */
export function runUses(here: At<ActionStep>): End | undefined {
  return runLeaf(here);
}
