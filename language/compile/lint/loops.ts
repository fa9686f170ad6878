import { expressionsIn, expressionsOf, names } from './expressions.ts';
import { changes, inside, warning, type Rule } from './rule.ts';

/** More changes in one loop than this are more than a person can look through. */
const manyItems = 50;

/** A change that is made again in each round: the second meets what the first did. */
export const changeInWhile: Rule = (linted) =>
  linted.steps
    .filter(({ step }) => step.kind === 'while')
    .flatMap(({ step }) =>
      [...inside(step, {})]
        .filter((inner) => changes(inner, linted))
        .map((inner) =>
          warning(
            'FB2098',
            linted.placeOf(inner.id),
            `the step "${inner.id}" changes something in every round of "${step.id}"`,
            'change once, before or after it, and only read in the rounds (or use wait: until)',
          ),
        ),
    );

/** Loops over a list that an attacker may write, and loops with more changes than people can judge. */
export const changeInForeach: Rule = (linted) =>
  linted.steps.flatMap(({ step }) => {
    if (step.kind !== 'foreach') return [];
    const changing = [...inside(step, linted.children)].filter((inner) => changes(inner, linted));
    if (changing.length === 0) return [];
    const findings = [];
    const untold = changing.filter((inner) => inner.kind === 'action' && inner.approve === undefined);
    const fromAlert = [...expressionsIn(step.items)].some((expression) => names(expression).has('alert'));
    if (fromAlert && untold.length > 0)
      findings.push(
        warning(
          'FB2099',
          linted.placeOf(step.id, 'foreach'),
          `whoever causes the alert chooses what the step "${step.id}" changes`,
          `take the list from an input or from an action's outputs, or add approve to ${untold.map(({ id }) => `"${id}"`).join(', ')}`,
        ),
      );
    if (step.maxItems > manyItems)
      findings.push(
        warning(
          'FB2190',
          linted.placeOf(step.id, 'max-items'),
          `the step "${step.id}" may make up to ${step.maxItems} changes`,
          `lower max-items to ${manyItems} or less, or change all at once with one action`,
        ),
      );
    return findings;
  });

/** A loop whose change does not depend on the item makes the same change again and again. */
export const sameForEach: Rule = (linted) =>
  linted.steps.flatMap(({ step }) => {
    if (step.kind !== 'foreach') return [];
    return step.steps
      .filter((inner) => changes(inner, linted))
      .filter((inner) =>
        [...expressionsOf(inner)].every((expression) => {
          const asked = names(expression);
          return !['item', 'index', 'steps'].some((name) => asked.has(name));
        }),
      )
      .map((inner) =>
        warning(
          'FB2191',
          linted.placeOf(inner.id),
          `the step "${inner.id}" makes the same change for each item of "${step.id}"`,
          'use item in its with, or move it out of the loop',
        ),
      );
  });
