import type { Step } from '../../language/run/playbook.ts';
import { at, haltOf, tell, type At, type Frame } from './frame.ts';
import { isWanted } from './guard.ts';
import { beginStep, conclude, moveStep, skip } from './step.ts';
import { hasEnded, isBad, stateOf, type Block } from './tree.ts';

/**
 * Moves on a list as far as it can go now. A step begins when all it needs ended well; one that needs a step which did not is skipped, which blocks
 * what needs it in turn.
 */
export function advanceBlock(frame: Frame): void {
  let seen: number;
  do {
    seen = frame.run.changes;
    for (const step of frame.steps) {
      const state = stateOf(frame.block, step);
      if (hasEnded(state)) continue;
      const here = at(frame, step, state);
      if (state.status === 'waiting') consider(here);
      if (state.status === 'running') moveStep(here);
    }
  } while (frame.run.changes !== seen);
}

/** Begins a waiting step, or skips it, when it is known which. */
function consider(here: At): void {
  const { frame, step, state } = here;
  const halt = haltOf(frame);
  if (halt !== undefined) {
    if (halt.kind !== 'end') state.cut = true;
    return skip(here, halt.why);
  }
  const needs = step.needs.map((id) => need(frame.steps, frame.block, id));
  const blocker = needs.find(({ stands }) => stands === 'bad');
  if (blocker !== undefined) {
    state.blocked = true;
    return skip(here, `needs a step that did not end well: ${blocker.id}`);
  }
  if (needs.some(({ stands }) => stands === 'open')) return;
  const runs = isWanted(here);
  if (runs.end !== undefined) return conclude(here, runs.end);
  if (!runs.value) return skip(here, 'its condition is false');
  beginStep(here);
  tell(here);
}

function need(
  steps: readonly Step[],
  block: Block,
  id: string,
): { id: string; stands: 'good' | 'bad' | 'open' } {
  const state = block[id];
  if (state === undefined || state.blocked === true) return { id, stands: 'bad' };
  if (!hasEnded(state)) return { id, stands: 'open' };
  const forgiven = isBad(state.status) && steps.some((step) => step.id === id && step.continueOnError);
  return { id, stands: isBad(state.status) && !forgiven ? 'bad' : 'good' };
}
