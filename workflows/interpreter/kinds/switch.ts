import { evaluate } from '../../../language/run/expression.ts';
import type { Step, SwitchStep } from '../../../language/run/playbook.ts';
import { inner, scopeAt, type At, type Frame } from '../frame.ts';
import { outputsOf } from '../outputs.ts';
import { expose } from '../scope.ts';
import { endOf, isBad, isSettled, newBlock, type End } from '../tree.ts';

/** Runs the case that equals the text, or the default. */
export function runSwitch(here: At<SwitchStep>): End | undefined {
  const { run, state, step } = here;
  const work = (state.work ??= {});
  if (work.switch === undefined) {
    const text = evaluate(step.on, scopeAt(here));
    if (typeof text !== 'string') return { status: 'failed', why: 'what it switches on is not text' };
    const found = step.cases.findIndex(({ value }) => value === text);
    const chosen = found === -1 ? step.cases.length : found;
    work.switch = { chosen, block: newBlock(listAt(step, chosen)) };
  }
  const { chosen, block } = work.switch;
  const frame = inner(here, listAt(step, chosen), block);
  run.advance(frame);
  if (!isSettled(frame.steps, block)) return undefined;
  const end = endOf(frame.steps, block);
  if (isBad(end.status)) return end;
  const scope = scopeAt(here);
  const seen = { ...scope.steps };
  expose(seen, step, state);
  return { status: 'done', outputs: outputsOf(step.outputs, { ...scope, steps: seen }) };
}

export function caseFrames(here: At<SwitchStep>): Frame[] {
  const chosen = here.state.work?.switch;
  return chosen === undefined ? [] : [inner(here, listAt(here.step, chosen.chosen), chosen.block)];
}

/** The default comes after the cases. */
function listAt(step: SwitchStep, chosen: number): readonly Step[] {
  return step.cases[chosen]?.steps ?? step.default;
}
