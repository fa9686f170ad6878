import { typeName } from '../value-shape.ts';
import type { MakeStep } from './made.ts';
import { madeOfLists } from './outputs.ts';

export const makeSwitch: MakeStep<'switch' | 'cases'> = (session, step, path, view) => {
  const at = [...path, 'switch'];
  const { expression, shape } = session.expressions.whole(step.switch, at, view, 'expression');
  if (shape !== 'string' && !['dyn', 'secret'].includes(typeName(shape)))
    session.findings.push({
      code: 'FB2047',
      path: at,
      message: `switch must be text, and the expression yields ${typeName(shape)}`,
      fix: 'convert it with string(…)',
    });
  const cases = Object.entries(step.cases).map(([value, steps]) => ({
    value,
    list: session.compileList(steps, [...path, 'cases', value], view),
  }));
  const otherwise = session.compileList(step.default ?? [], [...path, 'default'], view);
  const lists = [...cases.map(({ list }) => list), otherwise];
  const { templates, ...made } = madeOfLists(session, step, path, view, lists);
  return {
    body: {
      kind: 'switch',
      on: expression,
      cases: cases.map(({ value, list }) => ({ value, steps: list.steps })),
      default: otherwise.steps,
      outputs: templates,
    },
    ...made,
  };
};
