import type { JsonObject } from '../../domain/json.ts';
import type { Scope, Step } from '../../language/run/playbook.ts';
import { stateOf, type Block, type StepState } from './tree.ts';

/** What a step sees: all that the list sees, and the steps of the list that it needs, directly or not. */
export function scopeOf(steps: readonly Step[], block: Block, base: Scope, step: Step): Scope {
  const before = ancestorsOf(steps).get(step.id) ?? [];
  if (before.length === 0) return base;
  const seen = { ...base.steps };
  for (const other of before) expose(seen, other, stateOf(block, other));
  return { ...base, steps: seen };
}

/** What is seen when a list has ended: all of its steps. */
export function scopeAfter(steps: readonly Step[], block: Block, base: Scope): Scope {
  const seen = { ...base.steps };
  for (const step of steps) expose(seen, step, stateOf(block, step));
  return { ...base, steps: seen };
}

/**
 * A step as expressions see it, with the steps inside a `parallel` or a `switch`: they ran at most once. One that was never begun is `skipped`.
 */
export function expose(seen: JsonObject, step: Step, state: StepState | undefined): void {
  seen[step.id] = {
    status: state === undefined ? 'skipped' : state.status,
    verdict: state?.verdict ?? '',
    outputs: state?.outputs ?? {},
  };
  for (const { steps, block } of visibleLists(step, state))
    for (const within of steps) expose(seen, within, block?.[within.id]);
}

/** The lists inside a step that can be seen once it has ended, with their states when they were begun. */
export function visibleLists(
  step: Step,
  state: StepState | undefined,
): { steps: readonly Step[]; block: Block | undefined }[] {
  if (step.kind === 'parallel')
    return step.branches.map(({ steps }, index) => ({ steps, block: state?.work?.parallel?.[index] }));
  if (step.kind !== 'switch') return [];
  const chosen = state?.work?.switch;
  return [...step.cases.map(({ steps }) => steps), step.default].map((steps, index) => ({
    steps,
    block: chosen?.chosen === index ? chosen.block : undefined,
  }));
}

/** Keyed by the list itself, which never changes: worked out once. */
const known = new WeakMap<readonly Step[], Map<string, Step[]>>();

/** For each step of a list, those that it needs, directly or not, in the order of the text. */
function ancestorsOf(steps: readonly Step[]): Map<string, Step[]> {
  const before = known.get(steps);
  if (before !== undefined) return before;
  const byId = new Map(steps.map((step) => [step.id, step]));
  const result = new Map(
    steps.map((step) => {
      const reached = new Set<string>();
      const left = [...step.needs];
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        if (reached.has(id)) continue;
        reached.add(id);
        left.push(...(byId.get(id)?.needs ?? []));
      }
      return [step.id, steps.filter(({ id }) => reached.has(id))];
    }),
  );
  known.set(steps, result);
  return result;
}
