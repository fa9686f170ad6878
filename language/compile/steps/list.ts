import { resolveNeeds } from '../graph.ts';
import type { Path } from '../problem.ts';
import type { View } from '../scope-shape.ts';
import type { Session } from '../session.ts';
import type { SourceSteps } from '../source/step.ts';
import { anyMap, type Shape } from '../value-shape.ts';
import type { CompiledList } from './made.ts';
import { compileStep, type CompiledStep } from './step.ts';

/** Compiles a list: each step after those that it waits for, since it may ask about their outputs. */
export function compileList(session: Session, steps: SourceSteps, path: Path, view: View): CompiledList {
  const graph = resolveNeeds(steps, path);
  session.findings.push(...graph.findings);
  const compiled = new Map<number, CompiledStep>();
  const places = new Map(steps.map(({ id }, index) => [id, index]));
  // Without a sound order nobody's ancestors are known: then only unknown names are reported.
  const all = new Map(steps.map(({ id }) => [id, anyMap as Shape]));
  const compile = (index: number): CompiledStep | undefined => {
    const known = compiled.get(index);
    const step = steps[index];
    if (known !== undefined || step === undefined) return known;
    const ancestors = graph.ancestors[index];
    const seen = new Map([...view.steps, ...(ancestors === undefined ? all : [])]);
    for (const id of ancestors ?? [])
      for (const [name, outputs] of compile(places.get(id) ?? -1)?.seen ?? []) seen.set(name, outputs);
    const own = { ...view, step: step.id, steps: seen };
    const made = compileStep(session, step, [...path, index], graph.needs[index] ?? [], own);
    compiled.set(index, made);
    return made;
  };
  const made = steps.map((_, index) => compile(index)).filter((step) => step !== undefined);
  const owners = new Map(
    [...compiled].flatMap(([index, { seen }]) =>
      [...seen.keys()].map((name) => [name, steps[index]?.id ?? '']),
    ),
  );
  const { usedSteps } = session.expressions;
  session.findings.push(
    ...session.phases.listFindings({ steps, path, graph, owners, usedSteps, actions: session.actions }),
  );
  return {
    steps: made.map(({ step }) => step),
    seen: new Map(made.flatMap(({ seen }) => [...seen])),
    irreversible: made.find(({ irreversible }) => irreversible !== undefined)?.irreversible,
  };
}
