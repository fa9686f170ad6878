import { condition } from '../../../language/run/expression.ts';
import type { Scope, WhileStep } from '../../../language/run/playbook.ts';
import { haltAt, inner, scopeAt, type At, type Frame, type Halt } from '../frame.ts';
import { outputsOf } from '../outputs.ts';
import { scopeAfter } from '../scope.ts';
import { endOf, isBad, isSettled, newBlock, type End } from '../tree.ts';

/** Runs its steps again and again while the condition holds, which is asked before each round. */
export function runWhile(here: At<WhileStep>): End | undefined {
  const { run, state, step } = here;
  const work = (state.work ??= {});
  const loop = (work.while ??= { round: 0, last: {} });
  for (;;) {
    if (loop.block === undefined) {
      const outputs = { ...loop.last, rounds: loop.round };
      const halt = haltAt(here);
      if (halt !== undefined) return halted(halt, outputs);
      if (loop.wakeAt !== undefined && run.now < loop.wakeAt) return undefined;
      delete loop.wakeAt;
      const seen: Scope = { ...scopeAt(here), round: loop.round, last: loop.last };
      if (!condition(step.condition, seen)) return { status: 'done', outputs };
      if (loop.round >= step.maxRounds)
        return { status: 'failed', why: `still true after ${loop.round} rounds`, outputs };
      loop.block = newBlock(step.steps);
      run.changes += 1;
    }
    const [frame] = roundFrames(here);
    if (frame === undefined) return undefined;
    run.advance(frame);
    if (!isSettled(frame.steps, frame.block)) return undefined;
    const end = endOf(frame.steps, frame.block);
    if (isBad(end.status)) {
      const why = `round ${loop.round}${end.why === undefined ? '' : `: ${end.why}`}`;
      return { status: end.status, why, outputs: { ...loop.last, rounds: loop.round + 1 } };
    }
    loop.last = outputsOf(step.outputs, scopeAfter(frame.steps, frame.block, frame.base()));
    loop.round += 1;
    delete loop.block;
    if (step.delayMs > 0) loop.wakeAt = run.now + step.delayMs;
    run.changes += 1;
  }
}

function halted(halt: Halt, outputs: NonNullable<End['outputs']>): End {
  return halt.kind === 'end' ? { status: 'done', outputs } : { status: 'cancelled', why: halt.why, outputs };
}

export function roundFrames(here: At<WhileStep>): Frame[] {
  const loop = here.state.work?.while;
  if (loop?.block === undefined) return [];
  const { round, last, block } = loop;
  return [inner(here, here.step.steps, block, { index: round, sees: { round, last } })];
}
