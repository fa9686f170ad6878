import type { StepKind } from '../../run/playbook.ts';
import type { Finding, Path } from '../problem.ts';
import type { SourceFile } from '../shape.ts';
import type { SourceStep } from './step.ts';
import { walkSource } from './walk.ts';

/** The keys of each kind of step: the one that tells it, those it must have, and those it may have. */
const kinds: { [kind in StepKind]: { key: keyof SourceStep; needs: string[]; takes: string[] } } = {
  action: { key: 'uses', needs: [], takes: ['with', 'approve', 'phase', 'hold', 'undo'] },
  playbook: { key: 'playbook', needs: [], takes: ['with'] },
  parallel: { key: 'parallel', needs: [], takes: ['outputs'] },
  foreach: { key: 'foreach', needs: ['max-items', 'steps'], takes: ['max-parallel', 'outputs'] },
  switch: { key: 'switch', needs: ['cases'], takes: ['default', 'outputs'] },
  while: { key: 'while', needs: ['max-rounds', 'steps'], takes: ['delay', 'outputs'] },
  wait: { key: 'wait', needs: [], takes: [] },
  ask: { key: 'ask', needs: [], takes: [] },
  set: { key: 'set', needs: [], takes: [] },
  fail: { key: 'fail', needs: [], takes: [] },
  end: { key: 'end', needs: [], takes: [] },
  approve: { key: 'approve', needs: [], takes: [] },
};
const order: readonly StepKind[] = [
  'action',
  'playbook',
  'parallel',
  'foreach',
  'switch',
  'while',
  'wait',
  'ask',
  'set',
  'fail',
  'end',
  'approve',
];
const common = ['id', 'if', 'needs', 'timeout', 'retry', 'continue-on-error', 'on-failure'];

/** The keys of which a step has one. */
export const kindKeys: readonly string[] = Object.values(kinds).map(({ key }) => key);

/** What must stand beside each. */
export const requiredKeys: { [key: string]: string[] } = Object.fromEntries(
  Object.values(kinds)
    .filter(({ needs }) => needs.length > 0)
    .map(({ key, needs }) => [key, needs]),
);

/** What a step does. `approve` tells a kind only where no other key does. */
export function kindOf(step: SourceStep): StepKind {
  return kindsOf(step)[0] ?? 'approve';
}

function kindsOf(step: SourceStep): StepKind[] {
  const said = order.filter((kind) => step[kinds[kind].key] !== undefined);
  return said.length > 1 ? said.filter((kind) => kind !== 'approve') : said;
}

/** Steps that say several things, nothing, or what their kind does not take. */
export function kindFindings(file: SourceFile): Finding[] {
  return [...walkSource(file)].flatMap(({ step, path }) => findingsOf(step, path));
}

function findingsOf(step: SourceStep, path: Path): Finding[] {
  const [kind, second] = kindsOf(step);
  if (kind === undefined)
    return [
      {
        code: 'FB2013',
        path,
        message: `the step "${step.id}" does not say what it does`,
        fix: `add one of: ${kindKeys.join(', ')}`,
      },
    ];
  const { key, needs, takes } = kinds[kind];
  if (second !== undefined)
    return [
      {
        code: 'FB2013',
        path: [...path, kinds[second].key],
        atKey: true,
        message: `the step "${step.id}" says both ${key} and ${kinds[second].key}`,
        fix: 'make two steps of it',
      },
    ];
  const findings: Finding[] = [];
  const known = [...common, key, ...needs, ...takes];
  for (const [given, value] of Object.entries(step))
    if (value !== undefined && !known.includes(given))
      findings.push({
        code: 'FB2014',
        path: [...path, given],
        atKey: true,
        message: `a step with ${key} takes no ${given}`,
        fix: `remove it; beside ${key} there may be ${[...needs, ...takes, ...common].join(', ')}`,
      });
  for (const missing of needs)
    if (!Object.hasOwn(step, missing))
      findings.push({
        code: 'FB2011',
        path: [...path, missing],
        message: `a step with ${key} needs ${missing}`,
        fix: `add ${missing}: to the step "${step.id}"`,
      });
  return [...findings, ...questionFindings(step, kind, path)];
}

/** An approval asks a question of its own only where it is the step. */
function questionFindings(step: SourceStep, kind: StepKind, path: Path): Finding[] {
  const asked = step.approve?.question;
  if (kind === 'approve' && asked === undefined)
    return [
      {
        code: 'FB2011',
        path: [...path, 'approve', 'question'],
        message: 'an approval that is a step of its own needs a question',
        fix: 'add question: what the people are asked',
      },
    ];
  if (kind === 'action' && asked !== undefined)
    return [
      {
        code: 'FB2014',
        path: [...path, 'approve', 'question'],
        atKey: true,
        message: 'the approval of an action asks about that action, and takes no question',
        fix: 'remove it, or ask in a step of its own before this one',
      },
    ];
  return [];
}
