import { fields } from '../value-shape.ts';
import { approvalOf } from './action.ts';
import type { MakeStep } from './made.ts';

export const makeApprove: MakeStep<'approve'> = (session, { approve }, path, view) => ({
  body: {
    kind: 'approve',
    question: session.expressions.text(approve.question ?? '', [...path, 'approve', 'question'], view),
    approve: approvalOf(approve),
  },
  // Ids of the persons who agreed.
  outputs: fields({ by: { list: 'string' } }),
});
