import type { Step } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { allAncestors, signatureOf, warning, type Rule } from './rule.ts';

/** What cannot end badly, or whose bad end fails nothing, leads to no undo. */
function mayFail(step: Step): boolean {
  if (step.continueOnError === true || step.kind === 'set' || step.kind === 'end') return false;
  return step.kind !== 'wait' || step.until !== undefined;
}

/** Changes that stay when something after them fails. A containment stays on purpose. */
export const missingUndo: Rule = (linted) => {
  const followed = new Set(
    linted.steps
      .filter(({ step, top }) => top === 'steps' && mayFail(step))
      .flatMap((stood) => allAncestors(stood)),
  );
  return linted.steps.flatMap(({ step }): Finding[] => {
    const effect = signatureOf(step, linted)?.effect;
    if (step.kind !== 'action' || step.undo !== 'never' || !followed.has(step)) return [];
    if (effect === 'reversible')
      return [
        warning(
          'FB2193',
          linted.placeOf(step.id, 'undo'),
          `the step "${step.id}" could be undone, and stays as it is when a later step fails`,
          'remove undo: never, or put the step last',
        ),
      ];
    // A revocation is followed by others as a rule: whoever writes it down has thought of it.
    if (effect === 'irreversible' && !linted.keptOnPurpose.has(step.id))
      return [
        warning(
          'FB2194',
          linted.placeOf(step.id, 'uses'),
          `there is no undo of "${step.id}": it stays as it is when a later step fails`,
          'put it last, after whatever may fail, or say undo: never',
        ),
      ];
    return [];
  });
};
