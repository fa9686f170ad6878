import { fields } from '../value-shape.ts';
import type { MakeStep } from './made.ts';

export const makeFail: MakeStep<'fail'> = (session, { fail }, path, view) => ({
  body: { kind: 'fail', message: session.expressions.text(fail, [...path, 'fail'], view) },
  outputs: fields({}),
});

export const makeEnd: MakeStep<'end'> = (session, { end }, path, view) => ({
  body: { kind: 'end', why: session.expressions.text(end, [...path, 'end'], view) },
  outputs: fields({}),
});
