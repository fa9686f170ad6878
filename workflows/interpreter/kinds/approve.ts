import type { ApproveStep } from '../../../language/run/playbook.ts';
import type { At } from '../frame.ts';
import { runLeaf } from '../leaf.ts';
import type { End } from '../tree.ts';

/** People are asked by the surroundings, which also know who may answer and until when. */
export function runApprove(here: At<ApproveStep>): End | undefined {
  return runLeaf(here);
}
