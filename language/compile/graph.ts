import { suggest, type Finding } from './problem.ts';
import type { SourceStep } from './shape.ts';

/** Who waits for whom. `ancestors[i]` are the ids that are done whenever step i begins. */
export interface Graph {
  needs: string[][];
  ancestors: ReadonlySet<string>[];
  findings: Finding[];
}

/** Resolves `needs`: a step without waits for the one written before it. */
export function resolveNeeds(steps: readonly SourceStep[]): Graph {
  const findings: Finding[] = [];
  const places = new Map<string, number>();
  steps.forEach((step, index) => {
    const first = places.get(step.id);
    if (first === undefined) places.set(step.id, index);
    else
      findings.push({
        code: 'FB2020',
        path: ['steps', index, 'id'],
        message: `the id "${step.id}" is already that of steps[${first}]`,
        fix: 'give each step an id of its own',
      });
  });
  const needs = steps.map((step, index) => {
    if (step.needs === undefined) return steps.slice(Math.max(0, index - 1), index).map(({ id }) => id);
    const listed = Array.isArray(step.needs) ? step.needs : [step.needs];
    listed.forEach((id, position) => {
      const path = ['steps', index, 'needs', ...(Array.isArray(step.needs) ? [position] : [])];
      if (id === step.id)
        findings.push({
          code: 'FB2022',
          path,
          message: `the step "${id}" waits for itself`,
          fix: `remove "${id}"`,
        });
      else if (!places.has(id))
        findings.push({
          code: 'FB2021',
          path,
          message: `there is no step "${id}"`,
          fix: suggest(
            id,
            [...places.keys()].filter((known) => known !== step.id),
          ),
        });
    });
    return [...new Set(listed)];
  });
  const cycle = findings.length === 0 ? findCycle(steps, needs, places) : undefined;
  if (cycle !== undefined) findings.push(cycle);
  return { needs, ancestors: findings.length === 0 ? ancestorsOf(needs, places) : [], findings };
}

function findCycle(
  steps: readonly SourceStep[],
  needs: readonly string[][],
  places: ReadonlyMap<string, number>,
): Finding | undefined {
  // Taking away steps that wait for nothing left, again and again, leaves exactly the cycles and what waits for them.
  const left = new Set(places.values());
  const waits = (index: number): string[] =>
    (needs[index] ?? []).filter((id) => left.has(places.get(id) ?? -1));
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const index of left) if (waits(index).length === 0) left.delete(index);
  }
  const [start] = left;
  if (start === undefined) return undefined;
  const path: number[] = [];
  for (let at = start; !path.includes(at); at = places.get(waits(at)[0] ?? '') ?? start) path.push(at);
  const last = path.at(-1) ?? start;
  const again = places.get(waits(last)[0] ?? '') ?? start;
  const loop = [...path.slice(path.indexOf(again)), again].map((index) => steps[index]?.id ?? '');
  return {
    code: 'FB2022',
    path: ['steps', again, steps[again]?.needs === undefined ? 'id' : 'needs'],
    message: `steps wait for each other: ${loop.join(' → ')}`,
    fix: 'remove one of these needs',
  };
}

function ancestorsOf(needs: readonly string[][], places: ReadonlyMap<string, number>): Set<string>[] {
  const done: (Set<string> | undefined)[] = [];
  const of = (index: number): Set<string> => {
    const known = done[index];
    if (known !== undefined) return known;
    const all = new Set<string>();
    for (const id of needs[index] ?? []) {
      all.add(id);
      for (const earlier of of(places.get(id) ?? index)) all.add(earlier);
    }
    done[index] = all;
    return all;
  };
  return needs.map((_, index) => of(index));
}
