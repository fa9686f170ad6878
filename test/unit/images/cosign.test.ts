import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Found } from '../../../activities/images/signatures/found.ts';
import type { Trust } from '../../../activities/images/signatures/trusted-root.ts';
import { verifyFound } from '../../../activities/images/signatures/verify.ts';
import { sha256, type Digest } from '../../../domain/json.ts';
import { readImageFixtures, type ImageFixtures } from '../../support/image-fixtures.ts';

const other = sha256('another image');
const now = new Date();

/** `signed`, the predicate of an attestation, or the code of the refusal. */
function outcome(found: Found, about: Digest, against: Trust): string {
  const claim = verifyFound(found, about, against, now);
  return 'refused' in claim ? claim.refused.code : (claim.predicateType ?? 'signed');
}

describe('what cosign signed with a key', () => {
  let fixtures: ImageFixtures;
  const trusting = (): Trust => ({
    keys: Object.entries(fixtures.keys).map(([name, pem]) => ({ name, publicKey: createPublicKey(pem) })),
  });
  const of = (name: string) => {
    const one = fixtures.images[name];
    if (one === undefined) throw new Error(`no fixture "${name}"`);
    return one;
  };
  const trustingOne = (): Trust => ({ keys: trusting().keys.filter(({ name }) => name === 'ecdsa') });
  /** One of each format, signed and attested. */
  const ofEach = () =>
    Object.entries(fixtures.images).flatMap(([name, one]) =>
      /signed, ecdsa|spdxjson/.test(name) ? [one] : [],
    );
  beforeAll(async () => {
    fixtures = await readImageFixtures();
    expect(ofEach()).toHaveLength(4);
  });

  test.each(['first format', 'bundle'])('holds in its %s, for each kind of key', (format) => {
    for (const key of ['ecdsa', 'p384', 'p521', 'rsa']) {
      const { digest, found } = of(`signed, ${key}, ${format}`);
      expect(verifyFound(found, digest, trusting(), now)).toEqual({ where: found.where, by: { key } });
    }
  });

  test.each(['first format', 'bundle'])(
    'is refused in its %s with Ed25519, as by cosign, which signs a hash there and verifies the message',
    (format) => {
      const { digest, found } = of(`signed, ed25519, ${format}`);
      expect(outcome(found, digest, trusting())).toBe('unknown-key');
    },
  );

  test.each(['first format', 'bundle'])('is no signature when it is an attestation, in its %s', (format) => {
    const bill = of(`attested, spdxjson, ${format}`);
    expect(verifyFound(bill.found, bill.digest, trusting(), now)).toEqual({
      where: bill.found.where,
      by: { key: 'ecdsa' },
      predicateType: 'https://spdx.dev/Document',
    });
    const { digest, found } = of(`attested, slsaprovenance1, ${format}`);
    expect(verifyFound(found, digest, trusting(), now)).toMatchObject({
      predicateType: 'https://slsa.dev/provenance/v1',
      provenance: {
        builder: 'https://ci.example/builder@v1',
        sources: ['https://git.example/shop/api'],
      },
    });
  });

  test('is refused in an envelope with a second signature', () => {
    const { digest, found } = of('attested, spdxjson, first format');
    if (found.way !== 'envelope') throw new Error(`found as ${found.way}`);
    const envelope: { signatures: object[] } = JSON.parse(Buffer.from(found.envelope).toString('utf8'));
    const twice = { ...envelope, signatures: [...envelope.signatures, { sig: 'AAAA' }] };
    const bytes = Buffer.from(JSON.stringify(twice));
    expect(outcome({ ...found, envelope: bytes }, digest, trusting())).toBe('unreadable');
  });

  test('is about its own image only', () => {
    for (const [name, { digest, found }] of Object.entries(fixtures.images)) {
      if (!name.includes('ed25519')) expect(outcome(found, other, trusting())).toBe('wrong-subject');
      expect(outcome(found, digest, { keys: [] })).toBe('unknown-key');
    }
  });

  test('does not hold once a byte of it is another', () => {
    for (const { digest, found } of ofEach()) {
      const [field, bytes] = bytesOf(found);
      const sound = verifyFound(found, digest, trustingOne(), now);
      for (let at = 0; at < bytes.length; at += 1) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        const claim = verifyFound({ ...found, [field]: changed }, digest, trustingOne(), now);
        // What is outside of the signature, as a hint of the key, may be another: what is signed may not.
        if (!('refused' in claim)) {
          expect(claim).toEqual(sound);
          expect(found.way).not.toBe('simple-signing');
        }
      }
    }
  });

  test('does not hold when it is cut short, anywhere', () => {
    for (const { digest, found } of ofEach()) {
      const [field, bytes] = bytesOf(found);
      for (let length = 0; length < bytes.length; length += 1) {
        const cut = { ...found, [field]: bytes.subarray(0, length) };
        expect(['unreadable', 'unknown-key']).toContain(outcome(cut, digest, trustingOne()));
      }
    }
  });
});

function bytesOf(found: Found): [string, Uint8Array] {
  if (found.way === 'simple-signing') return ['payload', found.payload];
  if (found.way === 'envelope') return ['envelope', found.envelope];
  return ['bundle', found.bundle];
}
