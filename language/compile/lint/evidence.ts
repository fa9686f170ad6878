import { canonical, isObject, type Json } from '../../../domain/json.ts';
import { blocksOf, type Step } from '../../run/playbook.ts';
import type { Finding } from '../problem.ts';
import { allAncestors, ancestors, signatureOf, type Linted, type Rule, type Stood } from './rule.ts';

/**
 * A step that destroys pods takes with it what ran in them: the evidence of it must have been collected by then, on every way that
 * leads to the step. A playbook carries its own evidence, whatever runs it: it may be opened by itself.
 */
export const evidenceFirst: Rule = (linted) =>
  linted.steps
    .filter(({ step }) => signatureOf(step, linted)?.evidence === 'destroys')
    .filter((stood) => !hasEvidence(stood, linted))
    .map(({ step }): Finding => ({
      code: 'FB2080',
      path: linted.placeOf(step.id, 'uses'),
      message: `the step "${step.id}" destroys pods before their evidence is sure to be collected`,
      fix: 'collect the evidence in a step before it, of the same target, that is neither skipped nor allowed to fail',
    }));

/** What is looked for, and what is known of children already: one may be run in many places. */
interface Search {
  target: Step;
  linted: Linted;
  children: Map<string, boolean>;
}

function hasEvidence(stood: Stood, linted: Linted): boolean {
  const conditions = new Set(
    [...stood.around.map(({ step }) => step), stood.step].flatMap(({ if: when }) => when?.cel ?? []),
  );
  const search: Search = { target: stood.step, linted, children: new Map() };
  return allAncestors(stood).some((earlier) => collects(earlier, conditions, search));
}

/** Whether a step, once it has ended well, has collected evidence of the target. `conditions`: those that hold there. */
function collects(step: Step, conditions: ReadonlySet<string>, search: Search): boolean {
  if (step.continueOnError === true) return false;
  if (step.if !== undefined && !conditions.has(step.if.cel)) return false;
  const among = (steps: readonly Step[]): boolean =>
    steps.some((inner) => collects(inner, conditions, search));
  switch (step.kind) {
    case 'action':
      return signatureOf(step, search.linted)?.evidence === 'collects' && !elsewhere(step, search.target);
    case 'parallel':
      return step.branches.some(({ steps }) => among(steps));
    case 'switch':
      return [...step.cases.map(({ steps }) => steps), step.default].every(among);
    case 'playbook':
      return inChild(step.playbook, search);
    case 'foreach':
      // Of a list that is only known later, nothing may be in it.
      return isFilled(step) && among(step.steps);
    default:
      return false;
  }
}

/** In a child, an `end` may come first: only what every `end` of it waits for is sure. A child's conditions see other names. */
function inChild(id: string, search: Search): boolean {
  const known = search.children.get(id);
  if (known !== undefined) return known;
  const steps = search.linted.children[id]?.steps ?? [];
  const ends = steps.filter((step) => canEnd(step));
  const collected = steps.some(
    (step) => collects(step, new Set(), search) && ends.every((end) => ancestors(end, steps).includes(step)),
  );
  search.children.set(id, collected);
  return collected;
}

function canEnd(step: Step): boolean {
  if (step.kind === 'end') return true;
  return blocksOf(step).some(({ steps }) => steps.some((inner) => canEnd(inner)));
}

function isFilled(step: Step): boolean {
  if (step.kind !== 'foreach') return false;
  if ('list' in step.items) return step.items.list.length > 0;
  return 'literal' in step.items && Array.isArray(step.items.literal) && step.items.literal.length > 0;
}

/** Whether two steps name, in plain text, different clusters or namespaces. */
function elsewhere(step: Step, target: Step): boolean {
  const [one, other] = [plainValues(step), plainValues(target)];
  return ['cluster', 'namespace'].some((key) => {
    const [a, b] = [one[key], other[key]];
    return a !== undefined && b !== undefined && canonical(a) !== canonical(b);
  });
}

function plainValues(step: Step): { [key: string]: Json | undefined } {
  if (step.kind !== 'action') return {};
  if ('map' in step.with)
    return Object.fromEntries(
      Object.entries(step.with.map).map(([key, value]) => [
        key,
        'literal' in value ? value.literal : undefined,
      ]),
    );
  const literal = 'literal' in step.with ? step.with.literal : null;
  return isObject(literal) ? literal : {};
}
