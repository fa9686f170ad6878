import type { Step } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { constant } from './expressions.ts';
import { warning, type Linted, type Rule } from './rule.ts';

type Wall = 'end' | 'fail' | undefined;

/** Steps that nothing ever begins: after an end or a failure that cannot be passed, or behind a condition that is always false. */
export const unreachable: Rule = (linted) => {
  const walls = new Walls();
  return linted.steps.flatMap(({ step, siblings }) => {
    // Only the first after the wall: whatever waits for it follows from it.
    const wall = siblings.find((other) => step.needs.includes(other.id) && walls.of(other) !== undefined);
    const findings: Finding[] = [];
    if (wall !== undefined)
      findings.push(
        warning(
          'FB2093',
          linted.placeOf(step.id),
          `the step "${step.id}" is never reached: "${wall.id}" before it always ${walls.of(wall) === 'end' ? 'ends the playbook' : 'fails'}`,
          `remove it, or give "${wall.id}" a condition`,
        ),
      );
    return [...findings, ...conditionFindings(step, linted), ...switchFindings(step, linted)];
  });
};

/** How steps keep all after them from running, whatever happens. Remembered: outer steps ask about inner ones again and again. */
class Walls {
  readonly #known = new Map<Step, Wall>();

  of(step: Step): Wall {
    if (this.#known.has(step)) return this.#known.get(step);
    const wall = step.if !== undefined && constant(step.if)?.value !== true ? undefined : this.#inside(step);
    const stands = wall === 'fail' && step.continueOnError === true ? undefined : wall;
    this.#known.set(step, stands);
    return stands;
  }

  #inside(step: Step): Wall {
    if (step.kind === 'end' || step.kind === 'fail') return step.kind;
    if (step.kind === 'parallel') {
      const ways = step.branches.map(({ steps }) => this.#first(steps));
      return ways.includes('end') ? 'end' : ways.find((way) => way !== undefined);
    }
    if (step.kind !== 'switch') return undefined;
    const ways = [...step.cases.map(({ steps }) => steps), step.default].map((steps) => this.#first(steps));
    if (ways.includes(undefined)) return undefined;
    return ways.every((way) => way === 'end') ? 'end' : 'fail';
  }

  #first(steps: readonly Step[]): Wall {
    return steps.map((step) => this.of(step)).find((wall) => wall !== undefined);
  }
}

function conditionFindings(step: Step, { placeOf }: Linted): Finding[] {
  const findings: Finding[] = [];
  const judged = step.if === undefined ? undefined : constant(step.if)?.value;
  if (judged === false)
    findings.push(
      warning(
        'FB2093',
        placeOf(step.id, 'if'),
        `the step "${step.id}" is never reached: its condition is always false`,
        'remove the step, or ask about an input, the alert or an earlier step',
      ),
    );
  if (judged === true)
    findings.push(
      warning('FB2094', placeOf(step.id, 'if'), `the condition of "${step.id}" is always true`, 'remove if'),
    );
  if (step.kind !== 'while') return findings;
  const again = constant(step.condition)?.value;
  if (again === false)
    findings.push(
      warning(
        'FB2093',
        placeOf(step.id, 'while'),
        `the steps of "${step.id}" are never reached: its condition is always false`,
        'ask about `last`, `round` or an earlier step',
      ),
    );
  if (again === true)
    findings.push(
      warning(
        'FB2094',
        placeOf(step.id, 'while'),
        `the condition of "${step.id}" is always true: it fails after ${step.maxRounds} rounds in any case`,
        'ask about `last`, `round` or an earlier step',
      ),
    );
  return findings;
}

/** A text that is always the same chooses the same case; one that may only be some texts never chooses others. */
function switchFindings(step: Step, { playbook, placeOf }: Linted): Finding[] {
  if (step.kind !== 'switch') return [];
  const chosen = constant(step.on)?.value;
  const input = /^inputs\.(\w+)$/.exec(step.on.cel)?.[1];
  const oneOf = input === undefined ? undefined : playbook.inputs[input]?.oneOf;
  const possible = typeof chosen === 'string' ? [chosen] : oneOf;
  if (possible === undefined) return [];
  const never = step.cases.filter(({ value, steps }) => steps.length > 0 && !possible.includes(value));
  const findings = never.map(({ value }) =>
    warning(
      'FB2093',
      [...placeOf(step.id, 'cases'), value],
      `the case ${JSON.stringify(value)} of "${step.id}" is never reached: what it switches on is never that`,
      `remove it; there may be ${possible.join(', ')}`,
    ),
  );
  const covered = possible.every((value) => step.cases.some((given) => given.value === value));
  if (covered && step.default.length > 0)
    findings.push(
      warning(
        'FB2093',
        placeOf(step.id, 'default'),
        `the default of "${step.id}" is never reached: its cases cover all there may be`,
        'remove it',
      ),
    );
  return findings;
}
