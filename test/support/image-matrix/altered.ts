import { cut, flipped, release, withKey } from './altering.ts';
import type { CaseGroup, ImageCase } from './types.ts';

const truncated: readonly [string, (bytes: Buffer) => Buffer | string][] = [
  ['cut in half', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['without its last character', (bytes) => bytes.subarray(0, -1)],
  ['with something after it', (bytes) => `${bytes.toString()}{}`],
  ['of no bytes', () => ''],
  ['that is null', () => 'null'],
  ['that is a list', (bytes) => `[${bytes.toString()}]`],
  ['that is no JSON', () => 'bundle'],
  ['with a byte order mark', (bytes) => `\uFEFF${bytes.toString()}`],
  [
    'with a byte that is no UTF-8',
    (bytes) => Buffer.concat([bytes.subarray(0, 2), Buffer.from([0xff]), bytes.subarray(2)]),
  ],
];

export const altered: CaseGroup = {
  title: 'Altered',
  cases: [
    ...truncated.map(([what, part]): ImageCase => ({
      name: `a bundle ${what}`,
      make: cut(part),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unreadable',
    })),
    withKey(
      'another payload',
      ({ dsseEnvelope }) => void (dsseEnvelope.payload = flipped(dsseEnvelope.payload, 40)),
      'unknown-key',
    ),
    withKey(
      'another signature',
      ({
        dsseEnvelope: {
          signatures: [one],
        },
      }) => void (one && (one.sig = flipped(one.sig, 20))),
      'unknown-key',
    ),
    withKey(
      'another payload type, not signed',
      ({ dsseEnvelope }) => void (dsseEnvelope.payloadType = 'application/json'),
      'unknown-key',
    ),
    withKey(
      'a bundle without its envelope',
      (bundle) => void Reflect.deleteProperty(bundle, 'dsseEnvelope'),
      'unreadable',
    ),
    withKey(
      'a bundle without material to verify it',
      (bundle) => void Reflect.deleteProperty(bundle, 'verificationMaterial'),
      'unreadable',
    ),
    withKey(
      'a bundle of a version that is not known',
      (bundle) => void (bundle.mediaType = 'application/vnd.dev.sigstore.bundle.v9+json'),
      'unreadable',
    ),
    withKey(
      'a bundle without a version',
      (bundle) => void Reflect.deleteProperty(bundle, 'mediaType'),
      'unreadable',
    ),
    withKey('a bundle with a field that is not known', (bundle) => void (bundle['extra'] = 1), 'unreadable'),
    withKey(
      'material with a field that is not known',
      ({ verificationMaterial }) => void (verificationMaterial['extra'] = 1),
      'unreadable',
    ),
    withKey(
      'an envelope with a field that is not known',
      ({ dsseEnvelope }) => void Object.assign(dsseEnvelope, { extra: 1 }),
      'unreadable',
    ),
    withKey(
      'a bundle with its version twice',
      (bundle) => JSON.stringify(bundle).replace('{', `{"mediaType":${JSON.stringify(bundle.mediaType)},`),
      'unreadable',
    ),
    withKey(
      'a signature not in base64',
      ({
        dsseEnvelope: {
          signatures: [one],
        },
      }) => void (one && (one.sig = `!${one.sig}`)),
      'unreadable',
    ),
    {
      ...withKey(
        'another hint of the key',
        ({ verificationMaterial }) => void (verificationMaterial.publicKey = { hint: 'another' }),
        'accepts',
      ),
      cosign: 'accepts',
    },
    withKey(
      'another id of the key',
      ({ dsseEnvelope: { signatures } }) => {
        for (const one of signatures) one.keyid = 'another';
      },
      'unreadable',
    ),
    withKey(
      'a key beside a certificate',
      ({ verificationMaterial }) => void (verificationMaterial.certificate = { rawBytes: 'AAAA' }),
      'unreadable',
    ),
    withKey(
      'a message beside the envelope',
      (bundle) => void (bundle['messageSignature'] = { signature: 'AAAA' }),
      'unreadable',
    ),
    {
      ...withKey(
        'a bundle with spaces and lines',
        (bundle) => JSON.stringify(bundle, undefined, 4),
        'accepts',
      ),
      cosign: 'accepts',
    },
    {
      ...withKey(
        'a bundle with its fields in another order',
        (bundle) => Object.fromEntries(Object.entries(bundle).toReversed()),
        'accepts',
      ),
      cosign: 'accepts',
    },
  ],
};
