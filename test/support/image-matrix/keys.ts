import { constants, sign, type KeyObject } from 'node:crypto';
import { dsse } from '@sigstore/core';
import type { CaseGroup, ImageCase, KeyName } from './types.ts';
import type { How, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;

/** An image that cosign signed. */
export const signed =
  (...how: How[]) =>
  async (work: Workshop) => {
    const digest = await work.image();
    for (const one of how) await work.sign(digest, one);
    return digest;
  };

/** An image with one signature that no cosign makes. */
const madeByHand =
  (
    format: 'bundle' | 'first',
    by: (message: Buffer, key: { privateKey: KeyObject }) => Buffer,
    key: KeyName = 'ed25519',
  ) =>
  async (work: Workshop) => {
    const digest = await work.image();
    const pair = work.bench.keys[key];
    if (format === 'first') {
      const payload = Buffer.from(simplePayload(digest));
      await work.layers(digest, [{ bytes: payload, annotations: signatureOf(by(payload, pair)) }]);
    } else {
      const payload = Buffer.from(statement(digest));
      await work.bundles(digest, [keyBundle(payload, by(dsse.preAuthEncoding(IN_TOTO, payload), pair))]);
    }
    return digest;
  };

export const IN_TOTO = 'application/vnd.in-toto+json';
export const COSIGN_PREDICATE = 'https://sigstore.dev/cosign/sign/v1';

export const simplePayload = (digest: string, more: object = {}): string =>
  JSON.stringify({
    critical: {
      identity: { 'docker-reference': 'registry.example/shop/api' },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
    ...more,
  });

export const signatureOf = (signature: Buffer): Record<string, string> => ({
  'dev.cosignproject.cosign/signature': signature.toString('base64'),
});

export const statement = (digest: string, more: object = {}): string =>
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: '', digest: { sha256: digest.slice('sha256:'.length) } }],
    predicateType: COSIGN_PREDICATE,
    predicate: {},
    ...more,
  });

export const keyBundle = (payload: Buffer, signature: Buffer, payloadType = IN_TOTO): string =>
  JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: signature.toString('base64') }],
    },
  });

const kinds: readonly [KeyName, string][] = [
  ['release', 'ECDSA P-256'],
  ['p384', 'ECDSA P-384'],
  ['p521', 'ECDSA P-521'],
  ['rsa', 'RSA 2048'],
];

const formats = [
  ['bundle', 'bundle'],
  ['first', 'first format'],
] as const;

const good = kinds.flatMap(([key, kind]) =>
  formats.map(([format, words]): ImageCase => ({
    name: `key ${kind}, ${words}`,
    make: signed({ by: { key }, format }),
    allowed: [{ key }],
    cosign: 'accepts',
    firebreak: 'accepts',
  })),
);

const logged = kinds.flatMap(([key, kind]): ImageCase[] => [
  // Rekor's first envelopes are of P-256 and RSA: cosign cannot make others.
  ...(key === 'release' || key === 'rsa'
    ? [
        {
          name: `key ${kind}, bundle, in the first Rekor`,
          make: signed({ by: { key }, log: 'first' }),
          allowed: [{ key }],
          log: true,
          cosign: 'accepts' as const,
          firebreak: 'accepts' as const,
        },
      ]
    : []),
  {
    name: `key ${kind}, bundle, in Rekor 2, stamped`,
    make: signed({ by: { key }, log: 'second', stamped: true }),
    allowed: [{ key }],
    log: true,
    stamped: true,
    cosign: 'accepts',
    firebreak: 'accepts',
  },
]);

export const keys: CaseGroup = {
  title: 'Keys',
  cases: [
    ...good,
    ...logged,
    ...formats.flatMap(([format, words]): ImageCase[] => [
      {
        name: `a key that the policy does not know, ${words}`,
        make: signed({ by: { key: 'other' }, format }),
        allowed: [release],
        cosign: 'refuses',
        firebreak: 'unknown-key',
      },
      {
        name: `a key of the policy that may not sign here, ${words}`,
        make: signed({ by: { key: 'rsa' }, format }),
        allowed: [release],
        cosign: 'refuses',
        firebreak: 'signer-not-allowed',
      },
      {
        name: `by the second of two keys that may, ${words}`,
        make: signed({ by: { key: 'p384' }, format }),
        allowed: [release, { key: 'p384' }],
        cosign: 'accepts',
        firebreak: 'accepts',
      },
      {
        name: `key, stamped, ${words}`,
        make: signed({ by: release, format, stamped: true }),
        allowed: [release],
        stamped: true,
        cosign: 'accepts',
        firebreak: 'accepts',
      },
      {
        name: `key, stamped and in the first Rekor, ${words}`,
        make: signed({ by: release, format, stamped: true, log: 'first' }),
        allowed: [release],
        log: true,
        stamped: true,
        cosign: 'accepts',
        firebreak: 'accepts',
      },
    ]),
    {
      name: 'key Ed25519, bundle: the message signed',
      make: madeByHand('bundle', (message, { privateKey }) => sign(undefined, message, privateKey)),
      allowed: [{ key: 'ed25519' }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'key Ed25519, first format: the message signed',
      make: madeByHand('first', (message, { privateKey }) => sign(undefined, message, privateKey)),
      allowed: [{ key: 'ed25519' }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'key Ed25519, first format: a hash signed, as cosign signs',
      make: signed({ by: { key: 'ed25519' }, format: 'first' }),
      allowed: [{ key: 'ed25519' }],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    ...(['bundle', 'first'] as const).map((format): ImageCase => ({
      name: `key ECDSA P-384 with SHA-256, ${format === 'first' ? 'first format' : format}`,
      make: madeByHand(format, (message, { privateKey }) => sign('sha256', message, privateKey), 'p384'),
      allowed: [{ key: 'p384' }],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    })),
    {
      name: 'key RSA with PSS, first format',
      make: madeByHand(
        'first',
        (message, { privateKey }) =>
          sign('sha256', message, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }),
        'rsa',
      ),
      allowed: [{ key: 'rsa' }],
      cosign: 'refuses',
      firebreak: 'unknown-key',
    },
    {
      name: 'key, first format, in the first Rekor',
      make: signed({ by: release, format: 'first', log: 'first' }),
      allowed: [release],
      log: true,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'key, bundle, in Rekor 2, not stamped',
      make: signed({ by: release, log: 'second' }),
      allowed: [release],
      log: true,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'signed twice with one key, in both formats',
      make: signed({ by: release }, { by: release }, { by: release, format: 'first' }),
      allowed: [release],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'not signed at all',
      make: (work) => work.image(),
      allowed: [release],
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
  ],
};
