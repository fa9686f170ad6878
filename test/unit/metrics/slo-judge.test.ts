import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import type { Answer } from '../../../activities/metrics/prometheus.ts';
import type { Objective } from '../../../activities/metrics/slo-check/contract.ts';
import { judge, numberIn, reliable } from '../../../activities/metrics/slo-check/judge.ts';

const at = 1_700_000_000;
const vector = (...values: string[]): Answer => ({
  status: 'success',
  data: {
    resultType: 'vector',
    result: values.map((value, index) => ({ metric: { pod: `p${index}` }, value: [at, value] })),
  },
  warnings: [],
  infos: [],
});
const asked = (answer: Answer, age: number | undefined = 1) => ({
  answer,
  freshness: { selector: 'a' },
  ages: new Map([['a', age]]),
});
const bounds = { maxStalenessSeconds: 120, allowInfos: false };
const codes = (answer: Answer, age?: number, given = bounds) =>
  reliable('objective x', asked(answer, age), given).findings.map(({ code }) => code);

test('one fresh finite number is reliable', () => {
  expect(reliable('objective x', asked(vector('0.25')), bounds)).toEqual({ value: 0.25, findings: [] });
});

test.each([
  ['nothing', vector(), ['no-data']],
  ['NaN', vector('NaN'), ['not-finite']],
  ['infinite', vector('+Inf'), ['not-finite']],
  ['minus infinite', vector('-Inf'), ['not-finite']],
  ['beyond a double', vector('1e400'), ['not-finite']],
  ['an empty text', vector(''), ['not-finite']],
  ['blank', vector(' '), ['not-finite']],
  ['hexadecimal', vector('0x10'), ['not-finite']],
  ['several', vector('1', '1'), ['several-series']],
  [
    'a text',
    { ...vector(), data: { resultType: 'string', result: [at, '1'] } } satisfies Answer,
    ['no-number'],
  ],
  ['a matrix', { ...vector(), data: { resultType: 'matrix', result: [] } } satisfies Answer, ['no-number']],
  [
    'a histogram',
    {
      ...vector(),
      data: { resultType: 'vector', result: [{ metric: {}, histogram: [at, { count: '1' }] }] },
    } satisfies Answer,
    ['no-number'],
  ],
  ['a warning', { ...vector('1'), warnings: ['PromQL warning: x'] }, ['annotated']],
  ['an info', { ...vector('1'), infos: ['PromQL info: x'] }, ['annotated']],
])('%s is not', (_name, answer, expected) => {
  expect(codes(answer)).toEqual(expected);
});

test('an info may be allowed, a warning may not', () => {
  const lenient = { ...bounds, allowInfos: true };
  expect(codes({ ...vector('1'), infos: ['x'] }, 1, lenient)).toEqual([]);
  expect(codes({ ...vector('1'), warnings: ['x'] }, 1, lenient)).toEqual(['annotated']);
});

test('a sample counts up to its greatest age, and none at all does not', () => {
  expect(codes(vector('1'), 120)).toEqual([]);
  expect(codes(vector('1'), 120.1)).toEqual(['stale']);
  expect(reliable('x', { ...asked(vector('1')), ages: new Map() }, bounds).findings).toMatchObject([
    { code: 'stale', text: expect.stringContaining('there is no sample of a now') },
  ]);
});

test('labels of others cannot deceive whoever reads a reason', () => {
  const value: [number, string] = [at, '1'];
  const result = ['a\u{202E}\nok', 'b'].map((pod) => ({ metric: { pod }, value }));
  const answer: Answer = { ...vector(), data: { resultType: 'vector', result } };
  const [finding] = reliable('x', asked(answer), bounds).findings;
  expect(finding?.text).not.toMatch(/[\u{202E}\n]/u);
});

const verdict = (objective: Partial<Objective>, value: number, baseline?: number) =>
  judge({ name: 'x', query: 'a', ...objective }, value, baseline).judged;

test.each<[string, Partial<Objective>, number, number | undefined, boolean, number | undefined]>([
  ['at its bound', { atMost: 5 }, 5, undefined, true, 5],
  ['above it', { atMost: 5 }, 5.01, undefined, false, 5],
  ['below its least', { atLeast: 0.99 }, 0.98, undefined, false, 0.99],
  ['half as much again', { atMost: 100, worseBy: { factor: 1.5 } }, 15, 10, true, 15],
  ['more than that', { atMost: 100, worseBy: { factor: 1.5 } }, 15.1, 10, false, 15],
  ['the bound itself is stricter', { atMost: 12, worseBy: { factor: 1.5 } }, 13, 10, false, 12],
  ['of nothing a factor allows nothing', { atMost: 1, worseBy: { factor: 10 } }, 0.001, 0, false, 0],
  ['an amount does', { atMost: 1, worseBy: { factor: 10, absolute: 0.01 } }, 0.01, 0, true, 0.01],
  ['less is worse', { atLeast: 0, worseBy: { factor: 2 } }, 5, 10, true, 5],
  ['less than half', { atLeast: 0, worseBy: { factor: 2 } }, 4.9, 10, false, 5],
  ['a negative baseline', { worseBy: { factor: 1.5, direction: 'higher' } }, -5, -10, true, -5],
  ['better is never worse', { worseBy: { factor: 1, direction: 'lower' } }, 11, 10, true, 10],
  ['only recorded', { record: true }, 1e9, 1, true, undefined],
])('%s', (_name, objective, value, baseline, isOk, threshold) => {
  const judged = verdict(objective, value, baseline);
  expect(judged.ok).toBe(isOk);
  expect(judged.threshold).toBe(threshold);
});

const amount = fc.double({ min: -1e6, max: 1e6, noNaN: true });

test('what is no worse than the baseline is never a breach of worseBy', () => {
  fc.assert(
    fc.property(
      amount,
      amount,
      fc.double({ min: 1, max: 1000, noNaN: true }),
      fc.double({ min: 0, max: 1e3, noNaN: true }),
      fc.constantFrom('higher', 'lower'),
      (baseline, change, factor, absolute, direction) => {
        const better = direction === 'higher' ? baseline - Math.abs(change) : baseline + Math.abs(change);
        return verdict({ worseBy: { factor, absolute, direction } }, better, baseline).ok;
      },
    ),
  );
});

test('worse than a value that breaches is a breach as well', () => {
  fc.assert(
    fc.property(amount, amount, amount, fc.boolean(), (bound, value, more, high) => {
      const objective = high ? { atMost: bound } : { atLeast: bound };
      const worse = high ? value + Math.abs(more) : value - Math.abs(more);
      return verdict(objective, value).ok || !verdict(objective, worse).ok;
    }),
  );
});

test('whatever text a sample has, it is a finite number or a failure', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.double().map(String)), (text) => {
      const found = numberIn(vector(text));
      return 'value' in found
        ? Number.isFinite(found.value) && text.trim() !== ''
        : found.code === 'not-finite';
    }),
  );
});
