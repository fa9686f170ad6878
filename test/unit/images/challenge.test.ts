import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseChallenges } from '../../../activities/images/registry/challenge.ts';
import { retryAfterMs } from '../../../activities/images/registry/waiting.ts';

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.each([
  ['Basic realm="a b"', [['basic', { realm: 'a b' }]]],
  [
    'Bearer realm="https://auth.example/token?a=b,c",service="registry.example",scope="repository:a/b:pull,push"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.example/token?a=b,c',
          service: 'registry.example',
          scope: 'repository:a/b:pull,push',
        },
      ],
    ],
  ],
  // RFC 9110 §11.6.1
  [
    'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
    [
      ['basic', { realm: 'simple' }],
      ['newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
    ],
  ],
  [
    'Negotiate, Basic realm=x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Negotiate YWJj==, Basic Realm = x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Basic realm="Bearer realm=\\"https://evil.example\\""',
    [['basic', { realm: 'Bearer realm="https://evil.example"' }]],
  ],
  [
    'Bearer realm="https://a.example",realm="https://b.example"',
    [['bearer', { realm: 'https://a.example' }]],
  ],
  [' , ,Basic', [['basic', {}]]],
  ['', []],
  ['"', []],
  ['Bearer realm="https://a.example', [['bearer', {}]]],
])('%s', (header, expected) => {
  expect(read(header)).toEqual(expected);
});

test('any header is read in time, without an error', () => {
  const noise = fc.string({
    unit: fc.constantFrom(...Array.from('aB= ,"\\\t/'), 'Bearer ', 'realm='),
    maxLength: 300,
  });
  fc.assert(fc.property(noise, (header) => void parseChallenges(header)));
  const began = performance.now();
  for (const unit of ['a ', 'a=', '"\\', 'a="', ',', '\\"']) parseChallenges(`Bearer ${unit.repeat(8_000)}`);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('a challenge that is written is read back', () => {
  const value = fc.string({ unit: 'grapheme-ascii' });
  const name = fc.stringMatching(/^[a-z]{1,10}$/);
  fc.assert(
    fc.property(fc.dictionary(name, value, { minKeys: 1 }), (parameters) => {
      const text = Object.entries(parameters)
        .map(([key, one]) => `${key}="${one.replace(/["\\]/g, '\\$&')}"`)
        .join(', ');
      expect(read(`Bearer ${text}, Basic realm="x"`)).toEqual([
        ['bearer', { ...parameters }],
        ['basic', { realm: 'x' }],
      ]);
    }),
  );
});

const now = Date.UTC(1994, 10, 6, 8, 49, 7);
test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
  ['Sun Nov  6 08:49:37 1994', 30_000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  [undefined, undefined],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['2026-01-01', undefined],
  ['soon', undefined],
  ['Soon enough', undefined],
])('Retry-After: %s', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected);
});
