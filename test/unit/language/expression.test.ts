import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { canonical, type Json, type JsonObject } from '../../../domain/json.ts';
import { condition, evaluate, ExpressionError, render } from '../../../language/run/expression.ts';
import type { Scope } from '../../../language/run/playbook.ts';

const scope: Scope = {
  inputs: { cluster: 'eu', namespace: 'shop', count: 3, ratio: 0.5, force: true },
  alert: {
    pod: 'web-1',
    summary: '${{ inputs.cluster }}',
    image: 'registry.example/shop/web:1.2',
    fields: { 'proc.name': 'sh', 'proc.pid': 41, argv: ['sh', '-c'] },
  },
  incident: { id: 'inc-1' },
  steps: { quarantine: { status: 'done', verdict: 'evaluated', outputs: {} } },
};
const withFields = (fields: JsonObject): Scope => ({ ...scope, alert: { ...scope.alert, fields } });
const value = (cel: string, among = scope): Json => evaluate({ cel }, among);
const reason = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof ExpressionError) return error.reason;
    throw error;
  }
  return 'it had a value';
};

test.each<[string, Json]>([
  ['inputs.namespace', 'shop'],
  ['inputs.count', 3],
  ['inputs.count == 3', true],
  ['inputs.count >= 3 && inputs.count < 4', true],
  ['inputs.count in [1, 2, 3]', true],
  ['inputs.count + 1', 4],
  ['1 + inputs.count', 4],
  ['1 + inputs.count == 4', true],
  ['1 + inputs.count != 4', false],
  ['10 - inputs.count in [7]', true],
  ['(1 + inputs.count) + 1', 5],
  ['2 * inputs.count - (1 + inputs.ratio)', 4.5],
  ['2 * inputs.count > 5 && 2 * inputs.count == size("abcdef")', true],
  ['1 - inputs.count / 2 * 2.5', -2.75],
  ['inputs.count == 3.0 && 3 == inputs.count && inputs.count != 4', true],
  ['int(inputs.count) + 1', 4],
  ['inputs.ratio * 2.0', 1],
  ["steps.quarantine.verdict in ['verified', 'evaluated'] && alert.pod != ''", true],
  ["alert.fields['proc.pid'] == 41", true],
  ["has(alert.fields.nothing) || alert.fields['proc.name'] == 'sh'", true],
  ["alert.image.split('/')[0]", 'registry.example'],
  ['alert.fields.argv.map(word, word + "!")', ['sh!', '-c!']],
  ["alert.fields.exists(key, key.startsWith('proc.'))", true],
  ["{'list': [1, 2.5, true, null], 'text': 'x'}", { list: [1, 2.5, true, null], text: 'x' }],
  ['size(alert.pod) == 5 ? alert.pod.upperAscii() : ""', 'WEB-1'],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('%s', (cel, expected) => {
  expect(value(cel)).toEqual(expected);
  expect(value(cel)).toEqual(expected);
});

test.each([
  ['inputs.nothing', 'No such key: nothing'],
  ["alert.fields['nothing']", 'No such key: nothing'],
  ['steps.evidence.verdict', 'No such key: evidence'],
  ['inputs.toString', 'No such key: toString'],
  ['inputs.__proto__', 'No such key: __proto__'],
  ["inputs['constructor']", 'No such key: constructor'],
  ['inputs.count + inputs.cluster', 'no such overload: dyn<double> + dyn<string>'],
  ['inputs.count / 0', 'the result is not a finite number'],
  ['1 / 0', 'division by zero'],
  ['9007199254740992', 'the result is an integer beyond 2^53'],
  ['9223372036854775807 + 1', 'integer overflow: 9223372036854775808'],
  ['1.0 / 0.0', 'the result is not a finite number'],
  ['string', 'the result is neither text, number, boolean, null, list nor map'],
  ['{1: 2}', 'a key of a map is text'],
  ["{'__proto__': 1}", '"__proto__" cannot be a key'],
  ['[1].map(inputs, inputs)', '`inputs` has a meaning already; use another name'],
  ["b'bytes'", 'bytes and unsigned integers are not part of the language'],
  ['1u', 'bytes and unsigned integers are not part of the language'],
  [
    'process',
    'nothing is called "process" here; there are inputs, alert, incident, steps, item, index, round, last, reading, failure',
  ],
  [
    'google.protobuf.Timestamp',
    'nothing is called "google" here; there are inputs, alert, incident, steps, item, index, round, last, reading, failure',
  ],
  ['', undefined],
  ['a b', undefined],
])('%s has no value', (cel, expected) => {
  const said = reason(() => value(cel));
  expect(said).not.toBe('it had a value');
  if (expected !== undefined) expect(said).toBe(expected);
});

test.each([
  'timestamp("2026-01-01T00:00:00Z")',
  'duration("1s")',
  'alert.pod.matches("a")',
  'cel.bind(x, 1, x)',
  'bytes("a")',
])('the function in %s is not available', (cel) => {
  expect(reason(() => value(cel))).toContain('() is not available');
});

test('a condition is true or false, and nothing that only looks like it', () => {
  expect(condition({ cel: 'inputs.force' }, scope)).toBe(true);
  expect(condition({ cel: '!inputs.force' }, scope)).toBe(false);
  expect(reason(() => condition({ cel: 'inputs.count' }, scope))).toBe(
    'a condition is true or false, and this is a number',
  );
  expect(reason(() => condition({ cel: '"true"' }, scope))).toBe(
    'a condition is true or false, and this is a string',
  );
});

test("an alert's fields cannot stop an expression by their names", () => {
  const fields: JsonObject = JSON.parse(
    '{"constructor": "x", "__proto__": {"polluted": true}, "toString": 1}',
  );
  expect(value('alert.fields.constructor', withFields(fields))).toBe('x');
  expect(value("alert.fields['__proto__'].polluted", withFields(fields))).toBe(true);
  expect(value('alert.fields.toString', withFields(fields))).toBe(1);
  expect(canonical(value('alert.fields', withFields(fields)))).toBe(canonical(fields));
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});

test('half a surrogate pair becomes a replacement character, for it has no canonical JSON', () => {
  const fields = { text: 'a\ud800b', '\udc00': 1 };
  expect(value('alert.fields', withFields(fields))).toEqual({ text: 'a\ufffdb', '\ufffd': 1 });
});

test('work is bounded, whatever the size of the alert and whatever forgives errors', () => {
  const many = withFields(Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, 'v'])));
  expect(value('alert.fields.exists(k, alert.fields[k] == "z")', many)).toBe(false);
  for (const cel of [
    'alert.fields.map(k, alert.fields.map(j, k + j)).size()',
    'alert.fields.map(k, alert.fields.map(j, k + j)).size() > 0 || true',
    'alert.fields.exists(k, alert.fields.exists(j, alert.fields.nothing == k + j))',
    'alert.fields.all(k, k in alert.fields.map(j, j))',
  ])
    expect([cel, reason(() => value(cel, many))]).toEqual([
      cel,
      'the expression takes more than 1000000 steps on this data',
    ]);
});

/** Whether the budget is enough for these many fields; the comment makes it an expression not seen before. */
function affordable(fields: number, comment: string): boolean {
  const many = Object.fromEntries(Array.from({ length: fields }, (_, index) => [`k${index}`, 'v']));
  const cel = `alert.fields.map(k, alert.fields.map(j, k + j)).size() // ${comment}`;
  return reason(() => value(cel, withFields(many))) === 'it had a value';
}

test('the meter counts the first evaluation as it counts the next, or a replay would differ', () => {
  // The most fields for which the budget is enough, each number tried on an expression of its own.
  let most = 1;
  for (let step = 1024; step >= 1; step /= 2)
    if (affordable(most + step, `first ${most + step}`)) most += step;
  expect(most).toBeGreaterThan(50);
  expect([most, most, most + 1, most + 1].map((fields) => affordable(fields, `again ${fields}`))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('results are bounded in size and depth', () => {
  const long = withFields({ text: 'x'.repeat(64 * 1024) });
  expect(reason(() => value('alert.fields.text', long))).toBe('the result is larger than 65536 characters');
  expect(value('alert.fields.text.size()', long)).toBe(64 * 1024);
  let deep: Json = 1;
  for (let depth = 0; depth < 100; depth++) deep = [deep];
  expect(reason(() => value('alert.fields.deep', withFields({ deep })))).toBe(
    'a value it reads is nested more than 64 deep',
  );
  expect(value('inputs.cluster', withFields({ deep }))).toBe('eu');
});

test('an error quotes an attacker in one short line', () => {
  const said = reason(() =>
    value('bool(alert.fields.text)', withFields({ text: `\n${'x'.repeat(10_000)}` })),
  );
  expect(said.length).toBeLessThan(310);
  expect(said).not.toContain('\n');
});

test('what an expression yields is never read as a template again', () => {
  expect(render({ cel: 'alert.summary' }, scope)).toBe('${{ inputs.cluster }}');
  expect(render({ concat: [{ literal: 'saw ' }, { cel: 'alert.summary' }] }, scope)).toBe(
    'saw ${{ inputs.cluster }}',
  );
});

test('a template keeps the type of a lone expression and writes scalars into texts', () => {
  expect(
    render(
      {
        map: {
          count: { cel: 'inputs.count' },
          text: { concat: [{ cel: 'inputs.count' }, { literal: '/' }, { cel: 'inputs.force' }] },
          list: { list: [{ literal: null }, { cel: 'alert.fields.argv' }] },
        },
      },
      scope,
    ),
  ).toEqual({ count: 3, text: '3/true', list: [null, ['sh', '-c']] });
  expect(reason(() => render({ concat: [{ cel: 'alert.fields' }] }, scope))).toBe(
    'a map cannot stand inside a text',
  );
  expect(reason(() => render({ concat: [{ cel: 'null' }] }, scope))).toBe('null cannot stand inside a text');
});

test('what a template renders is bounded as a whole', () => {
  const long = withFields({ text: 'x'.repeat(60_000) });
  const list = Array.from({ length: 5 }, () => ({ cel: 'alert.fields.text' }));
  expect(reason(() => render({ list }, long))).toContain('together larger than 262144');
});

const fragments =
  'inputs alert steps cluster fields map has exists in null x r b 1 2.0 . [ ] ( ) { } \' " \\ + - * / // == && || ! ? : ,';
const fragment = fc.constantFrom(' ', '\n', ...fragments.split(' '));

test('arbitrary text is evaluated or refused, and never anything else', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragment, { maxLength: 30 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (cel) => {
      try {
        canonical(value(cel));
      } catch (error) {
        expect(error).toBeInstanceOf(ExpressionError);
      }
    }),
    { numRuns: 3000 },
  );
});

test('arbitrary fields come through unchanged, whatever their names', () => {
  const text = fc.string({ unit: 'grapheme' });
  const name = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', ''));
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }).map((pairs): Json => Object.fromEntries(pairs)),
    ),
  }));
  fc.assert(
    fc.property(tree, (json) => {
      expect(canonical(value('alert.fields.value', withFields({ value: json })))).toBe(canonical(json));
      expect(canonical(render({ literal: json }, scope))).toBe(canonical(json));
    }),
  );
});
