import { suggest, type Finding, type Path } from './problem.ts';
import type { SourceSteps } from './source/step.ts';

/** Who waits for whom. `ancestors[i]` are the ids that are done whenever step i begins. */
export interface Graph {
  needs: string[][];
  ancestors: ReadonlySet<string>[];
  findings: Finding[];
}

/** Resolves `needs` in one list of steps: a step without waits for the one written before it. */
export function resolveNeeds(steps: SourceSteps, at: Path): Graph {
  const findings: Finding[] = [];
  const places = new Map<string, number>();
  steps.forEach((step, index) => {
    // The session reports twins: they may be in different lists.
    if (!places.has(step.id)) places.set(step.id, index);
  });
  const needs = steps.map((step, index) => {
    if (step.needs === undefined) return steps.slice(Math.max(0, index - 1), index).map(({ id }) => id);
    const listed = Array.isArray(step.needs) ? step.needs : [step.needs];
    listed.forEach((id, position) => {
      const path = [...at, index, 'needs', ...(Array.isArray(step.needs) ? [position] : [])];
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
          message: `there is no step "${id}" in this list`,
          fix: suggest(
            id,
            [...places.keys()].filter((known) => known !== step.id),
          ),
        });
    });
    return [...new Set(listed)];
  });
  const sound = findings.length === 0 && places.size === steps.length;
  const cycle = sound ? findCycle(steps, at, needs, places) : undefined;
  if (cycle !== undefined) findings.push(cycle);
  return { needs, ancestors: sound && cycle === undefined ? ancestorsOf(needs, places) : [], findings };
}

function findCycle(
  steps: SourceSteps,
  at: Path,
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
  for (let here = start; !path.includes(here); here = places.get(waits(here)[0] ?? '') ?? start)
    path.push(here);
  const last = path.at(-1) ?? start;
  const again = places.get(waits(last)[0] ?? '') ?? start;
  const loop = [...path.slice(path.indexOf(again)), again].map((index) => steps[index]?.id ?? '');
  return {
    code: 'FB2022',
    path: [...at, again, steps[again]?.needs === undefined ? 'id' : 'needs'],
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
