import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { dsse } from '@sigstore/core';
import fc from 'fast-check';
import type { Found } from '../../../activities/images/signatures/found.ts';
import { readJson } from '../../../activities/images/signatures/json.ts';
import type { Trust } from '../../../activities/images/signatures/trusted-root.ts';
import { verifyFound } from '../../../activities/images/signatures/verify.ts';
import { sha256 } from '../../../domain/json.ts';
import { createSigstore } from '../../support/sigstore.ts';

const image = sha256('the image');
const manifestDigest = sha256('a manifest');
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const trust: Trust = { keys: [{ name: 'release', publicKey }] };
const inToto = 'application/vnd.in-toto+json';

function outcome(found: Found, against = trust): string {
  const claim = verifyFound(found, image, against, new Date());
  return 'refused' in claim ? claim.refused.code : (claim.predicateType ?? 'signed');
}

const later = (minutes: number): Date => new Date(Math.floor(Date.now() / 1_000) * 1_000 + minutes * 60_000);

const forged = () => ({
  identity: 'https://ci.example/a',
  issuer: 'https://ci.example',
  at: later(1),
  loggedAt: later(2),
});

const statement = (changes: object = {}): string =>
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: '', digest: { sha256: image.slice(7) } }],
    predicateType: 'https://sigstore.dev/cosign/sign/v1',
    predicate: {},
    ...changes,
  });

interface RawBundle {
  [field: string]: unknown;
  mediaType: string;
  verificationMaterial: { [field: string]: unknown };
  dsseEnvelope: { [field: string]: unknown; payload: string; signatures: { sig: string; keyid?: string }[] };
}

function bundle(text: string, alter: (bundle: RawBundle) => unknown = () => undefined): Found {
  const payload = Buffer.from(text);
  const raw: RawBundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: inToto,
      signatures: [
        { sig: sign('sha256', dsse.preAuthEncoding(inToto, payload), privateKey).toString('base64') },
      ],
    },
  };
  alter(raw);
  return { way: 'bundle', where: 'here', manifestDigest, bundle: Buffer.from(JSON.stringify(raw)) };
}

function simple(text: string, key: KeyObject = privateKey): Found {
  const payload = Buffer.from(text);
  const hash = key.asymmetricKeyType === 'ed25519' ? undefined : 'sha256';
  const signature = sign(hash, payload, key).toString('base64');
  const annotations = { 'dev.cosignproject.cosign/signature': signature };
  return { way: 'simple-signing', where: 'here', manifestDigest, payload, annotations };
}

const critical = {
  identity: { 'docker-reference': '' },
  image: { 'docker-manifest-digest': image },
  type: 'cosign container image signature',
};

describe('JSON is read', () => {
  test('as any other, when it means the same to all', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(readJson(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
    const long = `{"a":"${'x\\"'.repeat(100_000)}","b":[{"a":1},{"a":-2.5e+3}]}`;
    expect(readJson(Buffer.from(long))).toMatchObject({ b: [{ a: 1 }, { a: -2500 }] });
  });

  test.each([
    ['a name twice', '{"a":1,"b":{},"a":1}'],
    ['a name twice, deep inside', '[[{"x":[{"a":1,"b":[1,2],"a":2}]}]]'],
    ['a name twice, written in two ways', String.raw`{"a":1,"\u0061":1}`],
    ['a name twice, after a string that ends in a backslash', String.raw`{"a":"\\","a":1}`],
    ['half a character', String.raw`{"a":"\ud800"}`],
    ['half a character in a name', String.raw`{"\udc00x":1}`],
    ['a number that no double holds', '[1,-1e400]'],
    ['a byte order mark', '\uFEFF{}'],
    ['something after it', '{}{}'],
    ['nothing', ''],
  ])('not with %s', (_what, text) => {
    expect(() => readJson(Buffer.from(text))).toThrow(expect.objectContaining({ name: 'Refusal' }));
  });

  test.each([
    ['the same name in two objects', '{"a":{"a":1},"b":{"a":1}}'],
    ['a value that is a name, too', '{"a":"b","b":"a"}'],
    ['names that differ in case', '{"a":1,"A":1}'],
    ['colons and brackets in strings', '{"a:{":"}],:\\"","b":"{\\"a\\":1,\\"a\\":1}"}'],
  ])('with %s', (_what, text) => {
    expect(readJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });
});

describe('a bundle', () => {
  test('is one, and a signature', () => expect(outcome(bundle(statement()))).toBe('signed'));

  test.each<[string, (bundle: RawBundle) => unknown]>([
    ['a field of its own', (raw) => (raw['extra'] = 1)],
    ['a field of its own in the material', (raw) => (raw.verificationMaterial['extra'] = 1)],
    ['a field of its own in the envelope', (raw) => (raw.dsseEnvelope['extra'] = 1)],
    [
      'a certificate beside the key',
      (raw) => (raw.verificationMaterial['certificate'] = { rawBytes: 'AAAA' }),
    ],
    ['a message beside the envelope', (raw) => (raw['messageSignature'] = { signature: 'AAAA' })],
    [
      'what is no base64',
      ({ dsseEnvelope: { signatures } }) => signatures.forEach((one) => (one.sig = `!${one.sig}`)),
    ],
    [
      'the name of a key',
      ({ dsseEnvelope: { signatures } }) => signatures.forEach((one) => (one.keyid = 'x')),
    ],
    ['a second signature', ({ dsseEnvelope: { signatures } }) => signatures.push({ sig: 'AAAA' })],
  ])('is none with %s', (_what, alter) => {
    expect(outcome(bundle(statement(), alter))).toBe('unreadable');
  });

  test.each<[string, string]>([
    ['a field of its own', statement({ extra: 1 })],
    ['a second subject under Subject', statement({ Subject: [] })],
    [
      'a subject with a field of its own',
      statement({ subject: [{ digest: { sha256: image.slice(7) }, x: 1 }] }),
    ],
    ['a predicate that is text', statement({ predicate: 'text' })],
    ['a field twice', statement().replace('{', '{"predicateType":"x",')],
    [
      'more subjects than anybody looks at',
      statement({ subject: Array.from({ length: 1_025 }, () => ({ digest: { sha256: image.slice(7) } })) }),
    ],
  ])('has no statement with %s', (_what, text) => {
    expect(outcome(bundle(text))).toBe('unreadable');
  });
});

describe('a payload of the first format', () => {
  const text = (changes: object = {}, more: object = {}) =>
    JSON.stringify({ critical: { ...critical, ...changes }, optional: null, ...more });

  test('is one', () => {
    expect(outcome(simple(text()))).toBe('signed');
    expect(outcome(simple(text({}, { optional: { creator: 'x' } })))).toBe('signed');
  });

  test.each<[string, string]>([
    ['a field of its own', text({}, { extra: 1 })],
    ['a second Critical', text({}, { Critical: critical })],
    [
      'a second digest in another case',
      text({ image: { ...critical.image, 'Docker-Manifest-Digest': 'x' } }),
    ],
    ['a field of its own in what is critical', text({ extra: 1 })],
  ])('is none with %s', (_what, changed) => expect(outcome(simple(changed))).toBe('unreadable'));

  test('is signed with Ed25519 as it is, not as a hash', () => {
    const pair = generateKeyPairSync('ed25519');
    const keys = [{ name: 'edwards', publicKey: pair.publicKey }];
    expect(outcome(simple(text(), pair.privateKey), { keys })).toBe('signed');
    expect(outcome(simple(text(), generateKeyPairSync('ed25519').privateKey), { keys })).toBe('unknown-key');
  });
});

describe('beside a signature', () => {
  let sigstore: Awaited<ReturnType<typeof createSigstore>>;
  beforeAll(async () => {
    sigstore = await createSigstore();
  });

  test.each<[string, object]>([
    ['root', { rootHash: Buffer.alloc(32).toString('base64') }],
    ['size', { treeSize: '2' }],
  ])('a proof of inclusion with another %s than its checkpoint is refused', async (_what, change) => {
    const found = await sigstore.bundle(image, forged());
    const raw: { verificationMaterial: { tlogEntries: { inclusionProof: object }[] } } = JSON.parse(
      Buffer.from(found.bundle).toString(),
    );
    const against = { ...trust, root: sigstore.pinned() };
    expect(outcome(found, against)).toBe('signed');
    for (const entry of raw.verificationMaterial.tlogEntries) Object.assign(entry.inclusionProof, change);
    const changed = { ...found, bundle: Buffer.from(JSON.stringify(raw)) };
    expect(outcome(changed, against)).toBe('log-entry-invalid');
  });

  test('a log entry in an annotation has the fields that cosign writes, and no others', async () => {
    const found = await sigstore.simpleSigning(image, forged());
    const name = 'dev.sigstore.cosign/bundle';
    const against = { ...trust, root: sigstore.pinned() };
    expect(outcome(found, against)).toBe('signed');
    const entry = (found.annotations[name] ?? '').replace(/\}$/, ',"payload":{"integratedTime":1}}');
    const changed = { ...found, annotations: { ...found.annotations, [name]: entry } };
    expect(outcome(changed, against)).toBe('unreadable');
  });

  test('a timestamp of an attestation in the first format is refused, whatever it is of', async () => {
    const payload = Buffer.from(statement({ predicateType: 'https://spdx.dev/Document' }));
    const signature = sign('sha256', dsse.preAuthEncoding(inToto, payload), privateKey);
    const { annotations } = await sigstore.simpleSigning(image, { key: privateKey, stampedAt: later(1) });
    const stamp = 'dev.sigstore.cosign/rfc3161timestamp';
    const envelope = Buffer.from(
      JSON.stringify({
        payloadType: inToto,
        payload: payload.toString('base64'),
        signatures: [{ keyid: '', sig: signature.toString('base64') }],
      }),
    );
    const found = { way: 'envelope' as const, where: 'here', manifestDigest, envelope, annotations: {} };
    expect(outcome(found)).toBe('https://spdx.dev/Document');
    const stamped = { ...found, annotations: { [stamp]: annotations[stamp] ?? '' } };
    expect(outcome(stamped)).toBe('timestamp-invalid');
  });
});
