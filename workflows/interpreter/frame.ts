import type { ActionStep, ApproveStep, AskStep, Playbook, Scope, Step } from '../../language/run/playbook.ts';
import { scopeOf } from './scope.ts';
import type { Block, List, RunState, StepState } from './tree.ts';
import type { Command, Facts, Transition } from './types.ts';

/** A run in memory: its state, and what the present `advance` has come to. */
export interface Run {
  playbook: Playbook;
  facts: Facts;
  simulate: boolean;
  state: RunState;
  /** Epoch ms. */
  now: number;
  commands: Command[];
  transitions: Transition[];
  /** Counts what was changed, so that a pass over a list knows whether another may find more to do. */
  changes: number;
  /** Leaves that run, by address. */
  leaves: Map<string, { state: StepState; step: ActionStep | ApproveStep | AskStep }>;
  /** Moves on what can move in a list. Here, and not imported, because kinds run lists and lists run kinds. */
  advance: (frame: Frame) => void;
}

/** Why nothing more begins. `end`: what runs goes on to its own end; `finish`: so do leaves, and waits end; `stop`: leaves are told to stop as well. */
export interface Halt {
  why: string;
  kind: 'end' | 'finish' | 'stop';
}

/** A list of steps being run, with what surrounds it. Built anew for each `advance`: only the state is kept. */
export interface Frame {
  run: Run;
  parent?: Frame;
  steps: readonly Step[];
  block: Block;
  /** Before the id, of addresses and of paths. */
  prefix: string;
  path: string;
  /** In a loop. */
  quiet: boolean;
  counts?: { [address: string]: number };
  /** The top-level list that an `end` here ends. */
  list: List;
  /** What every step of the list sees. */
  base: () => Scope;
  /** Why nothing begins in this list; what is around it may say more. */
  halt?: () => Halt | undefined;
  /** An `always` list: only a stop that leaves it out reaches it. */
  shielded?: true;
}

/** A step of a frame. */
export interface At<S extends Step = Step> {
  run: Run;
  frame: Frame;
  step: S;
  state: StepState;
  address: string;
  path: string;
}

export function at<S extends Step>(frame: Frame, step: S, state: StepState): At<S> {
  return {
    run: frame.run,
    frame,
    step,
    state,
    address: `${frame.prefix}${step.id}`,
    path: `${frame.path}${step.id}`,
  };
}

/** What an expression of a step sees. */
export function scopeAt({ frame, step }: At): Scope {
  return scopeOf(frame.steps, frame.block, frame.base(), step);
}

/** The strongest reason for which nothing may begin in a list. */
export function haltOf(frame: Frame): Halt | undefined {
  let strongest: Halt | undefined;
  for (let around: Frame | undefined = frame; around !== undefined; around = around.parent) {
    strongest = stronger(strongest, around.halt?.());
    if (around.shielded === true) break;
  }
  return strongest;
}

const strengths = { end: 0, finish: 1, stop: 2 };

function stronger(one: Halt | undefined, other: Halt | undefined): Halt | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return strengths[other.kind] > strengths[one.kind] ? other : one;
}

/** Why nothing may begin inside a step that runs. */
export function haltAt({ frame, state }: At): Halt | undefined {
  return stronger(timeUp(state), haltOf(frame));
}

function timeUp(state: StepState): Halt | undefined {
  return state.timedOut === true ? { why: 'its time is up', kind: 'stop' } : undefined;
}

/** A list inside a step: of the same loop and playbook, unless `more` says otherwise. */
export function inner(
  around: At,
  steps: readonly Step[],
  block: Block,
  more: { index?: number; sees?: Partial<Scope>; handler?: true } = {},
): Frame {
  const { frame, state } = around;
  const { index, sees } = more;
  const counts = frame.counts ?? state.counts;
  let base: Scope | undefined;
  return {
    run: frame.run,
    parent: frame,
    steps,
    block,
    prefix: index === undefined ? frame.prefix : `${around.address}[${index}]/`,
    path: index === undefined ? frame.path : `${around.path}/`,
    quiet: frame.quiet || index !== undefined,
    list: frame.list,
    ...(counts === undefined ? {} : { counts }),
    base: () => (base ??= { ...scopeAt(around), ...sees }),
    ...(more.handler === true ? {} : { halt: () => timeUp(state) }),
  };
}

/** Tells of a step's new status. */
export function tell(around: At): void {
  const { run, step, state, address, path } = around;
  run.changes += 1;
  run.transitions.push({
    address,
    path,
    step,
    status: state.status,
    ...(state.why === undefined ? {} : { why: state.why }),
    verdict: state.verdict ?? '',
    outputs: state.outputs ?? {},
  });
}
