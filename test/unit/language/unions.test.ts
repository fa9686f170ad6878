import { expect, test } from '@jest/globals';
import { z } from 'zod';
import type { ActionSignature } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';

/** Inputs under a union: what fits one branch is taken; a secret only where every branch that could take it says x-secret. */
const secret = z.string().meta({ 'x-secret': true });
const plain = z.string();
const input = z.strictObject({
  auth: z
    .union([z.strictObject({ token: secret }), z.strictObject({ user: plain, password: secret })])
    .optional(),
  either: z.union([z.strictObject({ key: secret }), z.strictObject({ key: plain })]).optional(),
  kind: z
    .discriminatedUnion('as', [
      z.strictObject({ as: z.literal('basic'), key: secret, size: z.int() }),
      z.strictObject({ as: z.literal('bearer'), key: plain, size: z.string() }),
    ])
    .optional(),
  number: z.union([z.int(), z.boolean()]).optional(),
  sized: z.union([z.strictObject({ n: z.int() }), z.strictObject({ n: z.boolean() })]).optional(),
  nullable: secret.nullable().optional(),
  mixed: z.union([secret, z.int()]).optional(),
  leaky: z.union([secret, z.array(plain), plain.max(3)]).optional(),
  open: z.union([z.strictObject({ key: secret }), z.looseObject({ other: plain.optional() })]).optional(),
  list: z.array(z.union([secret, z.strictObject({ token: secret })])).optional(),
  both: z.intersection(z.looseObject({ a: secret }), z.looseObject({ b: z.int() })).optional(),
  map: z.record(z.string(), z.int()).optional(),
  deep: z
    .union([z.null(), z.strictObject({ in: z.union([z.strictObject({ x: secret }), z.boolean()]) })])
    .optional(),
});
const action = (name: string, schema: JsonObject): ActionSignature => ({
  name,
  effect: 'read',
  timing: { planMs: 1, applyMs: 1, verifyMs: 1, undoMs: 1, heartbeatMs: 1, attempts: 1 },
  holds: false,
  input: schema,
  outputs: {
    type: 'object',
    properties: { session: { type: 'string', 'x-secret': true } },
    additionalProperties: false,
  },
});
const referring: JsonObject = {
  type: 'object',
  properties: { a: { $ref: '#/$defs/form' } },
  additionalProperties: false,
  $defs: {
    token: { type: 'string', 'x-secret': true },
    form: {
      anyOf: [
        { type: 'object', properties: { t: { $ref: '#/$defs/token' } }, additionalProperties: false },
        {
          type: 'object',
          properties: { f: { $ref: '#/$defs/form' } },
          required: ['f'],
          additionalProperties: false,
        },
      ],
    },
  },
};
const beside: JsonObject = {
  type: 'object',
  properties: { user: { type: 'string' } },
  anyOf: [
    { properties: { key: { type: 'string', 'x-secret': true } }, required: ['key'] },
    { properties: { cert: { type: 'integer' } }, required: ['cert'] },
  ],
};
const catalogue = [
  action('test.union', JSON.parse(JSON.stringify(z.toJSONSchema(input, { io: 'input' })))),
  action('test.ref', referring),
  action('test.beside', beside),
  action('test.circle', {
    type: 'object',
    properties: { a: { $ref: '#/$defs/a' } },
    $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'integer' }] } },
  }),
];
const problems = (inputs: string, uses = 'test.union'): string[] => {
  const text = `id: T-1
name: Test
version: 1
description: For tests.
inputs: { token: { type: secret }, maybe: { type: secret, optional: true }, text: { type: string }, flag: { type: boolean }, count: { type: integer } }
steps:
  - { id: s, uses: test.beside, with: { cert: 1 } }
  - id: a
    uses: ${uses}
    with: { ${inputs} }
`;
  const result = compilePlaybook({ file: 'p.yaml', text }, catalogue);
  return 'problems' in result ? result.problems.map(({ code, field }) => `${code} ${field}`) : [];
};
const message = (inputs: string): string | undefined => {
  const text = `id: T-1\nname: T\nversion: 1\ninputs: { text: { type: string } }\nsteps:\n  - { id: a, uses: test.union, with: { ${inputs} } }\n`;
  const result = compilePlaybook({ file: 'p.yaml', text }, catalogue);
  return 'problems' in result ? result.problems[0]?.message : undefined;
};
const [token, text, flag, count] = ['token', 'text', 'flag', 'count'].map(
  (name) => `'\${{ inputs.${name} }}'`,
);

test.each<[name: string, inputs: string, expected: string[]]>([
  ['a secret in one branch', `auth: { token: ${token} }`, []],
  ['a secret in the other', `auth: { user: ${text}, password: ${token} }`, []],
  [
    'a secret at a plain field of one',
    `auth: { user: ${token}, password: ${token} }`,
    ['FB2046 steps[1].with.auth.user'],
  ],
  [
    'a secret that one of two forms would show',
    `either: { key: ${token} }`,
    ['FB2046 steps[1].with.either.key'],
  ],
  ['a text there', `either: { key: ${text} }`, []],
  ['a number where both want text', `either: { key: ${count} }`, ['FB2030 steps[1].with.either.key']],
  ['the form told by a literal, with the secret', `kind: { as: basic, key: ${token}, size: 1 }`, []],
  [
    'the form told by a literal, without',
    `kind: { as: bearer, key: ${token}, size: x }`,
    ['FB2046 steps[1].with.kind.key'],
  ],
  [
    'the form not told',
    `kind: { as: ${text}, key: ${token}, size: '\${{ 1 }}' }`,
    ['FB2046 steps[1].with.kind.key'],
  ],
  [
    'a field of the form that was told',
    `kind: { as: basic, key: k, size: ${text} }`,
    ['FB2030 steps[1].with.kind.size'],
  ],
  ['a field of the form that was not told', `kind: { as: bearer, key: k, size: ${text} }`, []],
  ['a literal of no form', `kind: { as: digest, key: k }`, ['FB2030 steps[1].with.kind']],
  ['a text for a number or a boolean', `number: ${text}`, ['FB2030 steps[1].with.number']],
  ['a text with an expression in it', "number: 'n-${{ inputs.count }}'", ['FB2030 steps[1].with.number']],
  ['a boolean', `number: ${flag}`, []],
  ['a whole number', `number: ${count}`, []],
  ['a literal text', 'number: many', ['FB2030 steps[1].with.number']],
  ['a field of either form', `sized: { n: ${flag} }`, []],
  ['a field of neither', `sized: { n: ${text} }`, ['FB2030 steps[1].with.sized.n']],
  ['a secret or nothing', `nullable: ${token}`, []],
  ['a secret or a number: a name is no number', `mixed: ${token}`, []],
  [
    'an output that may be no text',
    "mixed: '${{ steps.s.outputs.session }}'",
    ['FB2046 steps[1].with.mixed'],
  ],
  ['a secret or a short text', `leaky: ${token}`, ['FB2046 steps[1].with.leaky']],
  ['a form that takes anything', `open: { key: ${token} }`, ['FB2046 steps[1].with.open.key']],
  ['a secret in a list of forms', `list: [${token}, { token: ${token} }]`, []],
  ['a number in one', `list: [${count}]`, ['FB2030 steps[1].with.list[0]']],
  ['a secret in one of two that both hold', `both: { a: ${token}, b: ${count} }`, []],
  ['a text in the other', `both: { a: x, b: ${text} }`, ['FB2030 steps[1].with.both.b']],
  ['a map of numbers', `map: { x: ${count} }`, []],
  ['a map of numbers, with a text', `map: { x: ${text} }`, ['FB2030 steps[1].with.map.x']],
  ['a union in a union', `deep: { in: { x: ${token} } }`, []],
  [
    'a union in a union, without its form',
    `deep: { in: { y: ${token} } }`,
    ['FB2046 steps[1].with.deep.in.y', 'FB2031 steps[1].with.deep.in.x', 'FB2032 steps[1].with.deep.in.y'],
  ],
  ['a whole form', "auth: '${{ steps.s.outputs }}'", ['FB2046 steps[1].with.auth']],
  [
    'an unknown key in the form that is nearest',
    `auth: { token: ${text}, extra: 1 }`,
    ['FB2032 steps[1].with.auth.extra'],
  ],
  [
    'an optional secret at a field that its form needs',
    "auth: { token: '${{ inputs.maybe }}' }",
    ['FB2048 steps[1].with.auth.token'],
  ],
  ['an optional secret for nothing', "nullable: '${{ inputs.maybe }}'", []],
])('%s', (_, inputs, expected) => {
  expect(problems(inputs).toSorted()).toEqual(expected.toSorted());
});

test.each<[inputs: string, expected: string[]]>([
  [`a: { t: ${token} }`, []],
  [`a: { f: { f: { t: ${token} } } }`, []],
  [`a: { f: { f: { t: ${count} } } }`, ['FB2030 steps[1].with.a.f.f.t']],
])('by reference: %s', (inputs, expected) => {
  expect(problems(inputs, 'test.ref')).toEqual(expected);
});

test('a form that refers to itself ends', () => {
  expect(problems(`a: ${text}`, 'test.circle')).toEqual(['FB2030 steps[1].with.a']);
  expect(problems('a: 1', 'test.circle')).toEqual([]);
});

test.each<[inputs: string, expected: string[]]>([
  [`key: ${token}`, []],
  [`key: ${token}, user: ${text}`, []],
  [`user: ${token}, cert: 1`, ['FB2046 steps[1].with.user']],
  // The second form says nothing of `key`, and would take it as anything.
  [`key: ${token}, cert: 1`, ['FB2046 steps[1].with.key']],
  [`cert: ${text}`, ['FB2030 steps[1].with.cert']],
  [`user: x`, ['FB2030 steps[1].with']],
])('beside properties: %s', (inputs, expected) => {
  expect(problems(inputs, 'test.beside')).toEqual(expected);
});

test('what is expected is named', () => {
  expect(message("number: '${{ inputs.text }}'")).toBe(
    'steps[0].with.number must be integer or boolean, and the expression yields string',
  );
  expect(message('number: many')).toBe('steps[0].with.number must be integer or boolean');
});

test('a secret in the outputs beside known fields is not forgotten', () => {
  const outputs: JsonObject[] = [
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ properties: { t: { 'x-secret': true } } }],
    },
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      additionalProperties: { type: 'string', 'x-secret': true },
    },
  ];
  for (const schema of outputs) {
    const text = `id: T-1\nname: T\nversion: 1\nsteps:\n  - { id: a, uses: test.out }\n  - { id: b, fail: '\${{ steps.a.outputs.t }}' }\n`;
    const result = compilePlaybook({ file: 'p.yaml', text }, [
      { ...action('test.out', { type: 'object' }), outputs: schema },
    ]);
    expect('problems' in result && result.problems.map(({ code }) => code)).toEqual(['FB2046']);
  }
});
