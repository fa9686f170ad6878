import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import { bindInputs } from '../../language/compile/inputs.ts';
import { condition, evaluate, ExpressionError, isLeftOut, render } from '../../language/run/expression.ts';
import {
  blocksOf,
  type ActionStep,
  type ChildPlaybook,
  type ForeachStep,
  type Playbook,
  type PlaybookStep,
  type Scope,
  type Step,
  type StepKind,
  type SwitchStep,
  type Template,
  type WhileStep,
} from '../../language/run/playbook.ts';
import { stepText } from '../playbook-text.ts';
import type { PlannedAction } from './action.ts';

/** One step as it would be now: a plan, or why there is none. */
export interface PlannedStep extends Partial<PlannedAction> {
  /** Its address: `each[3]/deny`. */
  id: string;
  kind: StepKind;
  /** How many steps are around it. */
  depth: number;
  /** What it does, in a line. */
  does: string;
  refusals: PlannedAction['refusals'];
  /** What it runs under that nobody knows yet: a condition, a failure, a choice. */
  only?: string;
  /** Why it would not run. */
  skipped?: string;
  /** What it reads and an earlier step has yet to find out: an expression. */
  unknown?: string;
}

/** Where a list of steps stands. */
interface Place {
  scope: Scope;
  prefix: string;
  depth: number;
  only?: string;
  /** Shared by all lists of one playbook: the step that surely ends it. */
  frame: { endedBy?: string };
}

type Facts = Pick<Scope, 'inputs' | 'alert' | 'incident'>;
type PlanLeaf = (step: ActionStep, address: string, wanted: Json) => Promise<PlannedAction>;

/**
 * Walks a playbook as a run would, as far as that is known before anything has run: each item of a list, the chosen case, children with their inputs, the first round of
 * a loop. Steps are planned one after another, in the order of the text.
 */
export async function walkPlan(playbook: Playbook, facts: Facts, leaf: PlanLeaf): Promise<PlannedStep[]> {
  const walker = new Walker(playbook, leaf);
  await walker.playbook(playbook, facts, { prefix: '', depth: 0 });
  return walker.found;
}

class Walker {
  readonly found: PlannedStep[] = [];
  readonly #playbook: Playbook;
  readonly #leaf: PlanLeaf;

  constructor(playbook: Playbook, leaf: PlanLeaf) {
    this.#playbook = playbook;
    this.#leaf = leaf;
  }

  async playbook(
    { steps, onFailure = [], always = [] }: ChildPlaybook,
    facts: Facts,
    at: Omit<Place, 'scope' | 'frame'>,
  ): Promise<void> {
    const scope = { ...facts, steps: {} };
    await this.#list(steps, { ...at, scope, frame: {} });
    await this.#list(onFailure, { ...at, scope, frame: {}, only: 'after a failure' });
    await this.#list(always, { ...at, scope, frame: {} });
  }

  async #list(steps: readonly Step[], place: Place): Promise<void> {
    for (const step of steps) await this.#step(step, place);
  }

  async #step(step: Step, place: Place): Promise<void> {
    const { prefix, depth, scope, frame } = place;
    const planned: PlannedStep = {
      id: `${prefix}${step.id}`,
      kind: step.kind,
      depth,
      does: stepText(step),
      refusals: [],
      ...(place.only === undefined ? {} : { only: place.only }),
    };
    this.found.push(planned);
    if (frame.endedBy !== undefined) {
      planned.skipped = `${frame.endedBy} ends the playbook before`;
      return;
    }
    const runs =
      step.if === undefined ? { ok: true } : attempt(() => condition(step.if ?? { cel: '' }, scope));
    if ('ok' in runs && !runs.ok) {
      planned.skipped = `its condition is false: ${step.if?.cel ?? ''}`;
      return;
    }
    if ('unknown' in runs)
      planned.only = [...(place.only === undefined ? [] : [place.only]), `if ${step.if?.cel ?? ''}`].join(
        ', ',
      );
    const inside: Place = {
      ...place,
      depth: depth + 1,
      ...(planned.only === undefined ? {} : { only: planned.only }),
    };
    await this.#kind(step, planned, inside);
    await this.#list(step.onFailure ?? [], { ...inside, only: `after a failure of ${step.id}` });
  }

  async #kind(step: Step, planned: PlannedStep, inside: Place): Promise<void> {
    const { scope } = inside;
    switch (step.kind) {
      case 'action':
        return this.#known(planned, step.with, scope, async (wanted) => {
          Object.assign(planned, await this.#leaf(step, planned.id, wanted));
        });
      case 'playbook':
        return this.#child(step, planned, inside);
      case 'foreach':
        return this.#foreach(step, planned, inside);
      case 'while':
        return this.#while(step, planned, inside);
      case 'switch':
        return this.#switch(step, planned, inside);
      case 'parallel':
        for (const { steps } of step.branches) await this.#list(steps, { ...inside, frame: {} });
        return;
      case 'approve':
      case 'ask':
        return this.#known(planned, step.question, scope, (text) => {
          planned.does = `${step.kind}: ${textOf(text)}`;
        });
      case 'set':
        return this.#known(planned, { map: step.values }, scope, (values) => {
          planned.does = `set ${JSON.stringify(values)}`;
          // What is surely set can be read by the steps after it, as in a run.
          if (planned.only === undefined && isObject(values))
            scope.steps[step.id] = { status: 'done', verdict: '', outputs: values };
        });
      case 'fail':
      case 'end':
        if (planned.only === undefined) inside.frame.endedBy = step.id;
        return this.#known(planned, step.kind === 'fail' ? step.message : step.why, scope, (text) => {
          planned.does = `${step.kind}: ${textOf(text)}`;
        });
      case 'wait':
        return;
    }
  }

  async #child(step: PlaybookStep, planned: PlannedStep, inside: Place): Promise<void> {
    const child = this.#playbook.children?.[step.playbook];
    if (child === undefined) {
      planned.error = `there is no playbook ${step.playbook}`;
      return;
    }
    const { known, unknown } = entriesOf(step.with, inside.scope);
    // A value that is not known yet is left out: what reads it is then not known either.
    const defaults = Object.entries(child.inputs).flatMap(([name, { default: preset }]) =>
      preset === undefined || unknown.includes(name) ? [] : [[name, preset] as const],
    );
    if (unknown.length === 0) {
      const bound = bindInputs(child, known);
      if ('problems' in bound) {
        planned.error = bound.problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
        return;
      }
    }
    const inputs: JsonObject = { ...Object.fromEntries(defaults), ...known };
    const { alert, incident } = inside.scope;
    await this.playbook(child, { inputs, alert, incident }, { ...inside, prefix: `${planned.id}/` });
  }

  async #foreach(step: ForeachStep, planned: PlannedStep, inside: Place): Promise<void> {
    const items = attempt(() => render(step.items, inside.scope));
    if ('unknown' in items) {
      planned.unknown = items.unknown;
      await this.#list(step.steps, {
        ...inside,
        prefix: `${planned.id}[]/`,
        only: 'for each item',
        scope: fork(inside.scope),
      });
      return;
    }
    if (!Array.isArray(items.ok)) planned.error = 'what it is to go through is no list';
    else if (items.ok.length > step.maxItems)
      planned.error = `the list has ${items.ok.length} items, and max-items is ${step.maxItems}`;
    else
      for (const [index, item] of items.ok.entries())
        await this.#list(step.steps, {
          ...inside,
          frame: {},
          prefix: `${planned.id}[${index}]/`,
          scope: { ...fork(inside.scope), item, index },
        });
  }

  async #while(step: WhileStep, planned: PlannedStep, inside: Place): Promise<void> {
    const scope: Scope = { ...fork(inside.scope), round: 0, last: {} };
    const holds = attempt(() => condition(step.condition, scope));
    if ('ok' in holds && !holds.ok) {
      planned.skipped = `its condition is false: ${step.condition.cel}`;
      return;
    }
    const only = 'ok' in holds ? inside.only : `while ${step.condition.cel}`;
    const place = { ...inside, frame: {}, prefix: `${planned.id}[0]/`, scope };
    await this.#list(step.steps, { ...place, ...(only === undefined ? {} : { only }) });
  }

  async #switch(step: SwitchStep, planned: PlannedStep, inside: Place): Promise<void> {
    const on = attempt(() => evaluate(step.on, inside.scope));
    if ('unknown' in on) {
      planned.unknown = on.unknown;
      for (const { name, steps } of blocksOf({ ...step, onFailure: [] }))
        await this.#list(steps, { ...inside, only: name, scope: fork(inside.scope) });
      return;
    }
    if (typeof on.ok !== 'string') {
      planned.error = 'what it chooses by is no text';
      return;
    }
    const chosen = step.cases.find(({ value }) => value === on.ok)?.steps ?? step.default;
    planned.does = `${planned.does}: ${JSON.stringify(on.ok)}`;
    await this.#list(chosen, inside);
  }

  async #known(
    planned: PlannedStep,
    template: Template,
    scope: Scope,
    use: (value: Json) => Promise<void> | void,
  ): Promise<void> {
    const value = attempt(() => render(template, scope));
    if ('unknown' in value) planned.unknown = value.unknown;
    else await use(value.ok);
  }
}

/** The same names in a place of its own: what is set inside is not seen outside. */
function fork(scope: Scope): Scope {
  return { ...scope, steps: { ...scope.steps } };
}

function entriesOf(template: Template, scope: Scope): { known: JsonObject; unknown: string[] } {
  const known: JsonObject = {};
  const unknown: string[] = [];
  const whole = 'map' in template ? undefined : attempt(() => render(template, scope));
  if (whole !== undefined && 'ok' in whole && isObject(whole.ok)) return { known: whole.ok, unknown };
  for (const [name, item] of Object.entries('map' in template ? template.map : {})) {
    if (isLeftOut(item, scope)) continue;
    const value = attempt(() => render(item, scope));
    if ('ok' in value) known[name] = value.ok;
    else unknown.push(name);
  }
  return { known, unknown };
}

function attempt<T>(work: () => T): { ok: T } | { unknown: string } {
  try {
    return { ok: work() };
  } catch (error) {
    if (error instanceof ExpressionError) return { unknown: notKnown(error) };
    throw error;
  }
}

/** A step that has not run is a key that is missing: then the expression says it all. */
function notKnown({ message, expression, reason }: ExpressionError): string {
  return reason.startsWith('No such key') ? expression : message;
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
