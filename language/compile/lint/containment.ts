import type { Step } from '../../run/playbook.ts';
import { allAncestors, contains, inside, warning, type Rule } from './rule.ts';

/** An attacker uses the time that people take: what contains first waits for nobody but its own approval. */
export const containFirst: Rule = (linted) => {
  const { children, placeOf, steps } = linted;
  const anyIn = (step: Step, is: (inner: Step) => boolean): boolean =>
    [...inside(step, children)].some((inner) => is(inner));
  const told = new Set<Step>();
  return steps.flatMap((stood) => {
    if (!contains(stood.step, linted) || stood.top !== 'steps') return [];
    const earlier = allAncestors(stood);
    if (earlier.some((step) => anyIn(step, (inner) => contains(inner, linted)))) return [];
    const slow = earlier.filter((step) => !told.has(step) && anyIn(step, waits));
    for (const step of slow) told.add(step);
    return slow.map((step) =>
      warning(
        'FB2095',
        placeOf(step.id),
        `the step "${step.id}" takes time before "${stood.step.id}" contains anything`,
        `contain first: move "${stood.step.id}" before it, or give "${stood.step.id}" needs: []`,
      ),
    );
  });
};

function waits({ kind }: Step): boolean {
  return kind === 'wait' || kind === 'ask' || kind === 'approve';
}

/** A containment that only a failure leads to comes late, and after the undo. */
export const containmentOnFailure: Rule = (linted) =>
  linted.steps
    .filter(
      ({ step, top, around }) =>
        contains(step, linted) &&
        (top === 'on-failure' || around.some(({ block }) => block === 'on-failure')),
    )
    .map(({ step }) =>
      warning(
        'FB2096',
        linted.placeOf(step.id, 'uses'),
        `the step "${step.id}" contains only once something else has failed`,
        'contain in steps, before whatever may fail',
      ),
    );

/** What follows a containment that was let fail believes that the attacker is held. */
export const containmentMayFail: Rule = (linted) =>
  linted.steps
    .filter(({ step }) => step.continueOnError === true)
    .filter(({ step }) => [...inside(step, linted.children)].some((inner) => contains(inner, linted)))
    .map(({ step }) =>
      warning(
        'FB2097',
        linted.placeOf(step.id, 'continue-on-error'),
        `the step "${step.id}" contains, and its failure would go on unnoticed`,
        'remove continue-on-error, or put what may fail in a step of its own',
      ),
    );
