import { canonical } from '../../../domain/json.ts';
import { blocksOf, topBlocks, type Step, type Template } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { ancestors, inside, signatureOf, warning, type Linted, type Rule } from './rule.ts';

/** What an action acts on: the inputs that it requires, as they are written. */
interface Aim {
  step: Step;
  target: ReadonlyMap<string, string>;
}

/** Two changes of one thing at the same time: which of them comes last is chance. */
export const collisions: Rule = (linted) => {
  const findings: Finding[] = [];
  const aims = new Map<Step, Aim[]>();
  const aimsOf = (step: Step): Aim[] => {
    const known = aims.get(step) ?? aimsIn(step, linted);
    aims.set(step, known);
    return known;
  };
  const told = new Set<Step>();
  const compare = (groups: readonly Aim[][]): void => {
    groups.forEach((group, index) => {
      const before = groups.slice(0, index).flat();
      for (const aim of group) {
        const other = before.find((earlier) => meets(earlier.target, aim.target));
        if (other === undefined || told.has(aim.step)) continue;
        told.add(aim.step);
        findings.push(
          warning(
            'FB2192',
            linted.placeOf(aim.step.id),
            `the steps "${other.step.id}" and "${aim.step.id}" may change the same target at the same time`,
            'put one after the other, with needs or in one branch',
          ),
        );
      }
    });
  };
  const compareList = (steps: readonly Step[]): void => {
    const before = new Map(steps.map((step) => [step, new Set(ancestors(step, steps))]));
    steps.forEach((step, index) => {
      for (const other of steps.slice(0, index))
        if (!before.get(step)?.has(other) && !before.get(other)?.has(step))
          compare([aimsOf(other), aimsOf(step)]);
    });
  };
  for (const { steps } of topBlocks(linted.playbook)) compareList(steps);
  for (const { step } of linted.steps) {
    for (const { steps } of blocksOf(step)) compareList(steps);
    if (step.kind === 'parallel')
      compare(step.branches.map(({ steps }) => steps.flatMap((inner) => aimsOf(inner))));
  }
  return findings;
};

function aimsIn(step: Step, linted: Linted): Aim[] {
  return [...inside(step, {})].flatMap((inner) => {
    const signature = signatureOf(inner, linted);
    if (inner.kind !== 'action' || signature === undefined || signature.effect === 'read') return [];
    const { required } = signature.input;
    const target = new Map<string, string>();
    for (const key of Array.isArray(required) ? required : []) {
      const written = typeof key === 'string' ? valueAt(inner.with, key) : undefined;
      if (typeof key === 'string' && written !== undefined) target.set(key, written);
    }
    return target.size === 0 ? [] : [{ step: inner, target }];
  });
}

function valueAt(template: Template, key: string): string | undefined {
  if ('map' in template) {
    const value = Object.hasOwn(template.map, key) ? template.map[key] : undefined;
    if (value === undefined) return undefined;
    // What depends on the item of a loop is another target each time.
    const text = canonical(value);
    return /\b(item|index|round|last)\b/.test(text) ? undefined : text;
  }
  if (!('literal' in template)) return undefined;
  const { literal } = template;
  if (typeof literal !== 'object' || literal === null || Array.isArray(literal)) return undefined;
  const value = Object.hasOwn(literal, key) ? literal[key] : undefined;
  return value === undefined ? undefined : canonical({ literal: value });
}

/** Whether one target is the other, or lies in it: a pod in its namespace. */
function meets(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  const [small, large] = one.size <= other.size ? [one, other] : [other, one];
  return [...small].every(([key, value]) => large.get(key) === value);
}
