import type { Step } from '../../language/run/playbook.ts';
import { haltAt, haltOf, inner, tell, type At, type Frame } from './frame.ts';
import { attempt } from './guard.ts';
import { workOn } from './kinds.ts';
import { visibleLists } from './scope.ts';
import { hasEnded, isBad, isSettled, newBlock, type End } from './tree.ts';

/** Ends a step that never ran, and those inside it that can be seen from outside. */
export function skip(here: At, why: string): void {
  Object.assign(here.state, { status: 'skipped', why });
  tell(here);
  skipUnbegun(here);
}

export function beginStep({ run, step, state, frame }: At): void {
  state.status = 'running';
  state.attempts = 1;
  state.work = {};
  if (step.timeoutMs !== undefined) state.deadline = run.now + step.timeoutMs;
  if (step.retry !== undefined && frame.counts === undefined) state.counts = {};
}

/** Moves on a step that runs: its attempts, the pauses between them, and at last its `on-failure` steps. */
export function moveStep(here: At): void {
  const { run, step, state } = here;
  if (state.end !== undefined) return handle(here, state.end);
  const late = state.deadline !== undefined && run.now >= state.deadline && state.timedOut !== true;
  // A leaf that has ended already was in time.
  if (late && state.work?.leaf?.end === undefined) {
    state.timedOut = true;
    run.changes += 1;
  }
  if (state.pause !== undefined && !resume(here, state.pause)) return;
  const result = attempt(run, () => workOn(here));
  const end = result.end ?? result.value;
  if (end === undefined) return;
  const { retry } = step;
  const attempts = state.attempts ?? 1;
  const again = end.status === 'failed' && retry !== undefined && attempts < retry.attempts;
  if (again && state.timedOut !== true && haltOf(here.frame) === undefined) {
    state.pause = { until: run.now + retry.delayMs * retry.backoff ** (attempts - 1), end };
    run.changes += 1;
    return;
  }
  conclude(here, end);
}

/** Whether the pause is over and the next attempt begun. */
function resume(here: At, pause: { until: number; end: End }): boolean {
  const { run, state } = here;
  const halt = haltAt(here);
  if (halt !== undefined) {
    conclude(here, halt.kind === 'end' ? pause.end : { status: 'cancelled', why: halt.why });
    return false;
  }
  if (run.now < pause.until) return false;
  delete state.pause;
  state.attempts = (state.attempts ?? 1) + 1;
  state.work = {};
  run.changes += 1;
  return true;
}

/** Takes a step's final end. A bad one is first handled, when the step says how. */
export function conclude(here: At, came: End): void {
  const { step, state, frame } = here;
  const end = state.timedOut === true ? { ...came, ...tooLong(step) } : came;
  delete state.pause;
  if (!isBad(end.status) || step.onFailure === undefined || haltOf(frame) !== undefined)
    return finish(here, end);
  state.end = end;
  state.handler = newBlock(step.onFailure);
  if (state.status === 'waiting') {
    state.status = 'running';
    tell(here);
  }
  handle(here, end);
}

function tooLong({ timeoutMs = 0 }: Step): { status: 'failed'; why: string } {
  return { status: 'failed', why: `it took longer than ${timeoutMs / 1000} s` };
}

function handle(here: At, end: End): void {
  const handler = handlerFrame(here);
  if (handler === undefined) return finish(here, end);
  here.run.advance(handler);
  if (isSettled(handler.steps, handler.block)) finish(here, end);
}

/** The list of `on-failure` steps that runs; undefined when none does. */
export function handlerFrame(here: At): Frame | undefined {
  const { step, state } = here;
  if (state.handler === undefined || state.end === undefined) return undefined;
  const { status, why = '' } = state.end;
  return inner(here, step.onFailure ?? [], state.handler, {
    sees: { failure: { step: step.id, status, why } },
    handler: true,
  });
}

function finish(here: At, end: End): void {
  const { state, step } = here;
  const { status, why, verdict, outputs } = end;
  const lists = step.kind === 'parallel' || step.kind === 'switch' ? state.work : undefined;
  for (const key of ['attempts', 'leaves', 'deadline', 'pause', 'end', 'handler', 'work', 'counts'] as const)
    delete state[key];
  state.status = status;
  if (why !== undefined) state.why = why;
  if (verdict !== undefined) state.verdict = verdict;
  if (outputs !== undefined) state.outputs = outputs;
  if (lists !== undefined) state.work = lists;
  tell(here);
  skipUnbegun(here);
}

/** Steps that can be seen, and never ran because the step around them did not come to it, are skipped: nothing is left waiting. */
function skipUnbegun(here: At): void {
  const why =
    here.state.work?.switch === undefined ? 'the step around it did not run it' : 'another case was chosen';
  for (const { steps, block } of visibleLists(here.step, here.state)) {
    if (block !== undefined) continue;
    const fresh = newBlock(steps);
    const frame = inner(here, steps, fresh);
    for (const step of steps) {
      const state = fresh[step.id];
      if (state === undefined || hasEnded(state)) continue;
      skip(
        {
          run: here.run,
          frame,
          step,
          state,
          address: `${frame.prefix}${step.id}`,
          path: `${frame.path}${step.id}`,
        },
        why,
      );
    }
  }
}
