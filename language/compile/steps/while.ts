import { milliseconds } from '../duration.ts';
import { fields, type Shape } from '../value-shape.ts';
import type { MakeStep } from './made.ts';
import { compileOutputs } from './outputs.ts';
import { repeated } from './repeats.ts';

/** An output of every `while`: how many rounds there were. */
const ownOutput = 'rounds';

export const makeWhile: MakeStep<'while' | 'max-rounds' | 'steps'> = (session, step, path, view) => {
  const names = Object.keys(step.outputs ?? {});
  // What a round yields may depend on the round before: its names are known, its types are not.
  const last: Shape = fields(Object.fromEntries(names.map((name) => [name, 'dyn'])));
  const within = {
    ...repeated(session, view, step['max-rounds'], [...path, 'max-rounds']),
    names: { ...view.names, round: 'int', last },
  };
  const condition = session.expressions.condition(step.while, [...path, 'while'], within);
  const list = session.compileList(step.steps, [...path, 'steps'], within);
  const { templates, shapes } = compileOutputs(session, step, path, within, [list]);
  if (names.includes(ownOutput))
    session.findings.push({
      code: 'FB2016',
      path: [...path, 'outputs', ownOutput],
      atKey: true,
      message: 'every while has an output "rounds" already: how many there were',
      fix: 'choose another name',
    });
  return {
    body: {
      kind: 'while',
      condition,
      maxRounds: step['max-rounds'],
      delayMs: milliseconds(step.delay ?? '') ?? 0,
      steps: list.steps,
      outputs: templates,
    },
    outputs: fields({ ...shapes, [ownOutput]: 'int' }),
    irreversible: list.irreversible,
  };
};
