import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { parseImagePolicy, trustOf } from '../../../activities/images/policy.ts';
import { imageReasonCodes } from '../../../domain/image.ts';
import { sha256 } from '../../../domain/json.ts';
import { createSigstore } from '../../support/sigstore.ts';

const pemOf = ({ publicKey }: { publicKey: { export(options: object): unknown } }): string =>
  String(publicKey.export({ format: 'pem', type: 'spki' }));
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = pemOf(pair);
const trustedRoot = {
  file: 'root.json',
  sha256: sha256('root'),
  asOf: '2026-11-01T00:00:00Z',
  maxAgeDays: 30,
};
const identity = { identity: 'https://git.example/a@refs/heads/main', issuer: 'https://ci.example' };
const minimal = {
  images: [{ repositories: ['registry.example/shop/*'], signedBy: [{ key: 'release' }] }],
  keys: { release: { pem } },
};

function faultsOf(value: unknown): string[] {
  try {
    parseImagePolicy(value);
  } catch (error) {
    const [first, ...faults] = String(Reflect.get(Object(error), 'message')).split('\n');
    expect(first).toBe('FB3811: the image policy is not valid');
    return faults;
  }
  return [];
}

describe('a policy', () => {
  test('needs little, and says what it leaves out', () => {
    expect(parseImagePolicy(minimal)).toEqual({
      images: [
        { repositories: ['registry.example/shop/*'], signedBy: [{ key: 'release' }], attestations: [] },
      ],
      keys: { release: { pem, outsideWindow: false } },
      revokedIdentities: [],
      deniedDigests: [],
      knownGood: [],
    });
  });

  test('with all that there is, is kept as it is', () => {
    const whole = {
      images: [
        {
          repositories: [
            'registry.example:5000/shop/**',
            'docker.io/library/nginx',
            'localhost/a',
            '127.0.0.1:5000/b',
            '[::1]:5000/c',
          ],
          signedBy: [{ key: 'release' }, identity],
          attestations: [
            {
              predicateTypes: ['https://slsa.dev/provenance/v1'],
              builder: 'b',
              source: 's',
              signedBy: [identity],
            },
            { predicateTypes: ['https://spdx.dev/Document', 'https://cyclonedx.org/bom'] },
          ],
        },
      ],
      keys: {
        release: {
          pem,
          validFrom: '2026-01-01T00:00:00Z',
          revokedAt: '2026-11-01T00:00:00+01:00',
          outsideWindow: true,
        },
      },
      revokedIdentities: [{ ...identity, revokedAt: '2026-11-01T00:00:00Z' }, identity],
      deniedDigests: [sha256('bad')],
      knownGood: [{ repositories: ['registry.example/shop/*'], digest: sha256('good') }],
      window: { from: '2026-11-01T00:00:00Z', to: '2026-11-02T00:00:00Z' },
      trustedRoot,
    };
    expect(parseImagePolicy(whole)).toEqual(whole);
  });

  test.each<[string, unknown]>([
    ['the file: Invalid input: expected object, received array', []],
    ['images: Invalid input: expected array, received undefined', { keys: {} }],
    ['images: Too small: expected array to have >=1 items', { images: [] }],
    [
      'images.0.signedBy: Too small: expected array to have >=1 items',
      { ...minimal, images: [{ ...minimal.images[0], signedBy: [] }] },
    ],
    [
      'images.0.signedBy.0.key: there is no key "other" under keys',
      { ...minimal, images: [{ ...minimal.images[0], signedBy: [{ key: 'other' }] }] },
    ],
    [
      'images.0.signedBy.0.key: there is no key "constructor" under keys',
      { ...minimal, images: [{ ...minimal.images[0], signedBy: [{ key: 'constructor' }] }] },
    ],
    [
      'images.0.signedBy.0: an identity can be verified only with a trustedRoot',
      { ...minimal, images: [{ ...minimal.images[0], signedBy: [identity] }] },
    ],
    ['the file: Unrecognized key: "image"', { ...minimal, image: [] }],
    [
      'window: `to` must not be before `from`',
      { ...minimal, window: { from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z' } },
    ],
    [
      'window.from: must be a time with its zone, such as 2026-11-23T18:00:00Z',
      { ...minimal, window: { from: '2026-11-02' } },
    ],
    [
      'deniedDigests.0: must be sha256: and 64 lower-case hexadecimal digits',
      { ...minimal, deniedDigests: [sha256('x').toUpperCase()] },
    ],
    [
      'images.0.attestations.0: a builder or a source can be required only of https://slsa.dev/provenance/v1 and https://slsa.dev/provenance/v0.2',
      {
        ...minimal,
        images: [
          {
            ...minimal.images[0],
            attestations: [{ predicateTypes: ['https://spdx.dev/Document'], builder: 'b' }],
          },
        ],
      },
    ],
    [
      'images.0.attestations.0: https://sigstore.dev/cosign/sign/v1 is a signature, not an attestation',
      {
        ...minimal,
        images: [
          {
            ...minimal.images[0],
            attestations: [{ predicateTypes: ['https://sigstore.dev/cosign/sign/v1'] }],
          },
        ],
      },
    ],
    [
      'images.0.attestations.0.signedBy.0.key: there is no key "x" under keys',
      {
        ...minimal,
        images: [
          { ...minimal.images[0], attestations: [{ predicateTypes: ['p'], signedBy: [{ key: 'x' }] }] },
        ],
      },
    ],
    [
      'keys.twin.pem: it is the same key as "release"',
      { ...minimal, keys: { release: { pem }, twin: { pem: `\n${pem}\n` } } },
    ],
    [
      'revokedIdentities.0.identity: is compared exactly, and cannot have a *: list each one',
      { ...minimal, revokedIdentities: [{ ...identity, identity: 'https://git.example/*' }] },
    ],
    [
      'revokedIdentities.0.identity: must be printable ASCII without spaces',
      { ...minimal, revokedIdentities: [{ ...identity, identity: 'é' }] },
    ],
  ])('with a fault says: %s', (fault, value) => {
    expect(faultsOf(value)).toContain(fault);
  });

  test.each([
    'shop/*',
    'api',
    'https://registry.example/a',
    '*.example/shop',
    'registry.example/',
    'registry.example',
    'registry.example/a**',
    'registry.example//a',
    'registry.example/Shop',
    'registry.example/a:v1',
    'registry.example/a@sha256:0',
    '*/*',
    '**',
    'registry.example/a b',
  ])('may not name the repositories %s', (pattern) => {
    expect(faultsOf({ ...minimal, images: [{ ...minimal.images[0], repositories: [pattern] }] })).not.toEqual(
      [],
    );
  });

  test.each([
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }), true],
    ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' }), true],
    ['Ed25519', generateKeyPairSync('ed25519'), true],
    ['RSA 2048', generateKeyPairSync('rsa', { modulusLength: 2048 }), true],
    ['RSA 1024', generateKeyPairSync('rsa', { modulusLength: 1024 }), false],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), false],
    ['Ed448', generateKeyPairSync('ed448'), false],
    ['X25519', generateKeyPairSync('x25519'), false],
  ])('with a key of %s is taken: %s', (_kind, one, usable) => {
    expect(faultsOf({ ...minimal, keys: { release: { pem: pemOf(one) } } })).toEqual(
      usable
        ? []
        : ['keys.release.pem: must be ECDSA (P-256, P-384 or P-521), Ed25519, or RSA of 2048 bits or more'],
    );
  });

  test('may not hold a private key, and does not repeat it', () => {
    const secret = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    const faults = faultsOf({ ...minimal, keys: { release: { pem: secret } } });
    expect(faults).toEqual(['keys.release.pem: must be a public key in PEM (-----BEGIN PUBLIC KEY-----)']);
  });

  test('with a key that is cut short says so', () => {
    const faults = faultsOf({ ...minimal, keys: { release: { pem: pem.slice(0, 80) } } });
    expect(faults).toEqual(['keys.release.pem: cannot be read: copy the whole public key again']);
  });
});

/** A copy of a JSON value with one part of it replaced. */
function replaced(value: unknown, [key, ...path]: (string | number)[], part: unknown): unknown {
  if (key === undefined) return part;
  if (Array.isArray(value))
    return value.map((one: unknown, at) => (at === key ? replaced(one, path, part) : one));
  return { ...Object(value), [key]: replaced(Reflect.get(Object(value), key), path, part) };
}

const policy = parseImagePolicy({ ...minimal, trustedRoot });

/** The code with which a root is refused, under a policy that pins another, or the same. */
const codeOf = (root: string | undefined, pinned: string): unknown => {
  try {
    trustOf({ ...policy, trustedRoot: { ...trustedRoot, sha256: sha256(pinned) } }, root);
  } catch (error) {
    return Reflect.get(Object(error), 'code');
  }
  return undefined;
};

describe('its reference', () => {
  const text = readFile(new URL('../../../docs/reference/image-policy.md', import.meta.url), 'utf8');

  test('shows a policy that is one', async () => {
    const [, example = ''] = /```yaml\n([^`]*)```/.exec(await text) ?? [];
    const value: unknown = parse(example.replace(/-----BEGIN[^]*END PUBLIC KEY-----/, indented(pem)));
    expect(parseImagePolicy(value)).toMatchObject({ images: [{}], keys: { release: { pem } } });
  });

  test('lists every reason, and no other', async () => {
    const [, table = ''] = (await text).split('## Why an image is or is not acceptable');
    const listed = [...table.matchAll(/^\|(.*?)\|/gm)].flatMap(
      ([, cell = '']) => cell.match(/(?<=`)[a-z-]+(?=`)/g) ?? [],
    );
    expect(listed.toSorted()).toEqual(imageReasonCodes.toSorted());
  });
});

const indented = (text: string): string => text.trim().replaceAll('\n', '\n      ');

describe('what a policy trusts', () => {
  test('is its keys, and the root that it pins', async () => {
    expect(trustOf(parseImagePolicy(minimal))).toEqual({
      keys: [{ name: 'release', publicKey: pair.publicKey }],
    });
    const { trustedRoot: text } = await createSigstore();
    const pinned = { ...policy, trustedRoot: { ...trustedRoot, sha256: sha256(text) } };
    const { root } = trustOf(pinned, text);
    expect(root?.freshUntil).toEqual(new Date('2026-12-01T00:00:00Z'));
    expect(root?.material.tlogs).toHaveLength(1);
  });

  test('is nothing when the root is missing, altered, or none', async () => {
    const { trustedRoot: text } = await createSigstore();
    expect(codeOf(undefined, text)).toBe('FB3812');
    expect(codeOf(`${text} `, text)).toBe('FB3814');
    expect(codeOf(text, text)).toBeUndefined();
    const broken = (part: string, ...path: (string | number)[]): string =>
      JSON.stringify(replaced(JSON.parse(text), path, part));
    for (const root of [
      '',
      '{}',
      text.slice(0, -1),
      broken('application/json', 'mediaType'),
      broken('none', 'timestampAuthorities'),
      broken('none', 'tlogs', 0, 'publicKey'),
      broken('none', 'ctlogs', 0, 'logId'),
      broken('AAAA', 'tlogs', 0, 'publicKey', 'rawBytes'),
      broken('none', 'certificateAuthorities', 0, 'certChain', 'certificates'),
      broken('AAAA', 'certificateAuthorities', 0, 'certChain', 'certificates', 0, 'rawBytes'),
    ]) {
      expect([root.slice(0, 60), codeOf(root, root)]).toEqual([root.slice(0, 60), 'FB3813']);
    }
  });
});
