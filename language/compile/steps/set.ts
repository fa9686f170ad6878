import { fields } from '../value-shape.ts';
import type { MakeStep } from './made.ts';
import { compileValues } from './outputs.ts';

export const makeSet: MakeStep<'set'> = (session, { set }, path, view) => {
  const { templates, shapes } = compileValues(session, set, [...path, 'set'], view);
  return { body: { kind: 'set', values: templates }, outputs: fields(shapes) };
};
