import { expect, test } from '@jest/globals';
import type { ActionSignature } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { bindInputs } from '../../../language/compile/inputs.ts';
import { libraryOf } from '../../../language/compile/library.ts';
import { condition, render } from '../../../language/run/expression.ts';
import type { ActionStep, Playbook, Scope, Step } from '../../../language/run/playbook.ts';

/** Secrets that may be left out: who may be given one, and what happens when it is not there. */
const secret: JsonObject = { type: 'string', 'x-secret': true };
const action = (name: string, properties: JsonObject, required: string[]): ActionSignature => ({
  name,
  effect: 'read',
  timing: { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 },
  holds: false,
  input: { type: 'object', properties, required, additionalProperties: false },
  outputs: { type: 'object', properties: {}, additionalProperties: false },
});
const auth: JsonObject = {
  type: 'object',
  properties: { token: secret, user: { type: 'string' } },
  required: ['token'],
  additionalProperties: false,
};
const catalogue = [
  action('test.may', { user: { type: 'string' }, token: secret, auth }, []),
  action('test.must', { token: secret }, ['token']),
  action('test.list', { tokens: { type: 'array', items: secret } }, []),
];
const child = (id: string, key: string): string => `id: ${id}
name: Child
version: 1
description: For tests.
inputs: { key: ${key} }
steps:
  - { id: look, uses: test.may, with: { token: '\${{ inputs.key }}' } }
`;
const library = libraryOf([
  { file: 'may.yaml', text: child('C-MAY', '{ type: secret, optional: true }') },
  { file: 'must.yaml', text: child('C-MUST', '{ type: secret }') },
]);
const read = (steps: string, input = '{ type: secret, optional: true }') =>
  compilePlaybook(
    {
      file: 'p.yaml',
      text: `id: T-1\nname: Test\nversion: 1\ndescription: For tests.\ninputs: { token: ${input}, go: { type: boolean, default: true } }\nsteps:\n${steps}`,
    },
    catalogue,
    library,
  );
function compiled(steps: string): Playbook {
  const result = read(steps);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.ok.playbook;
}
const problems = (steps: string, input?: string): string[] => {
  const result = read(steps, input);
  return 'problems' in result ? result.problems.map(({ code, field }) => `${code} ${field}`) : [];
};
const given = (inputs: JsonObject): Scope => ({ inputs, alert: {}, incident: {}, steps: {} });
const actionOf = (step: Step | undefined): ActionStep => {
  if (step?.kind !== 'action') throw new Error('the step is no action');
  return step;
};

const token = "'${{ inputs.token }}'";
const use = (name: string, rest = ''): string =>
  `{ id: u, uses: test.${name}, with: { token: ${token} }${rest} }`;

test('it is left out of an input that may be absent, with its key, and nothing else is', () => {
  const [step] = compiled(`  - { id: u, uses: test.may, with: { user: x, token: ${token} } }\n`).steps;
  const { with: inputs } = actionOf(step);
  expect(render(inputs, given({}))).toEqual({ user: 'x' });
  expect(render(inputs, given({ token: 'vault/a' }))).toEqual({ user: 'x', token: 'vault/a' });
});

test('a name that only the prototype has is not given', () => {
  const text = `id: T-1\nname: T\nversion: 1\ninputs: { toString: { type: secret, optional: true } }\nsteps:\n  - { id: u, uses: test.may, with: { token: '\${{ inputs.toString }}' } }\n`;
  const result = compilePlaybook({ file: 'p.yaml', text }, catalogue);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  expect(render(actionOf(result.ok.playbook.steps[0]).with, given({}))).toEqual({});
});

test('has() tells in a condition whether it was given', () => {
  const [step] = compiled(`  - ${use('must', ', if: has(inputs.token)')}\n`).steps;
  if (step?.if === undefined) throw new Error('no condition');
  expect(condition(step.if, given({}))).toBe(false);
  expect(condition(step.if, given({ token: 'vault/a' }))).toBe(true);
});

test('a run may leave it out, and may not give what names no secret', () => {
  const playbook = compiled(`  - ${use('may')}\n`);
  expect(bindInputs(playbook, {})).toEqual({ ok: { go: true } });
  expect(bindInputs(playbook, { token: 'vault/a' })).toEqual({ ok: { go: true, token: 'vault/a' } });
  for (const wrong of ['', null, 'a value with blanks'])
    expect(bindInputs(playbook, { token: wrong })).toMatchObject({ problems: [{ code: 'FB2063' }] });
});

test('a playbook without one compiles to what it did before', () => {
  const result = read(`  - ${use('must')}\n`, '{ type: secret, optional: false }');
  expect('ok' in result && result.ok.playbook.inputs['token']).toEqual({ type: 'secret' });
  expect('ok' in result && actionOf(result.ok.playbook.steps[0]).with).toEqual({
    map: { token: { cel: 'inputs.token' } },
  });
});

test.each<[name: string, steps: string, expected: string[]]>([
  ['a required input', `  - ${use('must')}\n`, ['FB2048 steps[0].with.token']],
  ['a required input, guarded', `  - ${use('must', ', if: has(inputs.token)')}\n`, []],
  ['guarded in braces', `  - ${use('must', ", if: '${{ has(inputs.token) }}'")}\n`, []],
  [
    'guarded by one of several',
    `  - ${use('must', ", if: 'inputs.go && (has(inputs.token) && true)'")}\n`,
    [],
  ],
  [
    'guarded by one of two that need not both hold',
    `  - ${use('must', ", if: 'inputs.go || has(inputs.token)'")}\n`,
    ['FB2048 steps[0].with.token'],
  ],
  [
    'guarded the other way',
    `  - ${use('must', ", if: '!has(inputs.token)'")}\n`,
    ['FB2048 steps[0].with.token'],
  ],
  [
    'guarded twice the other way',
    `  - ${use('must', ", if: '!!has(inputs.token)'")}\n`,
    ['FB2048 steps[0].with.token'],
  ],
  [
    'guarded by has() of another',
    `  - ${use('must', ', if: has(inputs.go)')}\n`,
    ['FB2048 steps[0].with.token'],
  ],
  [
    'guarded by the step before',
    `  - { id: a, wait: 1s, if: has(inputs.token) }\n  - ${use('must')}\n`,
    ['FB2048 steps[1].with.token'],
  ],
  [
    'guarded by the loop around it',
    `  - { id: a, if: has(inputs.token), foreach: [x], max-items: 1, steps: [${use('must')}] }\n`,
    [],
  ],
  [
    'guarded by the step whose failure it follows',
    `  - { id: a, if: has(inputs.token), fail: x, on-failure: [${use('must')}] }\n`,
    [],
  ],
  [
    'a place in a list',
    `  - { id: u, uses: test.list, with: { tokens: [${token}] } }\n`,
    ['FB2048 steps[0].with.tokens[0]'],
  ],
  [
    'a required field of an optional input',
    `  - { id: u, uses: test.may, with: { auth: { token: ${token} } } }\n`,
    ['FB2048 steps[0].with.auth.token'],
  ],
  [
    'a set',
    `  - { id: s, set: { t: ${token} } }\n  - { id: u, uses: test.may, with: { token: '\${{ steps.s.outputs.t }}' } }\n`,
    ['FB2048 steps[0].set.t'],
  ],
  [
    'a set, guarded',
    `  - { id: s, if: has(inputs.token), set: { t: ${token} } }\n  - { id: u, uses: test.may, with: { token: '\${{ steps.s.outputs.t }}' } }\n`,
    [],
  ],
  [
    'a set, with all inputs',
    "  - { id: s, set: { t: '${{ inputs }}' } }\n  - { id: u, uses: test.may, with: { token: '${{ steps.s.outputs.t.token }}' } }\n",
    ['FB2048 steps[0].set.t'],
  ],
  ['a child that may do without', `  - { id: u, playbook: C-MAY, with: { key: ${token} } }\n`, []],
  [
    'a child that needs one',
    `  - { id: u, playbook: C-MUST, with: { key: ${token} } }\n`,
    ['FB2048 steps[0].with.key'],
  ],
  [
    'a reading',
    `  - { id: w, wait: { until: 'true', uses: test.must, with: { token: ${token} }, every: 1s, within: 2s } }\n`,
    ['FB2048 steps[0].wait.with.token'],
  ],
])('it goes into %s', (_, steps, expected) => {
  expect(problems(steps)).toEqual(expected);
});

test('written by its index it is the same', () => {
  const index = '\'${{ inputs["token"] }}\'';
  expect(problems(`  - { id: u, uses: test.must, with: { token: ${index} } }\n`)).toEqual([
    'FB2048 steps[0].with.token',
  ]);
  const [step] = compiled(`  - { id: u, uses: test.may, with: { token: ${index} } }\n`).steps;
  expect(render(actionOf(step).with, given({}))).toEqual({});
});

test('a child that is given none has none', () => {
  const playbook = compiled(`  - { id: u, playbook: C-MAY, with: { key: ${token} } }\n`);
  const [step] = playbook.steps;
  if (step?.kind !== 'playbook') throw new Error('the step is no playbook');
  expect(render(step.with, given({}))).toEqual({});
  const inner = playbook.children?.['C-MAY'];
  if (inner === undefined) throw new Error('no child');
  expect(bindInputs(inner, {})).toEqual({ ok: {} });
  expect(render(actionOf(inner.steps[0]).with, given({}))).toEqual({});
});

const asks = (text: string): string[] =>
  problems(`  - { id: a, wait: 1s, if: "${text}" }\n  - ${use('may')}\n`);
test('has() tells of a secret, and nothing else does', () => {
  expect(asks('has(inputs.token)')).toEqual([]);
  expect(asks("'token' in inputs")).toEqual(['FB2046 steps[0].if']);
  expect(asks("has(inputs.token) && inputs.token != ''")).toEqual(['FB2046 steps[0].if']);
  expect(asks('has(inputs.token.length)')).toEqual(['FB2046 steps[0].if']);
  expect(asks('has(inputs.tokn)')).toEqual(['FB2042 steps[0].if']);
});

test('what there is nobody to take is told of once', () => {
  expect(problems(`  - ${use('mst')}\n`)).toEqual(['FB2023 steps[0].uses']);
  expect(problems(`  - { id: u, playbook: C-MUSST, with: { key: ${token} } }\n`)).toEqual([
    'FB2024 steps[0].playbook',
  ]);
});

test('only a secret is optional: all else has a default', () => {
  expect(problems('  - { id: a, wait: 1s }\n', '{ type: string, optional: true }')).toEqual([
    'FB2064 inputs.token.optional',
  ]);
  expect(problems(`  - ${use('may')}\n`, '{ type: secret, optional: yes please }')).toEqual([
    'FB2010 inputs.token.optional',
  ]);
});
