import { expect, test } from '@jest/globals';
import { mustBeFresh, notFresh, prepare } from '../../../activities/metrics/slo-check/query.ts';

function prepared(text: string, window = '5m') {
  const result = prepare(text, window);
  if ('why' in result) throw new Error(result.why);
  return result;
}

/** What is wanting when only these selectors are fresh. */
function wanting(text: string, ...fresh: string[]): string[] {
  return notFresh(prepared(text).freshness, (selector) => fresh.includes(selector));
}

test('the window stands wherever $window does', () => {
  expect(prepared('rate(a[$window]) / rate(b[$window])', '90s').query).toBe('rate(a[90s]) / rate(b[90s])');
});

test('selectors are found wherever they stand, each once', () => {
  const text = `histogram_quantile(0.99, sum by (le) (rate(a_bucket{job="x"}[5m] offset 1h)))
    > max_over_time(sum(b)[10m:1m]) + on(x) group_left a_bucket{job="x"} # c{}`;
  expect(prepared(text).selectors).toEqual(['a_bucket{job="x"}', 'b']);
});

test('all that a query needs must be fresh, and one side of an or', () => {
  expect(wanting('a / b', 'a')).toEqual(['b']);
  expect(wanting('(a or vector(0)) / b', 'b')).toEqual([]);
  expect(wanting('(a or vector(0)) / b', 'a')).toEqual(['b']);
  expect(wanting('(a or c) / b', 'b')).toEqual(['a', 'c']);
  expect(wanting('(a or c) / b', 'b', 'c')).toEqual([]);
  expect(wanting('a unless b', 'a')).toEqual([]);
  expect(wanting('a unless b', 'b')).toEqual(['a']);
  expect(wanting('a and b', 'a')).toEqual(['b']);
  expect(wanting('a * (1 - absent(b))', 'a')).toEqual([]);
  expect(wanting('a + absent_over_time(b[5m])', 'a')).toEqual([]);
});

test('a number that comes whatever happens is known as one', () => {
  expect(mustBeFresh(prepared('sum(rate(a[5m])) or vector(0)').freshness)).toBe(false);
  expect(mustBeFresh(prepared('sum(rate(a[5m]))').freshness)).toBe(true);
});

test.each([
  ['sum(rate(a[5m])', 'is no PromQL'],
  ['', 'is no PromQL'],
  ['a b', 'is no PromQL'],
  ['rate(a[$windo])', 'is no PromQL'],
  ['vector(1)', 'selects no metric'],
  ['time() - 5', 'selects no metric'],
  ['absent(a)', 'selects no metric'],
  [Array.from({ length: 11 }, (_, index) => `m${index}`).join(' + '), '11 selectors'],
])('%j cannot be asked', (text, why) => {
  expect(prepare(text, '5m')).toMatchObject({ why: expect.stringContaining(why) });
});

test('a selector inside a text is none', () => {
  expect(prepared(String.raw`label_replace(a, "x", "b or vector(0)", "y", "(.*)")`).selectors).toEqual(['a']);
});
