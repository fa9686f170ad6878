import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  canonicalName,
  formatReference,
  parseReference,
  type ImageReference,
} from '../../../activities/images/reference.ts';
import { FirebreakError } from '../../../domain/errors.ts';

const hex = 'f'.repeat(64);
const digest = `sha256:${hex}` as const;

test.each([
  ['redis', { registry: 'docker.io', repository: 'library/redis' }],
  ['redis:7', { registry: 'docker.io', repository: 'library/redis', tag: '7' }],
  ['acme/redis', { registry: 'docker.io', repository: 'acme/redis' }],
  ['docker.io/redis', { registry: 'docker.io', repository: 'library/redis' }],
  ['docker.io/acme/redis', { registry: 'docker.io', repository: 'acme/redis' }],
  ['index.docker.io/redis', { registry: 'docker.io', repository: 'library/redis' }],
  ['library/redis', { registry: 'docker.io', repository: 'library/redis' }],
  ['docker.io/library/a/b', { registry: 'docker.io', repository: 'library/a/b' }],
  // One part is a name, though it looks like a host with a port.
  ['test.com:5000', { registry: 'docker.io', repository: 'library/test.com', tag: '5000' }],
  ['192.168.1.1:5000', { registry: 'docker.io', repository: 'library/192.168.1.1', tag: '5000' }],
  ['foo/foo_bar.com:8080', { registry: 'docker.io', repository: 'foo/foo_bar.com', tag: '8080' }],
  ['localhost/api', { registry: 'localhost', repository: 'api' }],
  ['localhosts/api', { registry: 'docker.io', repository: 'localhosts/api' }],
  ['test:5000/repo', { registry: 'test:5000', repository: 'repo' }],
  ['test:5000/repo:5050', { registry: 'test:5000', repository: 'repo', tag: '5050' }],
  ['LOCALDOMAIN/api', { registry: 'LOCALDOMAIN', repository: 'api' }],
  ['DOCKER.IO/api', { registry: 'DOCKER.IO', repository: 'api' }],
  [`test:5000/repo@${digest}`, { registry: 'test:5000', repository: 'repo', digest }],
  [`test:5000/repo:tag@${digest}`, { registry: 'test:5000', repository: 'repo', tag: 'tag', digest }],
  ['[2001:db8::1]:5000/repo:t', { registry: '[2001:db8::1]:5000', repository: 'repo', tag: 't' }],
  ['[::1]/repo', { registry: '[::1]', repository: 'repo' }],
  ['xn--n3h.com/myimage:xn--n3h.com', { registry: 'xn--n3h.com', repository: 'myimage', tag: 'xn--n3h.com' }],
  ['a.b/c__d/e---f/g.h_i', { registry: 'a.b', repository: 'c__d/e---f/g.h_i' }],
  [`docker.io/${hex}`, { registry: 'docker.io', repository: `library/${hex}` }],
  [`a.b/${'a/'.repeat(127)}a`, { registry: 'a.b', repository: `${'a/'.repeat(127)}a` }],
] satisfies [string, ImageReference][])('%s is read as container runtimes do', (text, expected) => {
  expect(parseReference(text)).toEqual(expected);
});

test.each([
  '',
  ' redis',
  'redis ',
  'redis\n',
  ':tag',
  `@${digest}`,
  hex,
  'Redis',
  'acme/Redis',
  'test:5000/Upper/lower:tag',
  'https://a.b/c',
  '-acme/redis',
  '-a.b/redis',
  'a.b/-redis',
  'a.b/redis-',
  'a.b//redis',
  'a.b/',
  '/redis',
  'a.b/../c',
  'a.b/./c',
  'a.b/c..d',
  'a.b/c._d',
  'a.b/c___d',
  'a..b/c',
  'a.b/c%2fd',
  'a.b/c?d',
  'a.b/c#d',
  'user@a.b/c',
  'user:word@a.b/c',
  'a.b/c:',
  'a.b/c:-t',
  'a.b/c:t:u',
  `a.b/c:${'t'.repeat(129)}`,
  'a.b/c@',
  'a.b/c@sha256:ff',
  `a.b/c@sha256:${'F'.repeat(64)}`,
  `a.b/c@sha512:${'f'.repeat(128)}`,
  `a.b/c@md5:${'f'.repeat(32)}`,
  `a.b/c@${digest}f`,
  `a.b/c@${digest}@${digest}`,
  `a.b/c@${digest}:t`,
  'fc00::1:5000/c',
  '[fe80::1%eth0]:5000/c',
  '[2001:db8:3:4::192.0.2.33]:5000/c',
  '[::::]/c',
  '[::1]',
  'a.b:0/c',
  'a.b:65536/c',
  'a.b:/c',
  'a_b.c/d',
  'ä.b/c',
  'a.b/ⅽ',
  `a.b/${'a/'.repeat(128)}a`,
  'a'.repeat(5000),
])('%j is refused, with its number', (text) => {
  expect(() => parseReference(text)).toThrow(
    expect.objectContaining({
      code: 'FB3801',
      message: expect.stringContaining('FB3801: the image reference'),
    }),
  );
});

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const run = fc.string({ unit: fc.constantFrom(...Array.from(letters)), minLength: 1, maxLength: 8 });
const separator = fc.constantFrom('.', '_', '__', '-', '--', '---');
const component = fc
  .tuple(run, fc.array(fc.tuple(separator, run), { maxLength: 3 }))
  .map(([first, more]) => first + more.flat().join(''));
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const host = fc
  .tuple(fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('localhost', '[::1]', '[2001:db8::7]')), port)
  .map(([name, number]) => (number === undefined ? name : `${name}:${number}`))
  .filter((name) => name !== 'docker.io' && name !== 'index.docker.io');
const reference: fc.Arbitrary<ImageReference> = fc.record(
  {
    registry: host,
    repository,
    tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/),
    digest: fc.stringMatching(/^[a-f0-9]{64}$/).map((text) => `sha256:${text}` as const),
  },
  { requiredKeys: ['registry', 'repository'] },
);

test('what is written is read back', () => {
  fc.assert(
    fc.property(reference, (value) => {
      expect(parseReference(formatReference(value))).toEqual(value);
      expect(formatReference(value).startsWith(canonicalName(value))).toBe(true);
    }),
  );
});

test('a reference is read as one thing only: what was read is written and read back as the same', () => {
  const noise = fc.string({
    unit: fc.constantFrom(...Array.from('abA0.:/@-_[]% \n'), 'sha256:', hex, 'docker.io/'),
  });
  fc.assert(
    fc.property(noise, (text) => {
      try {
        const read = parseReference(text);
        expect(parseReference(formatReference(read))).toEqual(read);
        expect(formatReference(read)).toMatch(/^[\x21-\x7e]+$/);
      } catch (error) {
        if (!(error instanceof FirebreakError)) throw error;
        expect(error.code).toBe('FB3801');
      }
    }),
    { numRuns: 2_000 },
  );
});

test.each(['-', 'a-', 'a.', 'a_', 'a/', '[:', '1'])('%j a thousand times takes no time', (unit) => {
  const began = performance.now();
  for (const text of [unit.repeat(500), `${unit.repeat(500)}/x!`, `a.b/${unit.repeat(500)}!`])
    expect(() => parseReference(`${text}!`)).toThrow(FirebreakError);
  expect(performance.now() - began).toBeLessThan(200);
});
