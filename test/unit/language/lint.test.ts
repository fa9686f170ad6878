import { expect, test } from '@jest/globals';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { languageCatalogue } from '../../support/language-catalogue.ts';

const head = `id: T-1
name: Test
version: 1
description: Of a test.
inputs:
  env: { type: string, one-of: [prod, test], default: prod }
  hosts: { type: list, default: [] }
steps:
`;
/** Used, so that nothing is said of the inputs. */
const tail = `  - id: last
    if: inputs.env == 'prod' && size(inputs.hosts) > 0
    needs: []
    wait: 1s
`;
const contain = (id: string, rest = ''): string => `  - id: ${id}
    uses: kubernetes.quarantine-namespace
    with: { cluster: a, namespace: b }
    approve: { from: [leads], within: 5m }
${rest}`;
const scale = (id: string, name: string, rest = ''): string => `  - id: ${id}
    uses: test.scale
    with: { name: ${name} }
    approve: { from: [leads], within: 5m }
${rest}`;
const nested = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by));

/** The warnings of a playbook: code and line, the first line of \`steps\` being 1. */
function warned(steps: string, more = ''): string[] {
  const result = compilePlaybook({ file: 'p.yaml', text: head + steps + tail + more }, languageCatalogue);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.warnings.map(({ code, line }) => `${code} ${line - head.split('\n').length + 1}`);
}

const wait = (id: string, rest = ''): string => `  - id: ${id}\n    wait: 1s\n${rest}`;
const rows: [name: string, steps: string, expected: string[], more?: string][] = [
  ['nothing to say', contain('c') + scale('s', 'x') + wait('w'), []],
  ['a step after an end', `  - { id: e, end: no }\n${wait('w')}${wait('v')}`, ['FB2093 2']],
  [
    'a step after an end with a condition',
    `  - { id: e, if: inputs.env == 'prod', end: no }\n${wait('w')}`,
    [],
  ],
  ['a step after a failure', `  - { id: f, fail: no }\n${wait('w')}`, ['FB2093 2']],
  ['a step after a failure let pass', `  - { id: f, fail: no, continue-on-error: true }\n${wait('w')}`, []],
  ['a step beside an end', `  - { id: e, end: no }\n${wait('w', '    needs: []\n')}`, []],
  [
    'a step after branches of which one ends',
    `  - id: p\n    parallel:\n      l: [{ id: e, end: no }]\n      r: [{ id: v, wait: 1s }]\n${wait('w')}`,
    ['FB2093 5'],
  ],
  [
    'a step after a switch that always fails',
    `  - id: p\n    switch: inputs.env\n    cases: { prod: [{ id: e, fail: no }] }\n    default: [{ id: f, fail: no }]\n${wait('w')}`,
    ['FB2093 5'],
  ],
  [
    'a step after a switch that may pass',
    `  - id: p\n    switch: inputs.env\n    cases: { prod: [{ id: e, fail: no }] }\n${wait('w')}`,
    [],
  ],
  ['a condition that is never true', wait('w', "    if: '1 > 2'\n"), ['FB2093 3']],
  ['a condition that is always true', wait('w', "    if: '2 > 1'\n"), ['FB2094 3']],
  [
    'a text that chooses always the same',
    `  - id: p\n    switch: "'x'"\n    cases:\n      x: [{ id: e, wait: 1s }]\n      y: [{ id: f, wait: 1s }]\n    default: [{ id: g, wait: 1s }]\n`,
    ['FB2093 5', 'FB2093 6'],
  ],
  [
    'a case that its input cannot be',
    `  - id: p\n    switch: '\${{ inputs.env }}'\n    cases:\n      prd: [{ id: e, wait: 1s }]\n`,
    ['FB2093 4'],
  ],
  ['a wait before the containment', wait('w') + contain('c'), ['FB2095 1']],
  ['a wait after the containment', contain('c') + wait('w'), []],
  ['a wait between two containments', contain('c') + wait('w') + contain('d'), []],
  ['a wait beside the containment', wait('w') + contain('c', '    needs: []\n'), []],
  ['a containment after a failure', wait('w', `    on-failure:\n${nested(contain('c'), 4)}`), ['FB2096 5']],
  ['a containment when all has failed', wait('w'), ['FB2096 9'], `on-failure:\n${contain('c')}`],
  ['a containment that may fail', contain('c', '    continue-on-error: true\n'), ['FB2097 5']],
  [
    'a change in each round',
    `  - id: r\n    while: round < 2.0\n    max-rounds: 2\n    steps:\n${nested(scale('s', 'x'), 4)}`,
    ['FB2098 5'],
  ],
  [
    'a loop over what an attacker writes',
    `  - id: r\n    foreach: '\${{ alert.fields.hosts }}'\n    max-items: 5\n    steps:\n      - { id: s, uses: test.scale, with: { name: '\${{ item }}' } }\n`,
    ['FB2099 2', 'FB2090 5'],
  ],
  [
    'a loop over what an attacker writes, asked about',
    `  - id: r\n    foreach: '\${{ alert.fields.hosts }}'\n    max-items: 51\n    steps:\n${nested(scale('s', "'${{ item }}'"), 4)}`,
    ['FB2190 3'],
  ],
  [
    'the same change for each',
    `  - id: r\n    foreach: '\${{ inputs.hosts }}'\n    max-items: 5\n    steps:\n${nested(scale('s', 'x'), 4)}`,
    ['FB2191 5'],
  ],
  [
    'two branches on one target',
    `  - id: p\n    parallel:\n      l:\n${nested(scale('s', 'x'), 6)}      r:\n${nested(scale('t', 'x'), 6)}`,
    ['FB2192 9'],
  ],
  [
    'two branches on two targets',
    `  - id: p\n    parallel:\n      l:\n${nested(scale('s', 'x'), 6)}      r:\n${nested(scale('t', 'y'), 6)}`,
    [],
  ],
  [
    'two steps on one target, side by side',
    scale('s', 'x') + scale('t', 'x', '    needs: []\n'),
    ['FB2192 5'],
  ],
  ['two steps on one target, in turn', scale('s', 'x') + scale('t', 'x'), []],
  [
    'a change kept on purpose',
    `${scale('s', 'x', '    undo: never\n')}  - { id: f, fail: no }\n`,
    ['FB2193 5'],
  ],
  ['a change kept before a pause', scale('s', 'x', '    undo: never\n') + wait('w'), []],
  [
    'a change kept before what fails nothing',
    scale('s', 'x', '    undo: never\n') + scale('t', 'y', '    continue-on-error: true\n'),
    [],
  ],
  ['a change kept at the end', scale('s', 'x', '    undo: never\n'), []],
  [
    'what has no undo before others',
    `  - id: d\n    uses: test.delete\n    with: { name: x }\n    approve: { from: [leads], within: 5m }\n  - { id: f, fail: no }\n`,
    ['FB2194 2'],
  ],
  [
    'what has no undo before others, and says so',
    `  - id: d\n    uses: test.delete\n    with: { name: x }\n    approve: { from: [leads], within: 5m }\n    undo: never\n  - { id: f, fail: no }\n`,
    [],
  ],
  ['a value that nothing reads', `  - { id: s, set: { x: 1 } }\n`, ['FB2195 1']],
  [
    'a value that its playbook puts out',
    `  - { id: s, set: { x: 1 } }\n`,
    [],
    "outputs: { x: '${{ steps.s.outputs.x }}' }\n",
  ],
  [
    'values read all at once',
    `  - { id: s, set: { x: 1 } }\n  - { id: w, wait: 1s, if: size(dyn(steps.s.outputs)) > 0 }\n`,
    [],
  ],
];

test.each(rows.map(([name, steps, expected, more = '']) => [name, steps, expected, more] as const))(
  '%s',
  (_name, steps, expected, more) => {
    expect(warned(steps, more)).toEqual(expected);
  },
);

test('steps whose order is free are judged in no time, however many and however deep', () => {
  const many = Array.from({ length: 120 }, (_, i) =>
    scale(`s${i}`, `x${i}`, '    needs: []\n').replace('uses', "if: inputs.env == 'prod'\n    uses"),
  ).join('');
  const deep = Array.from({ length: 6 }).reduce<string>(
    (inner, _, i) =>
      `${wait(`w${i}`)}  - id: p${i}\n    parallel:\n      l:\n${nested(inner, 6)}      r: [{ id: r${i}, wait: 1s }]\n`,
    wait('w'),
  );
  const before = performance.now();
  expect(warned(many + deep)).toEqual([]);
  expect(performance.now() - before).toBeLessThan(3000);
});
