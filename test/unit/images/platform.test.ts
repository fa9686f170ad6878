import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  formatPlatform,
  parsePlatform,
  platformChild,
  type Platform,
} from '../../../activities/images/platform.ts';
import type { Descriptor } from '../../../activities/images/registry/manifest.ts';
import { sha256 } from '../../../domain/json.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';

function child(platform: string | undefined, more: Partial<Descriptor> = {}): Descriptor {
  const [os = '', architecture = '', variant] = (platform ?? '').split('/');
  return {
    mediaType: IMAGE,
    digest: sha256(String(platform)),
    size: 1,
    ...(platform === undefined ? {} : { platform: { os, architecture, variant } }),
    ...more,
  };
}
const of = (platforms: readonly string[]) => ({ manifests: platforms.map((platform) => child(platform)) });
const childOf = (platforms: readonly string[], wanted: string) =>
  platformChild(of(platforms), parsePlatform(wanted), 'the index').digest;

const usual = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v6',
  'linux/arm/v7',
  'windows/amd64',
  'unknown/unknown',
];

test.each([
  [usual, 'linux/amd64', 'linux/amd64'],
  [usual, 'linux/arm64', 'linux/arm64'],
  [usual, 'linux/arm64/v8', 'linux/arm64'],
  [usual, 'linux/aarch64', 'linux/arm64'],
  [usual, 'linux/arm/v7', 'linux/arm/v7'],
  [usual, 'windows/amd64', 'windows/amd64'],
  [['linux/arm64/v8'], 'linux/arm64', 'linux/arm64/v8'],
  [['linux/amd64', 'linux/amd64/v3'], 'linux/amd64', 'linux/amd64'],
  [['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v3', 'linux/amd64/v3'],
  [['linux/arm/v7', 'linux/amd64'], 'linux/arm', 'linux/arm/v7'],
])('of %j a node of %s runs %s', (platforms, wanted, expected) => {
  expect(childOf(platforms, wanted)).toBe(sha256(expected));
});

test.each([
  ['none fits', usual, 'linux/s390x', 'has no image for linux/s390x; it has linux/amd64, linux/arm64'],
  ['another system', ['linux/amd64'], 'windows/amd64', 'has no image'],
  ['a variant that is not there', ['linux/amd64/v3'], 'linux/amd64', 'has no image'],
  ['several fit', usual, 'linux/arm', 'several images for linux/arm: linux/arm/v6, linux/arm/v7'],
  ['what is no platform', usual, 'unknown/unknown', 'must be known'],
  ['an empty index', [], 'linux/amd64', 'it has none'],
])('%s: refused', (_what, platforms, wanted, words) => {
  expect(() => childOf(platforms, wanted)).toThrow(
    expect.objectContaining({ code: 'FB3810', message: expect.stringContaining(words) }),
  );
});

const amd64: Platform = { os: 'linux', architecture: 'amd64' };

test.each([
  [
    'another index',
    child('linux/arm64', { mediaType: 'application/vnd.oci.image.index.v1+json' }),
    'holds another index',
  ],
  [
    'a list of Docker',
    child('linux/arm64', { mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' }),
    'holds another index',
  ],
  ['an image for no platform, which containerd may take', child(undefined), 'for no platform'],
  [
    'one that calls itself an artifact, for the same platform',
    child('linux/amd64', { digest: sha256('x'), artifactType: 'a/b' }),
    'several images',
  ],
  ['a second one for the same platform', child('linux/amd64/v1', { digest: sha256('x') }), 'several images'],
])('an index with %s is refused', (_what, other, words) => {
  for (const manifests of [
    [child('linux/amd64'), other],
    [other, child('linux/amd64')],
  ])
    expect(() => platformChild({ manifests }, amd64, 'the index')).toThrow(words);
});

test('the same image twice is one; one that is named by another algorithm is none', () => {
  expect(childOf(['linux/amd64', 'linux/amd64'], 'linux/amd64')).toBe(sha256('linux/amd64'));
  const manifests = [child('linux/amd64', { digest: `sha512:${'a'.repeat(128)}` })];
  expect(() => platformChild({ manifests }, amd64, 'the index')).toThrow('SHA-256');
});

test.each(['', 'linux', 'linux/', '/amd64', 'linux/amd64/', 'linux/amd64/v1/x', 'Linux/amd64', 'linux/a b'])(
  '%j is no platform',
  (text) => expect(() => parsePlatform(text)).toThrow('FB3810'),
);

test('the order of an index never decides', () => {
  const platforms = fc.uniqueArray(fc.constantFrom(...usual, 'linux/amd64/v3', 'linux/arm64/v9'), {
    minLength: 1,
  });
  fc.assert(
    fc.property(platforms, fc.constantFrom(...usual), (list, wanted) => {
      const outcome = (order: readonly string[]) => {
        try {
          return childOf(order, wanted);
        } catch {
          return 'refused';
        }
      };
      expect(outcome(list.toReversed())).toBe(outcome(list));
      if (list.includes(wanted) && wanted !== 'unknown/unknown') expect(outcome(list)).toBe(sha256(wanted));
      expect(formatPlatform(parsePlatform(wanted))).toBe(wanted);
    }),
  );
});
