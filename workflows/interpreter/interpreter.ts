import type { JsonObject } from '../../domain/json.ts';
import { jsonCopy } from '../../domain/json.ts';
import type { Playbook } from '../../language/run/playbook.ts';
import { advanceBlock } from './block.ts';
import type { Run } from './frame.ts';
import { leafOf } from './leaf.ts';
import { readingStep } from './kinds/wait.ts';
import { advancePlaybook, beginPlaybook } from './sequence.ts';
import { stopRun } from './stop.ts';
import { take } from './take.ts';
import type { RunState } from './tree.ts';
import type { At } from './frame.ts';
import type { Facts, Interpreter, Leaf } from './types.ts';
import { settleUndo } from './undone.ts';
import { dueAt, live, rootOf } from './walk.ts';

/**
 * Runs a playbook as far as it can go without the world, and says what it asks of the world.
 * @param resumed what `state()` gave of the same playbook and facts
 */
export function createInterpreter(playbook: Playbook, facts: Facts, resumed?: JsonObject): Interpreter {
  const run: Run = {
    playbook,
    facts,
    simulate: facts.incident['mode'] === 'simulate',
    state: resumed === undefined ? fresh(playbook) : restored(resumed),
    now: 0,
    commands: [],
    transitions: [],
    changes: 0,
    leaves: new Map(),
    advance: advanceBlock,
  };
  for (const here of live(run)) {
    const step = leafStepOf(here);
    if (step !== undefined) run.leaves.set(here.address, { state: here.state, step });
  }
  return {
    advance(now) {
      run.now = now;
      run.commands = [];
      run.transitions = [];
      settleUndo(run);
      const ended = advancePlaybook(rootOf(run));
      if (ended !== undefined) run.state.ended ??= ended;
      return { commands: run.commands, transitions: run.transitions };
    },
    take: (event) => take(run, event),
    stop: (stop) => stopRun(run, stop),
    due: () => live(run).reduce((first, here) => Math.min(first, dueAt(here)), Infinity),
    ended: () => run.state.ended,
    running: () => live(run).flatMap((here) => runningLeaf(here) ?? []),
    undoing() {
      const { undoing } = run.state;
      return undoing === undefined || undoing.told !== undefined
        ? undefined
        : { do: 'undo', address: undoing.address, why: undoing.why };
    },
    state: () => jsonCopy(run.state),
  };
}

function fresh(playbook: Playbook): RunState {
  return { root: beginPlaybook(playbook), applied: [] };
}

function restored(state: JsonObject): RunState {
  const copy: RunState = JSON.parse(JSON.stringify(state));
  return copy;
}

function runningLeaf(here: At): Leaf | undefined {
  const step = leafStepOf(here);
  const leaf = here.state.work?.leaf;
  return step === undefined || leaf === undefined ? undefined : leafOf(here, step, leaf);
}

/** What runs at this step and has not ended. */
function leafStepOf({ step, state }: At): Leaf['step'] | undefined {
  const leaf = state.work?.leaf;
  if (leaf === undefined || leaf.end !== undefined) return undefined;
  if (step.kind === 'action' || step.kind === 'approve' || step.kind === 'ask') return step;
  return step.kind === 'wait' && step.until !== undefined ? readingStep(step, step.until) : undefined;
}
