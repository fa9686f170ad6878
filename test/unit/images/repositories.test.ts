import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { covers } from '../../../activities/images/repositories.ts';

test.each([
  ['registry.example/shop/api', 'registry.example/shop/api', true],
  ['registry.example/shop/api', 'registry.example/shop/api2', false],
  ['registry.example/shop/api', 'registry.example/shop', false],
  ['registry.example/shop/*', 'registry.example/shop/api', true],
  ['registry.example/shop/*', 'registry.example/shop/api/tools', false],
  ['registry.example/shop/*', 'registry.example/shop', false],
  ['registry.example/shop/*', 'registry.example/shopping/api', false],
  ['registry.example/*/api', 'registry.example/shop/api', true],
  ['registry.example/shop/api-*-x', 'registry.example/shop/api-1-x', true],
  ['registry.example/shop/api-*-x', 'registry.example/shop/api-x', false],
  ['registry.example/shop/a*a', 'registry.example/shop/a', false],
  ['registry.example/shop/*a*b*', 'registry.example/shop/xxaxbx', true],
  ['registry.example/shop/*a*b*', 'registry.example/shop/xxbxax', false],
  ['registry.example/**', 'registry.example/a/b/c', true],
  ['registry.example/**', 'registry.example', false],
  ['registry.example/**/api', 'registry.example/a/b/api', true],
  ['registry.example/**/api', 'registry.example/api', false],
  ['registry.example/shop.*', 'registry.example/shopx', false],
  ['registry.example:5000/*', 'registry.example/api', false],
  ['registry.example/*', 'evil.example/registry.example/api', false],
])('%s and %s: %s', (pattern, repository, expected) => {
  expect(covers(pattern, repository)).toBe(expected);
});

test('agrees with the regular expression that says the same', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 5 });
  const pattern = fc.array(
    fc.oneof(
      part.map((text) => text.replaceAll('**', '*')),
      fc.constant('**'),
    ),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  const name = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(pattern, name, (patterns, parts) => {
      const source = patterns
        .map((one) =>
          one === '**' ? '[^/]+(?:/[^/]+)*' : one.replaceAll('.', String.raw`\.`).replaceAll('*', '[^/]*'),
        )
        .join('/');
      const expected = new RegExp(`^${source}$`, 'u').test(parts.join('/'));
      expect(covers(patterns.join('/'), parts.join('/'))).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

test('a long name costs no time, whatever the pattern', () => {
  expect(covers(`r.example/${'a*'.repeat(200)}b`, `r.example/${'a'.repeat(250)}`)).toBe(false);
  expect(covers(`r.example/${'**/'.repeat(5)}b`, `r.example/${'a/'.repeat(60)}c`)).toBe(false);
});
