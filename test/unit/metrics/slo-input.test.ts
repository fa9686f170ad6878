import { expect, test } from '@jest/globals';
import { input, millisecondsOf, offsetsOf } from '../../../activities/metrics/slo-check/contract.ts';
import { questionsOf } from '../../../activities/metrics/slo-check/questions.ts';

const given = {
  metrics: 'prometheus',
  objectives: [{ name: 'errors', query: 'sum(rate(errors_total[$window]))', atMost: 1 }],
  traffic: { query: 'sum(increase(requests_total[$window]))', atLeast: 10 },
  window: '5m',
};
const objective = { name: 'errors', query: 'a' };
const baseline = {
  ok: true,
  window: '5m',
  at: '2026-01-02T03:04:05Z',
  objectives: [{ name: 'errors', value: 1 }],
};

const faults = (value: object) =>
  (input.safeParse(value).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('a whole check is taken, and so are the outputs of an earlier one', () => {
  expect(faults(given)).toEqual([]);
  const more = { ...baseline, measurements: 3, traffic: 4, evidence: 'sha256:x' };
  expect(faults({ ...given, during: '10m', every: '15s', baseline: more })).toEqual([]);
  expect(faults({ ...given, at: '2026-01-02T03:04:05+01:00', before: '30m' })).toEqual([]);
});

test.each<[string, object, string]>([
  ['no threshold', { objectives: [objective] }, 'give atMost, atLeast or worseBy'],
  ['two bounds', { objectives: [{ ...objective, atMost: 1, atLeast: 0 }] }, 'either atMost or atLeast'],
  ['recorded and judged', { objectives: [{ ...objective, atMost: 1, record: true }] }, 'either record'],
  ['no direction', { objectives: [{ ...objective, worseBy: { factor: 2 } }] }, 'say whether higher'],
  ['no room', { objectives: [{ ...objective, atMost: 1, worseBy: {} }] }, 'give factor, absolute'],
  [
    'a contradiction',
    { objectives: [{ ...objective, atMost: 1, worseBy: { factor: 2, direction: 'lower' } }] },
    'contradicts atMost',
  ],
  ['a factor below one', { objectives: [{ ...objective, atMost: 1, worseBy: { factor: 0.5 } }] }, '>=1'],
  [
    'a name twice',
    {
      objectives: [
        { ...objective, atMost: 1 },
        { ...objective, atMost: 2 },
      ],
    },
    'a name twice',
  ],
  ['no objective', { objectives: [] }, '>=1'],
  ['no traffic asked for', { traffic: { query: 'a', atLeast: 0 } }, '>0'],
  ['a past that goes on', { at: '2026-01-02T03:04:05Z', during: '5m' }, 'leave out at'],
  ['before nothing', { before: '5m' }, 'goes with at'],
  ['every without during', { every: '5s' }, 'goes with during'],
  ['too long', { during: '31m' }, 'at most 30m'],
  ['too often', { during: '30m', every: '1s' }, 'more than 200'],
  ['a failed baseline', { baseline: { ...baseline, ok: false } }, 'of a check that succeeded'],
  ['an unknown key', { windows: '5m' }, 'Unrecognized'],
  ['no number', { objectives: [{ ...objective, atMost: Number.NaN }] }, 'expected number'],
])('%s is refused', (_name, change, message) => {
  expect(faults({ ...given, ...change }).join('\n')).toContain(message);
});

test('it is measured at both ends, whatever lies between', () => {
  expect(millisecondsOf('90s')).toBe(90_000);
  expect(offsetsOf({})).toEqual([0]);
  expect(offsetsOf({ during: '1m' })).toEqual([0, 15, 30, 45, 60]);
  expect(offsetsOf({ during: '50s' })).toEqual([0, 15, 30, 45, 50]);
  expect(offsetsOf({ during: '10s', every: '15s' })).toEqual([0, 10]);
  expect(offsetsOf({ during: '30m', every: '15s' })).toHaveLength(121);
});

const asking = (change: object) => () => questionsOf(input.parse({ ...given, ...change }));

test('a baseline must fit', () => {
  const worse = { objectives: [{ ...given.objectives[0], worseBy: { factor: 2 } }] };
  expect(asking(worse)).toThrow('FB3903: baseline is missing');
  expect(asking({ ...worse, baseline: { ...baseline, objectives: [] } })).toThrow('has no objective errors');
  expect(asking({ ...worse, baseline: { ...baseline, window: '1h' } })).toThrow('looked over 1h');
  expect(asking({ ...worse, baseline })().objectives[0]?.baseline).toBe(1);
});

test('a query that cannot be asked is named', () => {
  expect(asking({ objectives: [{ ...objective, query: 'sum(', atMost: 1 }] })).toThrow(
    'FB3902: objectives[0].query is no PromQL',
  );
  expect(asking({ traffic: { query: 'sum(a) or vector(9)', atLeast: 1 } })).toThrow(
    'FB3902: traffic.query has a number whatever happens',
  );
});
