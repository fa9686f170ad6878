import { hash, timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import type { SignedEntity } from '@sigstore/verify';

const hashOfCurve: Record<string, string> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};
const hashOfLength = new Map([
  [32, 'sha256'],
  [48, 'sha384'],
  [64, 'sha512'],
]);

/**
 * A signature as @sigstore/verify takes it. Its own takes the hash from the bundle, or whichever OpenSSL prefers; here the kind of key
 * decides, as it does for cosign.
 * @param message what was signed
 * @param payload what of it a log entry names by its hash, where that is another
 */
export function contentOf(message: Buffer, signature: Buffer, payload = message): SignedEntity['signature'] {
  return {
    signature,
    compareSignature: (other) => same(other, signature),
    compareDigest: (digest) => isDigestOf(payload, digest),
    compareSignedDigest: (digest) => isDigestOf(message, digest),
    verifySignature: (key) => verifies(message, key, signature),
  };
}

/** https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md */
function verifies(message: Buffer, key: KeyObject, signature: Buffer): boolean {
  switch (key.asymmetricKeyType) {
    case 'ec': {
      const algorithm = hashOfCurve[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return algorithm !== undefined && verify(algorithm, message, key, signature);
    }
    case 'rsa':
      return verify('sha256', message, key, signature);
    case 'ed25519':
      // As cosign verifies, and all others sign. cosign 3.1 signs the message's hash (Ed25519ph), which it cannot itself verify.
      return verify(undefined, message, key, signature);
    default:
      return false;
  }
}

function isDigestOf(data: Buffer, digest: Buffer): boolean {
  const algorithm = hashOfLength.get(digest.length);
  return algorithm !== undefined && same(hash(algorithm, data, 'buffer'), digest);
}

const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
