import { expect, test } from '@jest/globals';
import type { ActionSignature } from '../../../domain/action.ts';
import type { Json, JsonObject } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { condition, render } from '../../../language/run/expression.ts';
import type { Scope } from '../../../language/run/playbook.ts';

/** Whole numbers are ints where CEL needs ints, and doubles everywhere else; what was frozen before keeps its text. */
const measured: ActionSignature = {
  name: 'test.measure',
  effect: 'read',
  timing: { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 },
  holds: false,
  input: { type: 'object', properties: {}, additionalProperties: false },
  outputs: {
    type: 'object',
    properties: {
      count: { type: 'integer' },
      load: { type: 'number' },
      ports: { type: 'array', items: { type: 'integer' } },
      names: { type: 'array', items: { type: 'string' } },
      name: { type: 'string' },
      any: {},
    },
    additionalProperties: false,
  },
};
const outputs: JsonObject = {
  count: 3,
  load: 1.5,
  ports: [80, 443],
  names: ['a', 'b', 'c', 'd'],
  name: 'abcdef',
  any: 4,
};
const scope: Scope = {
  inputs: { n: 1, x: 0.5 },
  alert: {},
  incident: {},
  steps: { m: { status: 'done', verdict: 'evaluated', outputs } },
};
const read = (cel: string) =>
  compilePlaybook(
    {
      file: 'p.yaml',
      text: `id: T-1
name: T
version: 1
inputs: { n: { type: integer }, x: { type: number } }
steps:
  - { id: m, uses: test.measure }
  - id: z
    set: { v: "\${{ ${cel} }}" }
`,
    },
    [measured],
  );
/** What is frozen, and what it comes to; or the problem. */
function made(cel: string): { cel: string; value: Json } | string {
  const result = read(cel);
  if ('problems' in result)
    return result.problems.map(({ code, message }) => `${code}: ${message}`).join('; ');
  const step = result.ok.playbook.steps[1];
  const template = step?.kind === 'set' ? step.values['v'] : undefined;
  if (template === undefined || !('cel' in template)) throw new Error('no expression');
  return { cel: template.cel, value: render(template, scope) };
}
const count = 'steps.m.outputs.count';
const ports = 'steps.m.outputs.ports';

test.each<[cel: string, value: Json]>([
  [`${count} == 3`, true],
  [`${count} == 3.0`, true],
  [`${count} != 0`, true],
  [`${count} > 0`, true],
  [`${count} > 0.0`, true],
  [`${count} >= 3 && 3 <= ${count}`, true],
  [`${count} in [1, 3]`, true],
  [`3 in ${ports}`, false],
  [`${count} + 1`, 4],
  // Division stays that of doubles: a playbook that was frozen before means it.
  [`${count} / 2`, 1.5],
  [`string(${count})`, '3'],
  [`int(${count}) % 2`, 1],
  [`steps.m.outputs.names[int(${count})]`, 'd'],
  [`type(${count}) == double`, true],
])('%s stays as it is written', (cel, value) => {
  expect(made(cel)).toEqual({ cel, value });
});

test.each<[cel: string, frozen: string, value: Json]>([
  [`${count} % 2`, `int(${count}) % 2`, 1],
  [`${count} % 2 == 1`, `int(${count}) % 2 == 1`, true],
  [`(${count} + inputs.n) % 2`, `(int(${count} + inputs.n)) % 2`, 0],
  [`-${count} % 2`, `int(-${count}) % 2`, -1],
  [`${count} % inputs.n`, `int(${count}) % int(inputs.n)`, 0],
  [`10 % ${count}`, `10 % int(${count})`, 1],
  [`(${count} % 2 + ${count}) % 3`, `(int(int(${count}) % 2 + ${count})) % 3`, 1],
  [`size(${ports}) % ${count}`, `size(${ports}) % int(${count})`, 2],
  [`steps.m.outputs.names[${count}]`, `steps.m.outputs.names[int(${count})]`, 'd'],
  [`steps.m.outputs.names[${count} - 1]`, `steps.m.outputs.names[int(${count} - 1)]`, 'c'],
  [`['x', 'y'][inputs.n]`, `['x', 'y'][int(inputs.n)]`, 'y'],
  [`steps.m.outputs.name.substring(${count})`, `steps.m.outputs.name.substring(int(${count}))`, 'def'],
  [
    `steps.m.outputs.name.substring(inputs.n, ${count})`,
    `steps.m.outputs.name.substring(int(inputs.n), int(${count}))`,
    'bc',
  ],
  [`${ports}[inputs.n] % 2`, `int(${ports}[int(inputs.n)]) % 2`, 1],
  [`${ports}.filter(p, p % 2 == 0)`, `${ports}.filter(p, int(p) % 2 == 0)`, [80]],
  [`${ports}.map(p, p % 10)`, `${ports}.map(p, int(p) % 10)`, [0, 3]],
])('%s is frozen as %s', (cel, frozen, value) => {
  expect(made(cel)).toEqual({ cel: frozen, value });
});

test.each([
  'steps.m.outputs.load % 2',
  'inputs.x % 2',
  `(${count} / 2) % 2`,
  `(${count} + 0.5) % 2`,
  `(${count} * inputs.x) % 2`,
  'steps.m.outputs.names[inputs.x]',
  `steps.m.outputs.name.substring(steps.m.outputs.load)`,
])('%s is no whole number', (cel) => {
  expect(made(cel)).toMatch(/^FB204[01]: .*double/);
});

test('what is wrong beside a whole number is told as it is written, at its place', () => {
  const result = read(`${count} % 2 == 'x'`);
  expect('problems' in result && result.problems).toMatchObject([
    { code: 'FB2040', line: 8, column: 20, message: expect.stringContaining('int == string') },
  ]);
});

test('an expression that becomes too long is refused, and not frozen', () => {
  const long = `${Array.from({ length: 110 }, () => `${count} % 2`).join(' + ')} == 0`;
  expect(long.length).toBeLessThan(4096);
  expect(long.length + 110 * 5).toBeLessThan(4096);
  expect(made(long)).toMatchObject({ value: false });
  const longer = `${Array.from({ length: 145 }, () => `${count} % 2`).join(' + ')} == 0`;
  expect(longer.length).toBeLessThan(4096);
  expect(made(longer)).toMatch(/^FB204/);
});

const whole = (body: string) =>
  compilePlaybook(
    {
      file: 'p.yaml',
      text: `id: T-1\nname: T\nversion: 1\ninputs: { names: { type: list }, counts: { type: list, items: integer } }\nsteps:\n${body}`,
    },
    [measured],
  );
const accepted = (body: string): boolean => 'ok' in whole(body);

test('what the language counts is whole', () => {
  expect(
    accepted("  - { id: w, while: 'round % 2 == 0', max-rounds: 2, steps: [{ id: a, wait: 1s }] }\n"),
  ).toBe(true);
  expect(
    accepted(
      "  - { id: w, while: 'round < size(inputs.names)', max-rounds: 2, steps: [{ id: a, set: { x: '${{ inputs.names[round] }}', y: '${{ inputs.names[int(round)] }}' } }] }\n  - { id: z, wait: 1s, if: steps.w.outputs.rounds % 2 == 0 }\n",
    ),
  ).toBe(true);
  expect(
    accepted(
      "  - { id: f, foreach: '${{ inputs.counts }}', max-items: 9, steps: [{ id: a, if: item % 2 == index % 2, wait: 1s }] }\n  - { id: z, wait: 1s, if: steps.f.outputs.count % 2 + steps.f.outputs.succeeded % 2 + steps.f.outputs.failed % 2 == 0 }\n",
    ),
  ).toBe(true);
  expect(
    accepted(
      "  - { id: q, ask: { question: How many?, from: [r], within: 1m, fields: { n: { type: integer }, d: { type: number } } } }\n  - { id: s, set: { n: '${{ steps.q.outputs.n + 1 }}', m: 4 } }\n  - { id: z, wait: 1s, if: (steps.s.outputs.n + steps.s.outputs.m) % 2 == 0 }\n",
    ),
  ).toBe(true);
  expect(
    accepted(
      '  - { id: q, ask: { question: How much?, from: [r], within: 1m, fields: { d: { type: number } } } }\n  - { id: z, wait: 1s, if: steps.q.outputs.d % 2 == 0 }\n',
    ),
  ).toBe(false);
});

test('a condition is frozen as an int as well', () => {
  const result = whole(
    "  - { id: w, while: 'round % 2 == 0', max-rounds: 2, steps: [{ id: a, wait: 1s }] }\n",
  );
  const step = 'ok' in result ? result.ok.playbook.steps[0] : undefined;
  if (step?.kind !== 'while') throw new Error('no while');
  expect(step.condition).toEqual({ cel: 'int(round) % 2 == 0' });
  const here: Scope = { inputs: {}, alert: {}, incident: {}, steps: {} };
  expect([0, 1, 2].map((round) => condition(step.condition, { ...here, round }))).toEqual([
    true,
    false,
    true,
  ]);
});

test('a map is called a map', () => {
  expect(made('steps.m.outputs + 1')).toBe('FB2041: no such overload: map + int');
});

const turning = (asked: string): ReturnType<typeof whole> =>
  whole(
    `  - { id: w, while: '!has(last.n) || ${asked} == 1', max-rounds: 2, steps: [{ id: a, wait: 1s }], outputs: { n: '\${{ round }}' } }\n`,
  );
test('what the round before put out needs an int of its own: its type is not known', () => {
  const result = turning('int(last.n) % 2');
  const step = 'ok' in result ? result.ok.playbook.steps[0] : undefined;
  if (step?.kind !== 'while') throw new Error('no while');
  const here: Scope = { inputs: {}, alert: {}, incident: {}, steps: {}, round: 2 };
  expect(condition(step.condition, { ...here, last: { n: 1 } })).toBe(true);
  expect(condition(step.condition, { ...here, last: { n: 2 } })).toBe(false);
});

test('the examples of the reference', () => {
  expect(made('inputs.n / 2')).toEqual({ cel: 'inputs.n / 2', value: 0.5 });
  expect(made('int(inputs.x * 10) % 2')).toEqual({ cel: 'int(inputs.x * 10) % 2', value: 1 });
});
