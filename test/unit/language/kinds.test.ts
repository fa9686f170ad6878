import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import type { JsonObject } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { bindInputs } from '../../../language/compile/inputs.ts';
import { libraryOf } from '../../../language/compile/library.ts';
import { playbookJsonSchema } from '../../../language/compile/schema.ts';
import { sourceFile } from '../../../language/compile/shape.ts';
import { walkSource } from '../../../language/compile/source/walk.ts';
import { walkSteps, type Playbook, type Step } from '../../../language/run/playbook.ts';
import { catalogue as shipped } from '../../../worker/catalogue.ts';
import { catalogue as invented } from '../../support/catalogue.ts';

const login: (typeof invented)[number] = {
  name: 'test.login',
  effect: 'read',
  timing: { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 },
  holds: false,
  input: {
    type: 'object',
    properties: { user: { type: 'string' }, secret: { type: 'string', 'x-secret': true } },
    additionalProperties: false,
  },
  outputs: {
    type: 'object',
    properties: {
      session: { type: 'string', 'x-secret': true },
      pods: {
        type: 'array',
        items: {
          type: 'object',
          properties: { name: { type: 'string' }, ports: { type: 'array', items: { type: 'integer' } } },
          additionalProperties: false,
        },
      },
    },
    additionalProperties: false,
  },
};
const catalogue = [...invented, login];

const header = `id: T-1
name: Test
version: 1
description: For tests.
inputs:
  names: { type: list, default: [a] }
  env: { type: string, default: prod }
  count: { type: integer, default: 2 }
  token: { type: secret }
`;
const child = `id: C-1
name: Child
version: 1
inputs: { key: { type: secret }, n: { type: integer, min: 1, default: 1 } }
steps:
  - { id: look, uses: test.login, with: { secret: '\${{ inputs.key }}' } }
outputs: { first: '\${{ steps.look.outputs.pods[0].name }}' }
`;
const library = libraryOf([{ file: 'child.yaml', text: child }]);
const read = (steps: string, more = library): ReturnType<typeof compilePlaybook> =>
  compilePlaybook({ file: 'p.yaml', text: `${header}steps:\n${steps}` }, catalogue, more);
function compiled(steps: string): Playbook {
  const result = read(steps);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems, null, 1));
  return result.ok.playbook;
}
const first = (steps: string): Step | undefined => compiled(steps).steps[0];
const problems = (steps: string, more = library): string[] => {
  const result = read(steps, more);
  return 'problems' in result ? result.problems.map(({ code, field }) => `${code} ${field}`) : [];
};
const cel = (text: string): { cel: string } => ({ cel: text });
const tail = "  - { id: z, set: { x: '${{ CEL }}' } }\n";
const asked = (steps: string, text: string): string[] => problems(steps + tail.replace('CEL', text));

test('FB-001 keeps the digest it had before the language grew', async () => {
  const file = new URL('../../../playbooks/FB-001-quarantine-namespace/playbook.yaml', import.meta.url);
  const result = compilePlaybook(
    { file: 'p.yaml', text: await readFile(file, 'utf8') },
    shipped().signatures,
  );
  expect('ok' in result && result.ok.digest).toBe(
    'sha256:eaf6d062a14bd48b2ca842380098a2a76b583a27a921ce0e497e2876051adf61',
  );
});

const wait = '{ id: w, wait: 1s }';

test('continue-on-error: false is what its absence is', () => {
  expect(compiled('  - { id: a, wait: 1s, continue-on-error: false }\n')).toEqual(
    compiled('  - { id: a, wait: 1s }\n'),
  );
});

const until = (every: string, within: string): string[] =>
  problems(
    `  - { id: a, wait: { until: reading.verdict == 'verified', uses: test.login, with: { user: x }, every: ${every}, within: ${within} } }\n`,
  );
test('a wait may read 5,000 times, and no more', () => {
  expect(until('1s', '5000s')).toEqual([]);
  expect(until('1s', '5001s')).toEqual(['FB2057 steps[0].wait.every']);
  expect(until('1555s', '90d')).toEqual(['FB2057 steps[0].wait.every']);
  expect(until('1556s', '90d')).toEqual([]);
});

test.each([
  ['size(steps.s.outputs) > 0', []],
  ['steps.s.outputs.size() > 0', []],
  ['"n" in steps.s.outputs', []],
  ['steps.s.outputs.all(k, k != "")', []],
  ['steps.s.outputs == steps.s.outputs', []],
  ['size(alert) > 1', []],
  ['size(inputs) > 1', ['FB2046 steps[1].set.x']],
  ['size(steps.s.outputs.n) > 0', ['FB2041 steps[1].set.x']],
  ['size(steps.s.outputs) == "x"', ['FB2040 steps[1].set.x']],
  ['size(steps.s.outputs) > 0 && steps.s.outputs.nn > 1', ['FB2042 steps[1].set.x']],
  ['steps.s.outputs.n + "x" == ""', ['FB2041 steps[1].set.x']],
  ['(inputs.count > 1 ? steps.s.outputs : steps.s.outputs).nn', ['FB2041 steps[1].set.x']],
])('of a map with known fields as a whole: %s', (text, expected) => {
  expect(asked('  - { id: s, set: { n: 1 } }\n', text)).toEqual(expected);
});
const kinds: [kind: string, steps: string, resolved: object][] = [
  [
    'the common keys',
    `  - { id: a, wait: 1s, if: inputs.count > 1, timeout: 2m, retry: { attempts: 3, delay: 5s, backoff: 1.5 }, continue-on-error: true, on-failure: [{ id: b, fail: '\${{ failure.step }}: \${{ failure.why }}' }] }\n`,
    {
      kind: 'wait',
      if: cel('inputs.count > 1'),
      timeoutMs: 120_000,
      retry: { attempts: 3, delayMs: 5000, backoff: 1.5 },
      continueOnError: true,
      onFailure: [
        { kind: 'fail', message: { concat: [cel('failure.step'), { literal: ': ' }, cel('failure.why')] } },
      ],
    },
  ],
  [
    'playbook',
    "  - { id: a, playbook: C-1, with: { key: '${{ inputs.token }}', n: 3 } }\n",
    { kind: 'playbook', playbook: 'C-1', with: { map: { key: cel('inputs.token'), n: { literal: 3 } } } },
  ],
  [
    'parallel',
    `  - { id: a, parallel: { left: [{ id: b, set: { x: 1 } }], right: [${wait}] }, outputs: { x: '\${{ steps.b.outputs.x }}' } }\n`,
    {
      kind: 'parallel',
      branches: [
        { name: 'left', steps: [{ kind: 'set', id: 'b', needs: [], values: { x: { literal: 1 } } }] },
        { name: 'right', steps: [{ kind: 'wait', id: 'w', needs: [], forMs: 1000 }] },
      ],
      outputs: { x: cel('steps.b.outputs.x') },
    },
  ],
  [
    'foreach',
    "  - { id: a, foreach: '${{ inputs.names }}', max-items: 9, max-parallel: 3, steps: [{ id: b, set: { n: '${{ item }}' }, if: index < 3 }], outputs: { n: '${{ steps.b.outputs.n }}' } }\n",
    {
      kind: 'foreach',
      items: cel('inputs.names'),
      maxItems: 9,
      maxParallel: 3,
      outputs: { n: cel('steps.b.outputs.n') },
    },
  ],
  [
    'foreach of a literal list',
    `  - { id: a, foreach: [x, '\${{ inputs.env }}'], max-items: 2, steps: [${wait}] }\n`,
    { items: { list: [{ literal: 'x' }, cel('inputs.env')] }, maxItems: 2, maxParallel: 1, outputs: {} },
  ],
  [
    'switch',
    `  - { id: a, switch: '\${{ inputs.env }}', cases: { prod: [${wait}], dev: [] }, default: [{ id: f, fail: No. }] }\n`,
    {
      kind: 'switch',
      on: cel('inputs.env'),
      cases: [{ value: 'prod' }, { value: 'dev', steps: [] }],
      default: [{ kind: 'fail', message: { literal: 'No.' } }],
      outputs: {},
    },
  ],
  [
    'while',
    "  - { id: a, while: '!has(last.n) || last.n < 3', max-rounds: 5, delay: 30s, steps: [{ id: b, set: { n: '${{ round + 1 }}' } }], outputs: { n: '${{ steps.b.outputs.n }}' } }\n",
    { kind: 'while', condition: cel('!has(last.n) || last.n < 3'), maxRounds: 5, delayMs: 30_000 },
  ],
  [
    'wait until',
    "  - { id: a, wait: { until: reading.outputs.pods.size() == 0 && reading.verdict == 'verified', uses: test.login, with: { user: x }, every: 30s, within: 10m } }\n",
    {
      kind: 'wait',
      until: { uses: 'test.login', with: { literal: { user: 'x' } }, everyMs: 30_000, withinMs: 600_000 },
    },
  ],
  [
    'approve',
    "  - { id: a, approve: { from: [r], count: 2, within: 5m, otherwise: deny, question: 'Go on in ${{ inputs.env }}?' } }\n",
    { kind: 'approve', approve: { from: ['r'], count: 2, withinMs: 300_000, otherwise: 'deny' } },
  ],
  [
    'ask',
    '  - { id: a, ask: { question: How many?, from: [r], within: 30m, fields: { n: { type: integer, min: 1, max: 5, default: 2 }, e: { type: string, title: Which, one-of: [x, y] } } } }\n',
    {
      kind: 'ask',
      question: { literal: 'How many?' },
      from: ['r'],
      withinMs: 1_800_000,
      fields: {
        n: { type: 'integer', title: 'n', default: 2, min: 1, max: 5 },
        e: { type: 'string', title: 'Which', oneOf: ['x', 'y'] },
      },
    },
  ],
  [
    'set',
    "  - { id: a, set: { x: ['${{ inputs.count }}'] } }\n",
    { values: { x: { list: [cel('inputs.count')] } } },
  ],
  ['end', "  - { id: a, end: 'Nothing in ${{ inputs.env }}.' }\n", { kind: 'end' }],
];

test.each(kinds)('%s', (_name, steps, resolved) => {
  expect(first(steps)).toMatchObject({ id: 'a', needs: [], ...resolved });
});

test("the editors' schema takes every kind of step, and refuses what has none", () => {
  const validate = new Ajv2020({ strict: false }).compile(playbookJsonSchema(catalogue));
  for (const [name, steps] of kinds)
    expect([name, validate(parse(`${header}steps:\n${steps}`)), validate.errors]).toEqual([name, true, null]);
  for (const steps of [
    '  - { id: a }\n',
    `  - { id: a, foreach: [x], steps: [${wait}] }\n`,
    '  - { id: a, wait: { until: x, uses: test.scale, every: 1s, within: 1m } }\n',
    `  - { id: a, parallel: { left: [{ id: b, uses: test.login, with: { usr: x } }], right: [${wait}] } }\n`,
  ])
    expect([steps, validate(parse(`${header}steps:\n${steps}`))]).toEqual([steps, false]);
});

test('a child is frozen in, with the actions it uses and those of its own children', () => {
  const parent =
    "id: C-0\nname: P\nversion: 1\ninputs: { k: { type: secret } }\nsteps: [{ id: c, playbook: C-1, with: { key: '${{ inputs.k }}' } }]\n";
  const both = libraryOf([
    { file: 'a.yaml', text: parent },
    { file: 'b.yaml', text: child },
  ]);
  const result = read("  - { id: a, playbook: C-0, with: { k: '${{ inputs.token }}' } }\n", both);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const { playbook } = result.ok;
  expect(Object.keys(playbook.children ?? {})).toEqual(['C-0', 'C-1']);
  expect(Object.keys(playbook.actions)).toEqual(['test.login']);
  expect([...walkSteps(playbook)].map(({ path }) => path)).toEqual(['a', 'a/c', 'a/c/look']);
  expect(playbook.children?.['C-1']).not.toHaveProperty('actions');
});

const one =
  "  - { id: a, foreach: '${{ inputs.names }}', max-items: 9, steps: [{ id: b, set: { n: '${{ item }}' } }], outputs: { n: '${{ item }}' } }\n";
const pods = '  - { id: a, uses: test.login }\n';
const fan =
  "  - { id: a, parallel: { l: [{ id: b, set: { x: 1 } }], r: [{ id: c, set: { y: q } }] }, outputs: { z: '${{ steps.b.outputs.x }}' } }\n";

test.each<[steps: string, text: string, expected: string[]]>([
  [pods, 'steps.a.outputs.pods.filter(p, p.ports.exists(x, x == 80)).map(p, p.name)', []],
  [pods, 'steps.a.outputs.pods.filter(p, p.nam == "x")', ['FB2042 steps[1].set.x']],
  [pods, 'steps.a.outputs.pods[0].prts', ['FB2042 steps[1].set.x']],
  [pods, 'steps.a.outputs.pods.name', ['FB2042 steps[1].set.x']],
  [fan, 'steps.b.outputs.x + steps.a.outputs.z', []],
  [fan, 'steps.c.outputs.y + 1', ['FB2041 steps[1].set.x']],
  [one, 'steps.a.outputs.items.exists(i, i != null && i.n == "x") || steps.a.outputs.failed > 0', []],
  [one, 'steps.a.outputs.items.exists(i, i.m == "x")', ['FB2042 steps[1].set.x']],
  [one, 'steps.b.outputs.n', ['FB2043 steps[1].set.x']],
  [one, 'item', ['FB2042 steps[1].set.x']],
  ["  - { id: a, playbook: C-1, with: { key: '${{ inputs.token }}' } }\n", 'steps.a.outputs.first + "x"', []],
  [
    "  - { id: a, playbook: C-1, with: { key: '${{ inputs.token }}' } }\n",
    'steps.a.outputs.second',
    ['FB2042 steps[1].set.x'],
  ],
  ['  - { id: a, approve: { from: [r], within: 5m, question: Go? } }\n', 'steps.a.outputs.by.join(", ")', []],
])('after %s: %s', (steps, text, expected) => {
  expect(asked(steps, text)).toEqual(expected);
});

const kid = (inputs: string): string => `  - { id: a, playbook: C-1, with: { ${inputs} } }\n`;
test.each<[name: string, steps: string, expected: string[]]>([
  ['on to a child that takes one', kid("key: '${{ inputs.token }}'"), []],
  ['as a value in place of its name', kid("key: 'no name, a value'"), ['FB2030 steps[0].with.key']],
  [
    'by way of set',
    `  - { id: s, set: { t: '\${{ inputs.token }}' } }\n${kid("key: '${{ steps.s.outputs.t }}'")}`,
    [],
  ],
  [
    'by way of the outputs of branches',
    `  - { id: s, parallel: { l: [{ id: b, uses: test.login }], r: [${wait}] }, outputs: { t: '\${{ steps.b.outputs.session }}' } }\n  - { id: u, uses: test.login, with: { secret: '\${{ steps.s.outputs.t }}' } }\n`,
    [],
  ],
  ['into a plain input of a child', kid("key: k, n: '${{ inputs.token }}'"), ['FB2046 steps[0].with.n']],
  ['into text', kid("key: 'x-${{ inputs.token }}'"), ['FB2046 steps[0].with.key']],
  ['changed', kid("key: '${{ string(inputs.token) }}'"), ['FB2046 steps[0].with.key']],
  [
    'into a plain input',
    "  - { id: a, uses: test.login, with: { user: '${{ inputs.token }}' } }\n",
    ['FB2046 steps[0].with.user'],
  ],
  ['into a condition', "  - { id: a, wait: 1s, if: inputs.token == 'x' }\n", ['FB2046 steps[0].if']],
  ['with all inputs', '  - { id: a, wait: 1s, if: dyn(inputs) != null }\n', ['FB2046 steps[0].if']],
  [
    'by a name that is only known later',
    "  - { id: a, fail: '${{ inputs[inputs.env] }}' }\n",
    ['FB2046 steps[0].fail'],
  ],
  [
    'with all outputs',
    "  - { id: a, uses: test.login }\n  - { id: b, end: '${{ dyn(steps.a.outputs) }}' }\n",
    ['FB2046 steps[1].end'],
  ],
  [
    'as items',
    `  - { id: a, foreach: ['\${{ inputs.token }}'], max-items: 1, steps: [${wait}] }\n`,
    ['FB2046 steps[0].foreach[0]'],
  ],
  [
    'out of a set that holds it',
    "  - { id: s, set: { t: { u: '${{ inputs.token }}' } } }\n  - { id: f, fail: '${{ steps.s.outputs.t.u }}' }\n",
    ['FB2046 steps[1].fail'],
  ],
  ['out of the playbook', `  - ${wait}\noutputs: { t: '\${{ inputs.token }}' }\n`, ['FB2046 outputs.t']],
])('a secret goes %s', (_name, steps, expected) => {
  expect(problems(steps)).toEqual(expected);
});

const loop = (max: number, id: string, inner: string): string =>
  `{ id: ${id}, while: 'true', max-rounds: ${max}, steps: [${inner}] }`;
test('caps multiply, also through a child', () => {
  expect(problems(`  - ${loop(100, 'a', loop(100, 'b', wait))}\n`)).toEqual([]);
  expect(problems(`  - ${loop(100, 'a', loop(101, 'b', wait))}\n`)).toEqual([
    'FB2015 steps[0].steps[0].max-rounds',
  ]);
  const busy = libraryOf([
    { file: 'c.yaml', text: `id: C-2\nname: C\nversion: 1\nsteps: [${loop(101, 'b', wait)}]\n` },
  ]);
  expect(problems(`  - ${loop(100, 'a', '{ id: c, playbook: C-2 }')}\n`, busy)).toEqual([
    'FB2015 steps[0].steps[0].playbook',
  ]);
});

test('what cannot be undone is not tried again, at whatever depth', () => {
  const remove = '{ id: d, uses: test.delete, with: { name: x }, approve: { from: [r], within: 5m } }';
  const around = (retry: string): string =>
    `  - { id: a, ${retry} parallel: { l: [${remove}], r: [${wait}] } }\n`;
  expect(problems(around(''))).toEqual([]);
  expect(problems(around('retry: { attempts: 2 },'))).toEqual(['FB2054 steps[0].retry']);
});

/** Playbooks of which each runs the one before it. */
function chain(count: number): ReturnType<typeof libraryOf> {
  return libraryOf(
    Array.from({ length: count }, (_, level) => ({
      file: `${level}.yaml`,
      text: `id: L-${level}\nname: L\nversion: 1\nsteps: [${level === 0 ? wait : `{ id: c, playbook: L-${level - 1} }`}]\n`,
    })),
  );
}

test('playbooks may run each other five levels deep, and never themselves', () => {
  expect(problems('  - { id: a, playbook: L-4 }\n', chain(5))).toEqual([]);
  expect(problems('  - { id: a, playbook: L-5 }\n', chain(6))).toEqual(['FB2026 steps[0].playbook']);
  const circle = libraryOf([
    { file: 'p.yaml', text: `${header}steps: []` },
    { file: 'c.yaml', text: 'id: C-3\nname: C\nversion: 1\nsteps: [{ id: c, playbook: T-1 }]\n' },
  ]);
  expect(problems('  - { id: a, playbook: C-3 }\n', circle)).toEqual(['FB2025 steps[0].playbook']);
  expect(problems('  - { id: a, playbook: C-9 }\n')).toEqual(['FB2024 steps[0].playbook']);
});

test('inputs of every type are bound within their limits', () => {
  const declared = `id: T
name: T
version: 1
inputs:
  l: { type: list, items: integer, min: 1, max: 2 }
  s: { type: string, one-of: [x, y], default: x }
  t: { type: string, min: 2, max: 3, default: ab }
  n: { type: number, min: 0, max: 1, default: 1 }
  k: { type: secret }
steps: [${wait}]
`;
  const result = compilePlaybook({ file: 'p.yaml', text: declared }, catalogue);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  const bind = (given: JsonObject): unknown => {
    const bound = bindInputs(result.ok.playbook, { l: [1], k: 'vault/ci', ...given });
    return 'ok' in bound ? bound.ok : bound.problems.map(({ message, fix }) => `${message}; ${fix}`);
  };
  expect(bind({})).toEqual({ l: [1], s: 'x', t: 'ab', n: 1, k: 'vault/ci' });
  expect(bind({ l: [] })).toEqual([
    'the input "l" has fewer than 1 items; give a list of integer, 1 to 2 items',
  ]);
  expect(bind({ l: [1, 2, 3] })).toEqual([
    'the input "l" has more than 2 items; give a list of integer, 1 to 2 items',
  ]);
  expect(bind({ l: [1, 'x'] })).toEqual([
    'the input "l" has an item, [1], that is not a number; give a list of integer, 1 to 2 items',
  ]);
  expect(bind({ s: 'z' })).toEqual(['the input "s" is none of: x, y; give one of: x, y']);
  expect(bind({ t: 'abcd' })).toEqual([
    'the input "t" is longer than 3 characters; give a value of type string, 2 to 3 characters',
  ]);
  expect(bind({ n: 1.5 })).toEqual(['the input "n" is more than 1; give a value of type number, 0 to 1']);
  const pasted = 'AKIA+not a name';
  expect(bind({ k: pasted })).toEqual([
    'the input "k" is not the name of a secret; give the name of a secret, never its value',
  ]);
});

test('a walk through a file tells where each step stands', () => {
  const file = sourceFile.parse(parse(`${header}steps:\n${fan}always: [${wait}]`));
  expect(
    [...walkSource(file)].map(({ step, path, top, around }) => [
      step.id,
      path.join('.'),
      top,
      around.map(({ of }) => of),
    ]),
  ).toEqual([
    ['a', 'steps.0', 'steps', []],
    ['b', 'steps.0.parallel.l.0', 'steps', ['branch']],
    ['c', 'steps.0.parallel.r.0', 'steps', ['branch']],
    ['w', 'always.0', 'always', []],
  ]);
});

test.each<[steps: string, expected: string[]]>([
  ['  - { id: a }\n', ['FB2013 steps[0]']],
  ['  - { id: a, wait: 1s, set: { x: 1 } }\n', ['FB2013 steps[0].set']],
  ['  - { id: a, wait: 1s, with: {} }\n', ['FB2014 steps[0].with']],
  [`  - { id: a, wait: 1s, hold: { for: 1h } }\n`, ['FB2014 steps[0].hold']],
  [`  - { id: a, foreach: [x], steps: [${wait}] }\n`, ['FB2011 steps[0].max-items']],
  [`  - { id: a, while: 'true', steps: [${wait}] }\n`, ['FB2011 steps[0].max-rounds']],
  [
    `  - { id: a, while: 'true', max-rounds: 2, steps: [${wait}], outputs: { rounds: 1 } }\n`,
    ['FB2016 steps[0].outputs.rounds'],
  ],
  [`  - { id: a, foreach: [x, y], max-items: 1, steps: [${wait}] }\n`, ['FB2017 steps[0].foreach']],
  [
    `  - { id: a, foreach: '\${{ inputs.env }}', max-items: 1, steps: [${wait}] }\n`,
    ['FB2047 steps[0].foreach'],
  ],
  [`  - { id: a, switch: '\${{ inputs.count }}', cases: { x: [] } }\n`, ['FB2047 steps[0].switch']],
  ["  - { id: a, fail: '${{ inputs.count }}' }\n", ['FB2047 steps[0].fail']],
  ["  - { id: a, fail: 'in ${{ inputs.names }}' }\n", ['FB2041 steps[0].fail']],
  [
    '  - { id: a, wait: { until: "true", uses: test.scale, with: { name: x }, every: 1s, within: 1m } }\n',
    ['FB2055 steps[0].wait.uses'],
  ],
  [
    '  - { id: a, wait: { until: "true", uses: test.login, every: 2m, within: 1m } }\n',
    ['FB2056 steps[0].wait.every'],
  ],
  ['  - { id: a, approve: { from: [r], within: 5m } }\n', ['FB2011 steps[0].approve.question']],
  [
    '  - { id: a, ask: { question: q, from: [r], within: 5m, fields: { n: { type: integer, default: x } } } }\n',
    ['FB2060 steps[0].ask.fields.n.default'],
  ],
  [
    '  - { id: a, ask: { question: q, from: [r], within: 5m, fields: { n: { type: boolean, min: 1 } } } }\n',
    ['FB2064 steps[0].ask.fields.n.min'],
  ],
  [
    '  - { id: a, wait: 1s }\n  - { id: b, parallel: { l: [{ id: c, wait: 1s, needs: a }], r: [{ id: a, wait: 1s }] } }\n',
    ['FB2021 steps[1].parallel.l[0].needs', 'FB2020 steps[1].parallel.r[0].id'],
  ],
])('%s', (steps, expected) => {
  expect(problems(steps)).toEqual(expected);
});
