import { fields } from '../value-shape.ts';
import type { MakeStep } from './made.ts';
import { compileValues, inside } from './outputs.ts';

export const makeParallel: MakeStep<'parallel'> = (session, step, path, view) => {
  const branches = Object.entries(step.parallel).map(([name, steps]) => ({
    name,
    list: session.compileList(steps, [...path, 'parallel', name], view),
  }));
  const lists = branches.map(({ list }) => list);
  const { templates, shapes } = compileValues(
    session,
    step.outputs,
    [...path, 'outputs'],
    inside(view, ...lists),
  );
  return {
    body: {
      kind: 'parallel',
      branches: branches.map(({ name, list }) => ({ name, steps: list.steps })),
      outputs: templates,
    },
    outputs: fields(shapes),
    inner: new Map(lists.flatMap(({ seen }) => [...seen])),
    irreversible: lists.find(({ irreversible }) => irreversible !== undefined)?.irreversible,
  };
};
