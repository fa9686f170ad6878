import { at, type At, type Frame, type Run } from './frame.ts';
import { framesOf } from './kinds.ts';
import { listFrames, type Place } from './sequence.ts';
import { handlerFrame } from './step.ts';
import { stateOf } from './tree.ts';

/** The playbook of the incident itself. */
export function rootOf(run: Run): Place {
  return { run, playbook: run.playbook, state: run.state.root, prefix: '', path: '', facts: run.facts };
}

/** Every step instance that is kept now, in the order of the text. */
export function live(run: Run): At[] {
  const found: At[] = [];
  const visit = (frame: Frame): void => {
    for (const step of frame.steps) {
      const here = at(frame, step, stateOf(frame.block, step));
      found.push(here);
      framesOf(here).forEach(visit);
      const handler = handlerFrame(here);
      if (handler !== undefined) visit(handler);
    }
  };
  listFrames(rootOf(run)).forEach(visit);
  return found;
}

/** Epoch ms at which a step has something to do by the clock. */
export function dueAt({ state }: At): number {
  if (state.status !== 'running' || state.end !== undefined) return Infinity;
  const times = [state.timedOut === true ? undefined : state.deadline, state.pause?.until];
  const { wait, while: loop, leaf } = state.work ?? {};
  if (state.pause === undefined) {
    times.push(loop?.wakeAt, wait?.next);
    if (wait !== undefined && leaf?.stopped !== true) times.push(wait.until);
  }
  return Math.min(...times.map((time) => time ?? Infinity));
}
