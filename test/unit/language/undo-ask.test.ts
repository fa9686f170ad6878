import { expect, test } from '@jest/globals';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { languageCatalogue } from '../../support/language-catalogue.ts';

const phases = `phases:
  recovery: { title: Recover, approve: { from: [responders], within: 5m } }
`;
const read = (steps: string): ReturnType<typeof compilePlaybook> => {
  const text = `id: T-1\nname: Test\nversion: 1\n${steps.includes('phase:') ? phases : ''}steps:\n${steps}`;
  return compilePlaybook({ file: 'p.yaml', text }, languageCatalogue);
};
const undos = (steps: string): (string | undefined)[] => {
  const result = read(steps);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.ok.playbook.steps.map((step) => (step.kind === 'action' ? step.undo : undefined));
};
const codes = (steps: string): string[] => {
  const result = read(steps);
  return 'problems' in result ? result.problems.map(({ code }) => code) : [];
};
const step = (id: string, uses: string, rest = ''): string =>
  `  - { id: ${id}, uses: ${uses}, with: { name: x }, phase: recovery${rest} }\n`;

test('an action whose undo brings back what it was made against asks, unless the playbook lets it stay', () => {
  expect(undos(step('a', 'test.restore'))).toEqual(['ask']);
  expect(undos(step('a', 'test.restore', ', undo: never'))).toEqual(['never']);
  expect(undos(step('a', 'test.scale'))).toEqual(['on-failure']);
  expect(undos(step('a', 'test.scale', ', undo: ask'))).toEqual(['ask']);
});

test('a phase may hold it beside steps that a failure undoes: its undo is no part of that question', () => {
  expect(undos(step('a', 'test.scale') + step('b', 'test.restore'))).toEqual(['on-failure', 'ask']);
  expect(codes(step('a', 'test.scale') + step('b', 'test.scale', ', undo: ask'))).toEqual(['FB2076']);
});

const asked = (uses: string, input: string): string[] =>
  codes(`  - { id: a, uses: ${uses}, with: ${input}, undo: ask }\n`);

test('what cannot be undone, or must not be, asks nobody', () => {
  expect(asked('kubernetes.quarantine-namespace', '{ cluster: a, namespace: b }')).toEqual(['FB2050']);
  expect(asked('kubernetes.collect-evidence', '{ cluster: a, namespace: b }')).toEqual(['FB2051']);
});
