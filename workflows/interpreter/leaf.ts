import type { ActionStep, ApproveStep, AskStep } from '../../language/run/playbook.ts';
import { haltAt, scopeAt, type At } from './frame.ts';
import { phaseOf } from './phase.ts';
import type { End, LeafWork } from './tree.ts';
import type { Leaf } from './types.ts';

type LeafStep = ActionStep | ApproveStep | AskStep;

/** Carries out a step that is a leaf itself. */
export function runLeaf(here: At<LeafStep>): End | undefined {
  return pollLeaf(here, here.step);
}

/** Begins a leaf, or looks after the one that runs. @returns its end, once: the next call begins another */
export function pollLeaf(here: At, step: LeafStep): End | undefined {
  const { run, state, address } = here;
  const work = (state.work ??= {});
  if (work.leaf === undefined) {
    work.leaf = { attempt: count(here) };
    run.leaves.set(address, { state, step });
    run.changes += 1;
    run.commands.push({ do: 'run', leaf: leafOf(here, step, work.leaf) });
  }
  const { leaf } = work;
  if (leaf.end !== undefined) {
    delete work.leaf;
    return leaf.end;
  }
  const halt = haltAt(here);
  if (halt?.kind === 'stop' && leaf.stopped !== true) tellToStop(here, leaf, halt.why);
  return undefined;
}

/** Once: its end still comes as an event. */
export function tellToStop({ run, address }: At, leaf: LeafWork, why: string): void {
  if (leaf.stopped === true) return;
  leaf.stopped = true;
  run.changes += 1;
  run.commands.push({ do: 'stop', address, why });
}

export function leafOf(here: At, step: LeafStep, { attempt }: LeafWork): Leaf {
  const quiet = here.frame.quiet || here.step.kind === 'wait';
  const phase = step === here.step && step.kind === 'action' ? phaseOf(here, step) : undefined;
  return {
    address: here.address,
    path: here.path,
    step,
    attempt,
    scope: scopeAt(here),
    quiet,
    ...(phase === undefined ? {} : { phase }),
  };
}

/** The number of the next leaf at this address: it never comes twice, also when a step around it is tried again. */
function count({ frame, state, address }: At): number {
  const next = Math.max(state.leaves ?? 0, frame.counts?.[address] ?? 0) + 1;
  state.leaves = next;
  if (frame.counts !== undefined) frame.counts[address] = next;
  return next;
}
