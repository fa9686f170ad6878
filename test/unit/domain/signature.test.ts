import { expect, test } from '@jest/globals';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { canonical, digest, jsonCopy } from '../../../domain/json.ts';
import { keyId, signedBytes, verifySigned, type PublicKey, type Signed } from '../../../domain/signature.ts';

type Document = { type: 'a' | 'b'; text: string };

function key(): { publicKey: PublicKey; privateKey: KeyObject } {
  const pair = generateKeyPairSync('ed25519');
  const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  return { publicKey: { id: keyId(raw), key: raw }, privateKey: pair.privateKey };
}

const mine = key();
const theirs = key();

function signed(payload: Document, by = mine): Signed<Document> {
  const signature = sign(null, signedBytes(payload), by.privateKey).toString('base64');
  return { payload, keyId: by.publicKey.id, signature };
}

test('what node:crypto signs is valid for its purpose and its key alone', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const document = signed({ type: 'a', text });
      expect(verifySigned(document, 'a', [mine.publicKey])).toBe(true);
      expect(verifySigned(document, 'a', [theirs.publicKey, mine.publicKey])).toBe(true);
      expect(verifySigned(document, 'b', [mine.publicKey])).toBe(false);
      expect(verifySigned(document, 'a', [theirs.publicKey])).toBe(false);
      expect(
        verifySigned({ ...document, payload: { ...document.payload, text: `${text}.` } }, 'a', [
          mine.publicKey,
        ]),
      ).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test('a key cannot name itself as another', () => {
  const document = signed({ type: 'a', text: '' }, theirs);
  const disguised = { id: mine.publicKey.id, key: theirs.publicKey.key };
  expect(verifySigned({ ...document, keyId: mine.publicKey.id }, 'a', [disguised])).toBe(false);
});

test('one changed bit anywhere in the signature is invalid, and malformed input never throws', () => {
  const document = signed({ type: 'a', text: 'x' });
  const bytes = Buffer.from(document.signature, 'base64');
  for (const [at, byte] of bytes.entries()) {
    const other = Buffer.from(bytes);
    other[at] = byte ^ 1;
    expect(verifySigned({ ...document, signature: other.toString('base64') }, 'a', [mine.publicKey])).toBe(
      false,
    );
  }
  fc.assert(
    fc.property(fc.string(), (signature) => !verifySigned({ ...document, signature }, 'a', [mine.publicKey])),
  );
  // The last bits of base64 that carry nothing must not be a second spelling.
  const respelled = `${document.signature.slice(0, -3)}${document.signature.at(-3) === 'B' ? 'C' : 'B'}==`;
  expect(verifySigned({ ...document, signature: respelled }, 'a', [mine.publicKey])).toBe(false);
});

test('canonical JSON does not see the order of keys, and sees everything else', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).toReversed());
      expect(canonical(reversed)).toBe(canonical(value));
      expect(digest(jsonCopy(value))).toBe(digest(value));
    }),
  );
  expect(digest({ a: 1 })).not.toBe(digest({ a: '1' }));
  expect(() => canonical(undefined)).toThrow(TypeError);
  expect(() => canonical({ a: Number.NaN })).toThrow();
});
