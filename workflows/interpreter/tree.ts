import type { StepStatus } from '../../domain/incident.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { Step } from '../../language/run/playbook.ts';
import type { Stop } from './types.ts';

/** How something ended. */
export interface End {
  status: StepStatus;
  why?: string;
  verdict?: string;
  outputs?: JsonObject;
}

/** One instance of a step. Plain JSON, as all of this file. */
export interface StepState {
  status: StepStatus;
  why?: string;
  verdict?: string;
  outputs?: JsonObject;
  /** Skipped because a step that it needs ended badly. */
  blocked?: true;
  /** Skipped because it, or a step around it, was stopped. */
  cut?: true;
  /** Attempts begun. */
  attempts?: number;
  /** Leaves begun, over all attempts and readings. */
  leaves?: number;
  /** Epoch ms at which its `timeout` is over. */
  deadline?: number;
  timedOut?: true;
  /** How the last attempt ended, and when the next begins. */
  pause?: { until: number; end: End };
  /** How it ends once its `on-failure` steps have run. */
  end?: End;
  handler?: Block;
  /** What its kind keeps of the present attempt. */
  work?: Work;
  /** Leaves begun inside, by address, over all attempts: of the outermost step around that is tried again. */
  counts?: { [address: string]: number };
}

/** A list of steps, by id. */
export type Block = { [id: string]: StepState };

/** What the kinds keep while a step runs; the lists of `parallel` and `switch` stay, for their steps can be seen afterwards. */
export interface Work {
  leaf?: LeafWork;
  parallel?: Block[];
  switch?: { chosen: number; block: Block };
  foreach?: ForeachWork;
  while?: WhileWork;
  wait?: WaitWork;
  playbook?: { inputs: JsonObject; state: PlaybookState };
}

export interface WhileWork {
  round: number;
  last: JsonObject;
  block?: Block;
  wakeAt?: number;
}

export interface LeafWork {
  attempt: number;
  stopped?: true;
  /** Told, and not yet acted upon. */
  end?: End;
}

export interface ForeachWork {
  items: Json[];
  /** Index of the first item not begun. */
  next: number;
  live: { index: number; block: Block }[];
  /** Of each item; null while it has none. */
  results: Json[];
  succeeded: number;
  failed: number;
  /** The failed item with the lowest index. */
  bad?: { index: number; end: End };
}

export interface WaitWork {
  /** Epoch ms at which it is over. */
  until: number;
  /** Of a wait that reads: when it reads next; absent while it reads. */
  next?: number;
  /** Why the last reading did not do. */
  why?: string;
}

/** A top-level list of a playbook; `endedBy`: the `end` step that ended it. */
export interface List {
  block: Block;
  endedBy?: string;
}

/** A playbook that runs: the root, or a child. */
export interface PlaybookState {
  phase: 'steps' | 'undo' | 'on-failure' | 'always' | 'ended';
  steps: List;
  onFailure?: List;
  always?: List;
  /** How its `steps` ended. */
  outcome?: End & { step?: string };
}

/** All of a run. */
export interface RunState {
  root: PlaybookState;
  stop?: Stop;
  /** Leaves whose change stands and is undone by a later failure, oldest first. */
  applied: { address: string; status: StepStatus }[];
  undoing?: { address: string; why: string; told?: { ok: boolean; why?: string } };
  ended?: End & { outputs: JsonObject };
}

const bad: ReadonlySet<StepStatus> = new Set(['failed', 'refused', 'denied', 'cancelled']);

export function isBad(status: StepStatus): boolean {
  return bad.has(status);
}

export function hasEnded({ status }: StepState): boolean {
  return status !== 'waiting' && status !== 'running';
}

export function newBlock(steps: readonly Step[]): Block {
  return Object.fromEntries(steps.map(({ id }) => [id, { status: 'waiting' }]));
}

/** @throws RangeError, for a state that is of another playbook */
export function stateOf(block: Block, step: Step): StepState {
  const state = block[step.id];
  if (state === undefined) throw new RangeError(`the state has no step ${step.id}`);
  return state;
}

export function isSettled(steps: readonly Step[], block: Block): boolean {
  return steps.every((step) => hasEnded(stateOf(block, step)));
}

/**
 * How a settled list ended: as its first bad step in the order of the text; cancelled, when something of it was never begun because it was stopped;
 * done otherwise.
 */
export function endOf(steps: readonly Step[], block: Block): End & { step?: string } {
  let cut: StepState | undefined;
  for (const step of steps) {
    const state = stateOf(block, step);
    if (isBad(state.status) && step.continueOnError !== true)
      return { status: state.status, step: step.id, ...(state.why === undefined ? {} : { why: state.why }) };
    if (state.cut === true) cut ??= state;
  }
  if (cut === undefined) return { status: 'done' };
  return { status: 'cancelled', ...(cut.why === undefined ? {} : { why: cut.why }) };
}
