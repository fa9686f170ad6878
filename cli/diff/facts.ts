import { canonical, type Json } from '../../domain/json.ts';
import {
  blocksOf,
  topBlocks,
  type ChildPlaybook,
  type Step,
  type Template,
} from '../../language/run/playbook.ts';
import { templateText } from '../playbook-text.ts';

/** What a step says, apart from the steps inside it: every key that it has, so that no change can be missed. */
export type Facts = Map<string, Json>;

/** A step, where it stands, and what it says. */
export interface Placed {
  step: Step;
  /** `each/deny` */
  path: string;
  /** The block that it is in: `steps`, `each: steps`, `fan: left`. */
  block: string;
  facts: Facts;
}

/** Every step of one playbook by its id, which is unique in it; children are playbooks of their own. */
export function placedSteps(playbook: ChildPlaybook): Map<string, Placed> {
  const found = new Map<string, Placed>();
  const within = (steps: readonly Step[], block: string, prefix: string): void => {
    for (const step of steps) {
      const path = `${prefix}${step.id}`;
      found.set(step.id, { step, path, block, facts: factsOf(step) });
      const isFrame = step.kind === 'foreach' || step.kind === 'while';
      for (const { name, steps: inner } of blocksOf(step))
        within(inner, `${step.id}: ${name}`, isFrame && name !== 'on-failure' ? `${path}/` : prefix);
    }
  };
  for (const { name, steps } of topBlocks(playbook)) within(steps, name, '');
  return found;
}

/** Keys whose entries are compared one by one. */
const maps = ['with', 'outputs', 'values', 'fields'];

function factsOf(step: Step): Facts {
  const facts: Facts = new Map();
  for (const [key, value] of Object.entries(step)) {
    if (key === 'id' || key === 'steps' || key === 'default' || key === 'onFailure' || value === undefined)
      continue;
    if (key === 'branches' || key === 'cases') {
      facts.set(
        key,
        blocksOf({ ...step, onFailure: [] }).map(({ name }) => name),
      );
      continue;
    }
    const entries = maps.includes(key) ? entriesOf(value) : undefined;
    if (entries === undefined) facts.set(key, plain(value));
    else for (const [name, item] of Object.entries(entries)) facts.set(`${key}.${name}`, plain(item));
  }
  return facts;
}

function entriesOf(value: object): object | undefined {
  if (!isTemplate(value)) return value;
  return 'map' in value ? value.map : undefined;
}

/** As somebody would write it: templates and expressions as text. */
function plain(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object') throw new TypeError(`a playbook holds ${typeof value}`);
  if (isTemplate(value)) return templateText(value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

function isTemplate(value: object): value is Template {
  const [key, ...others] = Object.keys(value);
  return others.length === 0 && ['literal', 'cel', 'concat', 'list', 'map'].includes(key ?? '');
}

/** Whether two values are the same, in whatever order their keys are written. */
export function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonical(one) === canonical(other);
}
