import type { JsonObject } from '../../../domain/json.ts';
import { render } from '../../../language/run/expression.ts';
import { bind } from '../../../language/run/inputs.ts';
import type { ChildPlaybook, PlaybookStep } from '../../../language/run/playbook.ts';
import { haltOf, scopeAt, type At, type Frame } from '../frame.ts';
import { advancePlaybook, beginPlaybook, listFrames, type Place } from '../sequence.ts';
import type { End, PlaybookState } from '../tree.ts';

/** Runs another playbook, which sees its own inputs and steps only. */
export function runChild(here: At<PlaybookStep>): End | undefined {
  const { step, state } = here;
  const work = (state.work ??= {});
  const playbook = childOf(here);
  if (playbook === undefined)
    return { status: 'failed', why: `the incident carries no playbook ${step.playbook}` };
  if (work.playbook === undefined) {
    const given = render(step.with, scopeAt(here));
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      return { status: 'failed', why: 'what it tells the playbook is not a map' };
    const bound = bind(playbook.inputs, given);
    if ('faults' in bound) {
      const faults = bound.faults.map(({ name, message }) => `the input "${name}" ${message}`);
      return { status: 'failed', why: faults.join('; ') };
    }
    work.playbook = { inputs: bound.ok, state: beginPlaybook(playbook) };
  }
  return advancePlaybook(placeOf(here, playbook, work.playbook));
}

export function childFrames(here: At<PlaybookStep>): Frame[] {
  const playbook = childOf(here);
  const child = here.state.work?.playbook;
  return playbook === undefined || child === undefined ? [] : listFrames(placeOf(here, playbook, child));
}

function childOf({ run, step }: At<PlaybookStep>): ChildPlaybook | undefined {
  return run.playbook.children?.[step.playbook];
}

function placeOf(
  here: At<PlaybookStep>,
  playbook: ChildPlaybook,
  child: { inputs: JsonObject; state: PlaybookState },
): Place {
  const { run, frame, state } = here;
  const counts = frame.counts ?? state.counts;
  return {
    run,
    playbook,
    state: child.state,
    prefix: `${here.address}/`,
    path: `${here.path}/`,
    facts: { ...run.facts, inputs: child.inputs },
    around: {
      frame,
      quiet: frame.quiet,
      ...(counts === undefined ? {} : { counts }),
      halt: () => (state.timedOut === true ? { why: 'its time is up', kind: 'stop' } : undefined),
      halted: () => state.timedOut === true || haltOf(frame) !== undefined,
    },
  };
}
