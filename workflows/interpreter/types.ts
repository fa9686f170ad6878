import type { StepStatus } from '../../domain/incident.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { ActionStep, ApproveStep, AskStep, Scope, Step } from '../../language/run/playbook.ts';

/** What expressions can see everywhere. */
export type Facts = Pick<Scope, 'inputs' | 'alert' | 'incident'>;

/** Something that only the world can do: an action, or a question to people. A `wait` that reads is an action, once for each reading. */
export interface Leaf {
  /** `each[3]/deny`: unique in the incident. */
  address: string;
  /** `each/deny`: what the opening's approvals are named by. */
  path: string;
  step: ActionStep | ApproveStep | AskStep;
  /** From 1; a retry and a further reading count on. */
  attempt: number;
  /** What its templates see. */
  scope: Scope;
  /** In a loop, or a reading: there may be thousands, so that its good end is not told one by one. */
  quiet: boolean;
  /** The phase it belongs to. */
  phase?: Phase;
}

/** Actions of one list that people are asked about at once. */
export interface Phase {
  /** Its name, after the steps around it: unique in the incident, and the id of the question. */
  id: string;
  title: string;
  /** Those of its steps that have not ended and are to run, this one among them, in the order of the text. */
  members: Member[];
}

/** A step of a phase, which may not have begun. */
export interface Member {
  address: string;
  step: ActionStep;
  scope: Scope;
}

/** What the interpreter asks of its surroundings, in this order. */
export type Command =
  | { do: 'run'; leaf: Leaf }
  /** A leaf that runs is to end at its next boundary. It is told of once; its end still comes as an event. */
  | { do: 'stop'; address: string; why: string }
  /** Undo what this leaf applied. One at a time, newest first. */
  | { do: 'undo'; address: string; why: string };

/** How a leaf ended. */
export interface LeafEnd {
  step: string;
  status: StepStatus;
  why?: string;
  verdict?: string;
  outputs?: JsonObject;
  /** Whether a change of its stands that a later failure must undo. */
  applied?: boolean;
}

/** What it is told. */
export type Event = LeafEnd | { undone: string; ok: boolean; why?: string };

/** One step's change of status, in the order in which they happened: the trace of a run. */
export interface Transition {
  address: string;
  path: string;
  step: Step;
  status: StepStatus;
  why?: string;
  verdict: string;
  outputs: JsonObject;
}

/** How a stop treats what is there. */
export interface Stop {
  why: string;
  /** Leaves that run: finished, or stopped at their next boundary. */
  running: 'finish' | 'stop';
  /** Undo what `undo: on-failure` covers, and ask about what `undo: ask` does. */
  undo: boolean;
  /** Run the `always` steps. */
  always: boolean;
}

/** How a playbook ended. */
export interface Ended {
  /** `done`, or the status of the first step that ended badly, or `cancelled`. */
  status: StepStatus;
  why?: string;
  outputs: JsonObject;
}

/**
 * A playbook being run: pure, synchronous, JSON in and out. It begins whatever can begin, in the order of the text; knows no clock but the one it is told;
 * and asked twice about the same state, answers the same.
 */
export interface Interpreter {
  /** Moves on everything that can move at `now` (epoch ms). */
  advance(now: number): { commands: Command[]; transitions: Transition[] };
  /** Takes a leaf's end. @throws RangeError for one that does not run */
  take(event: Event): void;
  /** Nothing more begins. A second stop may only be stronger. */
  stop(stop: Stop): void;
  /** Epoch ms at which `advance` has something to do by the clock alone; Infinity when never. */
  due(): number;
  /** Undefined while it runs. */
  ended(): Ended | undefined;
  /** Leaves that run now, as their `run` commands were: to be taken up again after a continue-as-new. */
  running(): Leaf[];
  /** The undo that is under way, likewise. */
  undoing(): Extract<Command, { do: 'undo' }> | undefined;
  /** All of it, as JSON: what `resume` takes. Iterations that ended hold no more than their outputs. */
  state(): JsonObject;
}
