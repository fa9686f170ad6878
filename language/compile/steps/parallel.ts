import type { MakeStep } from './made.ts';
import { madeOfLists } from './outputs.ts';

export const makeParallel: MakeStep<'parallel'> = (session, step, path, view) => {
  const branches = Object.entries(step.parallel).map(([name, steps]) => ({
    name,
    list: session.compileList(steps, [...path, 'parallel', name], view),
  }));
  const lists = branches.map(({ list }) => list);
  const { templates, ...made } = madeOfLists(session, step, path, view, lists);
  return {
    body: {
      kind: 'parallel',
      branches: branches.map(({ name, list }) => ({ name, steps: list.steps })),
      outputs: templates,
    },
    ...made,
  };
};
