export { pathOfAddress } from '../../domain/address.ts';
import type { ActionSignature } from '../../domain/action.ts';
import type { FormField } from '../../domain/decision.ts';
import type { Digest, Json, JsonObject } from '../../domain/json.ts';
import type { Approval } from '../../domain/person.ts';
import type { Severity } from '../../domain/alert.ts';

/** A CEL expression, checked when the playbook was compiled. */
export interface Expression {
  cel: string;
}

/**
 * A value with expressions in it, in a form that needs no parsing at run time: plain JSON, an expression (a string that was wholly
 * `${{ … }}` keeps the expression's type), a text with expressions inside, or a list or map of these.
 */
export type Template =
  | { literal: Json }
  | Expression
  | IfGiven
  | { concat: Template[] }
  | { list: Template[] }
  | { map: { [key: string]: Template } };

/** An input of its own that may be left out: the key of the map that it stands in is left out with it. */
export interface IfGiven extends Expression {
  ifGiven: string;
}

/** What every step may say. */
export interface StepCommon {
  /** Unique in its playbook, nested steps included. */
  id: string;
  /** Absent: always. A step whose condition is false is skipped, and counts as done for `needs`. */
  if?: Expression;
  /** Resolved: the ids of the same list that this step waits for. Without `needs` in the source: the step written before it. */
  needs: string[];
  /** How long it may take in all, attempts and questions included. What runs then is stopped at its next boundary. */
  timeoutMs?: number;
  /** It is tried again when it failed; a refusal or a denial is final. The n-th pause is `delayMs * backoff ** (n - 1)`. */
  retry?: { attempts: number; delayMs: number; backoff: number };
  /** Its bad end blocks nothing and fails nothing. */
  continueOnError?: true;
  /** Run once it has finally ended badly; `failure` tells them why. They do not change how it ended. */
  onFailure?: Step[];
}

/** Carries out an action. */
export interface ActionStep extends StepCommon {
  kind: 'action';
  uses: string;
  with: Template;
  approve?: Approval;
  /** Steps of one list that people are asked about once; `approve` is the phase's then. */
  phase?: { id: string; title: string };
  hold?: { forMs: number; then: 'escalate' };
  /**
   * What a later failure leads to. `never`: it stays as it is, the only value a containment may have. `ask`: people are asked whether to undo it.
   * `on-failure`: it is undone under the approval that it was made with.
   */
  undo: 'never' | 'ask' | 'on-failure';
}

/** Runs another playbook, with inputs and outputs of its own, as a part of this incident. */
export interface PlaybookStep extends StepCommon {
  kind: 'playbook';
  /** Key of `Playbook.children`. */
  playbook: string;
  with: Template;
}

/** Runs its branches side by side. */
export interface ParallelStep extends StepCommon {
  kind: 'parallel';
  branches: { name: string; steps: Step[] }[];
  outputs: { [name: string]: Template };
}

/** Runs its steps once for each item of a list, seen as `item` and `index`. */
export interface ForeachStep extends StepCommon {
  kind: 'foreach';
  items: Template;
  /** A longer list is refused, and nothing of it is begun. */
  maxItems: number;
  /** Items at a time. */
  maxParallel: number;
  steps: Step[];
  /** Of each item; `steps.<id>.outputs.items` is the list of them. */
  outputs: { [name: string]: Template };
}

/** Runs the case that equals a text, or the default. */
export interface SwitchStep extends StepCommon {
  kind: 'switch';
  on: Expression;
  cases: { value: string; steps: Step[] }[];
  default: Step[];
  outputs: { [name: string]: Template };
}

/** Runs its steps again and again while a condition holds; `round` (from 0) and `last` (outputs of the round before) are seen. */
export interface WhileStep extends StepCommon {
  kind: 'while';
  condition: Expression;
  maxRounds: number;
  /** Between two rounds. */
  delayMs: number;
  steps: Step[];
  outputs: { [name: string]: Template };
}

/** Waits for a time, or until a condition on a fresh `reading` holds. */
export interface WaitStep extends StepCommon {
  kind: 'wait';
  /** Either a time … */
  forMs?: number;
  /** … or a reading, by an action that only reads, every so often until its time is up. */
  until?: { condition: Expression; uses: string; with: Template; everyMs: number; withinMs: number };
}

/** Asks people whether to go on: a gate of its own, which authorises no change by itself. */
export interface ApproveStep extends StepCommon {
  kind: 'approve';
  question: Template;
  approve: Approval;
}

/** Asks a person to fill in a form. */
export interface AskStep extends StepCommon {
  kind: 'ask';
  question: Template;
  from: string[];
  withinMs: number;
  fields: { [name: string]: FormField };
}

/** Works values out, for later steps to read as outputs. */
export interface SetStep extends StepCommon {
  kind: 'set';
  values: { [name: string]: Template };
}

/** Ends badly, on purpose. */
export interface FailStep extends StepCommon {
  kind: 'fail';
  message: Template;
}

/** Ends its playbook well: nothing more begins. */
export interface EndStep extends StepCommon {
  kind: 'end';
  why: Template;
}

export type Step =
  | ActionStep
  | PlaybookStep
  | ParallelStep
  | ForeachStep
  | SwitchStep
  | WhileStep
  | WaitStep
  | ApproveStep
  | AskStep
  | SetStep
  | FailStep
  | EndStep;
export type StepKind = Step['kind'];

/** A typed value that a playbook is told. `secret`: the name of a secret in a store, never its value. */
export interface InputDeclaration {
  type: 'string' | 'integer' | 'number' | 'boolean' | 'list' | 'secret';
  /** Of a list: what its items are. */
  items?: 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  default?: Json;
  /** Of a secret, which has no default: it may be left out. */
  optional?: true;
  /** Of a text: its allowed values. */
  oneOf?: string[];
  /** Of a number its value, of a text its length, of a list its size. */
  min?: number;
  max?: number;
}

/** A playbook that has been read, checked and resolved: what an incident carries. Its digest covers all of it. */
export interface Playbook {
  schema: 'firebreak/playbook/v1';
  id: string;
  name: string;
  version: number;
  description: string;
  /** Who answers for it; the incident message names it. */
  owner?: string;
  /** The id of the runbook on paper that it encodes. */
  runbook?: string;
  /** Severity of an incident that names none. */
  severity?: Severity;
  references?: { title: string; url: string }[];
  inputs: { [name: string]: InputDeclaration };
  steps: Step[];
  /** Run when `steps` ended badly, after the undo. */
  onFailure?: Step[];
  /** Run last, however it ended. */
  always?: Step[];
  outputs?: { [name: string]: Template };
  /** The actions it uses as they were when it was compiled: effect, timing and retries are frozen with it. */
  actions: { [name: string]: ActionSignature };
  /** The playbooks that it and its children run, by id: frozen with it. Theirs are all here, at the top. */
  children?: { [id: string]: ChildPlaybook };
}

export type ChildPlaybook = Omit<Playbook, 'schema' | 'actions' | 'children'>;

/** Where a playbook came from; recorded, not hashed. */
export interface CompiledPlaybook {
  playbook: Playbook;
  digest: Digest;
  file: string;
  /** Git commit of the file, and whether it differed from it; absent outside a repository. */
  commit?: { id: string; modified: boolean };
}

/** What expressions can see. Names beyond the first four only where the step says so. */
export interface Scope {
  inputs: JsonObject;
  alert: JsonObject;
  incident: JsonObject;
  /** Per step id: `{ status, verdict, outputs }`. */
  steps: JsonObject;
  /** In a `foreach`. */
  item?: Json;
  index?: number;
  /** In a `while`. */
  round?: number;
  last?: JsonObject;
  /** In the condition of a `wait`: `{ verdict, outputs }`. */
  reading?: JsonObject;
  /** In `on-failure`: `{ step, status, why }`. */
  failure?: JsonObject;
}

/** The lists of steps inside a step, each with the name of its block. */
export function blocksOf(step: Step): { name: string; steps: Step[] }[] {
  const inner = (): { name: string; steps: Step[] }[] => {
    switch (step.kind) {
      case 'parallel':
        return step.branches;
      case 'foreach':
      case 'while':
        return [{ name: 'steps', steps: step.steps }];
      case 'switch':
        return [
          ...step.cases.map(({ value, steps }) => ({ name: `case ${value}`, steps })),
          { name: 'default', steps: step.default },
        ];
      default:
        return [];
    }
  };
  return [...inner(), { name: 'on-failure', steps: step.onFailure ?? [] }];
}

/** The lists of steps of a playbook itself. */
export function topBlocks(playbook: ChildPlaybook): { name: string; steps: Step[] }[] {
  return [
    { name: 'steps', steps: playbook.steps },
    { name: 'on-failure', steps: playbook.onFailure ?? [] },
    { name: 'always', steps: playbook.always ?? [] },
  ];
}

/**
 * Every step with its path: its id, after the ids of the `foreach`, `while` and `playbook` steps around it (`each/deny`). An instance's address is the same
 * with the place in its loops: `each[3]/deny`.
 */
export function* walkSteps(playbook: Playbook): Generator<{ path: string; step: Step }> {
  const children = playbook.children ?? {};
  function* within(steps: readonly Step[], prefix: string): Generator<{ path: string; step: Step }> {
    for (const step of steps) {
      const path = `${prefix}${step.id}`;
      yield { path, step };
      const isFrame = step.kind === 'foreach' || step.kind === 'while';
      for (const { name, steps: inner } of blocksOf(step))
        yield* within(inner, isFrame && name !== 'on-failure' ? `${path}/` : prefix);
      const child = step.kind === 'playbook' ? children[step.playbook] : undefined;
      if (child !== undefined)
        for (const { steps: inner } of topBlocks(child)) yield* within(inner, `${path}/`);
    }
  }
  for (const { steps } of topBlocks(playbook)) yield* within(steps, '');
}
