import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import type { FormField } from '../../../domain/decision.ts';
import { answersProblem, maxAnswerLength, maxAnswersLength, type Form } from '../../../domain/form.ts';
import type { Json } from '../../../domain/json.ts';

const one = (more: Partial<FormField>): Form => ({ x: { type: 'string', title: 'X', ...more } });
const faults = (form: Form, ...values: Json[]) =>
  values.filter((x) => answersProblem(form, { x }) !== undefined);

test('every field is needed, and nothing else is taken', () => {
  const form: Form = { ...one({}), y: { type: 'boolean', title: 'Y', default: true } };
  expect(answersProblem(form, { x: 'a', y: false })).toBeUndefined();
  expect(answersProblem(form, { x: 'a' })).toEqual({ field: 'y', message: 'is missing: give true or false' });
  expect(answersProblem(form, { x: 'a', y: false, z: 1 })).toEqual({
    field: 'z',
    message: 'is not asked: leave it out; asked: x, y',
  });
  expect(answersProblem({}, {})).toBeUndefined();
});

test('a field named like a member of every object is a field like others', () => {
  const names = ['constructor', 'toString'];
  const form: Form = Object.fromEntries(
    names.map((name) => [name, { type: 'string', title: name }] as const),
  );
  expect(answersProblem(form, {})).toMatchObject({ field: 'constructor' });
  expect(answersProblem(form, { constructor: 'a', toString: 'b' })).toBeUndefined();
  expect(answersProblem(one({}), { x: 'a', constructor: 'b' })).toMatchObject({ field: 'constructor' });
});

test('a text has its length and its Unicode', () => {
  expect(faults(one({}), 'a', 'a'.repeat(maxAnswerLength), '👍')).toEqual([]);
  const bad: Json[] = ['', 'a'.repeat(maxAnswerLength + 1), '\ud800', 1, true, null, ['a'], { a: 'a' }];
  expect(faults(one({}), ...bad)).toEqual(bad);
  expect(faults(one({ min: 0, max: 3 }), '', 'abc', 'abcd')).toEqual(['abcd']);
  expect(faults(one({ min: 2 }), 'a', 'ab')).toEqual(['a']);
});

test('a choice is one of its values, and nothing like them', () => {
  expect(faults(one({ oneOf: ['eu', 'us'] }), 'eu', 'EU', 'eu ', '', 'toString')).toEqual([
    'EU',
    'eu ',
    '',
    'toString',
  ]);
  expect(answersProblem(one({ oneOf: ['eu', 'us'] }), { x: 'de' })?.message).toBe(
    'does not fit: give one of "eu", "us"',
  );
});

test('a number is finite, in its range, and whole where it must be', () => {
  const number = one({ type: 'number', min: -1, max: 10 });
  expect(faults(number, -1, 0.5, 10, -1.01, 10.5, Number.NaN, Infinity, '1', true)).toEqual([
    -1.01,
    10.5,
    Number.NaN,
    Infinity,
    '1',
    true,
  ]);
  const whole = one({ type: 'integer' });
  expect(faults(whole, 0, -3, 1.5, 2 ** 53, '3')).toEqual([1.5, 2 ** 53, '3']);
  expect(answersProblem(one({ type: 'integer', min: 1, max: 3 }), { x: 4 })?.message).toBe(
    'does not fit: give a whole number from 1 to 3',
  );
});

test('a boolean is true or false, not a word for it', () => {
  expect(faults(one({ type: 'boolean' }), true, false, 'true', 1, 0, null)).toEqual(['true', 1, 0, null]);
});

test('answers that fit one by one are too many together when the ledger could not hold them', () => {
  const names = Array.from({ length: 20 }, (_, at) => `f${at}`);
  const form: Form = Object.fromEntries(names.map((title) => [title, { type: 'string', title } as const]));
  const filled = (text: string) => Object.fromEntries(names.map((name) => [name, text]));
  expect(answersProblem(form, filled('a'.repeat(maxAnswerLength)))).toBeUndefined();
  // Each is written as six characters.
  expect(answersProblem(form, filled('\u0001'.repeat(maxAnswerLength)))).toEqual({
    field: 'f4',
    message: expect.stringContaining(`at most ${maxAnswersLength} characters`),
  });
  expect(answersProblem(form, filled('"'.repeat(maxAnswerLength)))).toMatchObject({ field: 'f12' });
});

test('whatever is taken leaves room in an entry of the ledger for the rest of the decision', () => {
  // Texts are cheap to make long by repeating a short one: what is to be varied is how JSON writes them.
  const text = fc
    .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), fc.integer({ min: 0, max: 500 }))
    .map(([part, times]) => part.repeat(times));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20, size: 'max' }), (texts) => {
      const answers = Object.fromEntries(texts.map((value, at) => [`f${at}`, value]));
      const form: Form = Object.fromEntries(
        Object.keys(answers).map((title) => [title, { type: 'string', title, min: 0, max: 10_000 } as const]),
      );
      const length = JSON.stringify(answers).length;
      // A comma that JSON does not write after the last one makes the difference.
      if (answersProblem(form, answers) === undefined) expect(length).toBeLessThanOrEqual(maxAnswersLength);
      else expect(length).toBeGreaterThanOrEqual(maxAnswersLength);
    }),
    { numRuns: 200, endOnFailure: true },
  );
});
