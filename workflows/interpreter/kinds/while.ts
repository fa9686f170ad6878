import { condition } from '../../../language/run/expression.ts';
import type { WhileStep } from '../../../language/run/playbook.ts';
import { haltAt, inner, scopeAt, type At, type Frame, type Halt } from '../frame.ts';
import { outputsOf } from '../outputs.ts';
import { scopeAfter } from '../scope.ts';
import { endOf, isBad, isSettled, newBlock, type End, type WhileWork } from '../tree.ts';

/** Runs its steps again and again while the condition holds, which is asked before each round. */
export function runWhile(here: At<WhileStep>): End | undefined {
  const work = (here.state.work ??= {});
  const loop = (work.while ??= { round: 0, last: {} });
  // Rounds of steps that need no world end at once; `maxRounds` bounds them.
  let came = advanceRound(here, loop);
  while (came === 'next round') came = advanceRound(here, loop);
  return came;
}

function advanceRound(here: At<WhileStep>, loop: WhileWork): End | 'next round' | undefined {
  const { run, step } = here;
  if (loop.block === undefined) {
    const end = beforeRound(here, loop);
    if (end !== undefined) return end;
    // What the condition sees does not change while it pauses: a loop that is over has ended by now.
    if (loop.wakeAt !== undefined && run.now < loop.wakeAt) return undefined;
    delete loop.wakeAt;
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
  return 'next round';
}

/** Whether the loop is over before its next round. */
function beforeRound(here: At<WhileStep>, { last, round }: WhileWork): End | undefined {
  const { step } = here;
  const outputs = { ...last, rounds: round };
  const halt = haltAt(here);
  if (halt !== undefined) return halted(halt, outputs);
  if (!condition(step.condition, { ...scopeAt(here), round, last })) return { status: 'done', outputs };
  return round >= step.maxRounds
    ? { status: 'failed', why: `still true after ${round} rounds`, outputs }
    : undefined;
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
