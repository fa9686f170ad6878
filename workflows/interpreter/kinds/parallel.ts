import type { ParallelStep } from '../../../language/run/playbook.ts';
import { inner, scopeAt, type At, type Frame } from '../frame.ts';
import { outputsOf } from '../outputs.ts';
import { scopeAfter } from '../scope.ts';
import { endOf, isBad, isSettled, newBlock, type End } from '../tree.ts';

/** Runs its branches side by side, each to its end, also when another fails. */
export function runParallel(here: At<ParallelStep>): End | undefined {
  const { run, state, step } = here;
  const work = (state.work ??= {});
  work.parallel ??= step.branches.map(({ steps }) => newBlock(steps));
  const frames = branchFrames(here);
  for (const frame of frames) run.advance(frame);
  if (!frames.every((frame) => isSettled(frame.steps, frame.block))) return undefined;
  const bad = frames.map((frame) => endOf(frame.steps, frame.block)).find(({ status }) => isBad(status));
  if (bad !== undefined) return bad;
  const scope = frames.reduce((seen, { steps, block }) => scopeAfter(steps, block, seen), scopeAt(here));
  return { status: 'done', outputs: outputsOf(step.outputs, scope) };
}

export function branchFrames(here: At<ParallelStep>): Frame[] {
  const blocks = here.state.work?.parallel ?? [];
  return blocks.map((block, index) => inner(here, here.step.branches[index]?.steps ?? [], block));
}
