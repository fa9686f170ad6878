import { ed25519 } from '@noble/curves/ed25519.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { canonical, sha256 } from './json.ts';

/**
 * A signed document. The signature is Ed25519 over the canonical JSON of `payload`; the payload's `type` keeps
 * a signature made for one purpose from passing for another.
 */
export interface Signed<T extends { type: string }> {
  payload: T;
  keyId: string;
  /** base64 of 64 bytes. */
  signature: string;
}

/** An Ed25519 public key: `id` is derived from the key, so that it cannot name another. */
export interface PublicKey {
  id: string;
  /** base64 of 32 raw bytes. */
  key: string;
}

/** Holds a private key elsewhere (a file, a KMS). */
export interface Signer {
  readonly publicKey: PublicKey;
  sign<T extends { type: string }>(payload: T): Promise<Signed<T>>;
}

/** The id of a public key: `ed25519:` and the first 16 hex digits of the SHA-256 of its base64. */
export function keyId(key: string): string {
  return `ed25519:${sha256(key).slice('sha256:'.length, 'sha256:'.length + 16)}`;
}

/** The bytes that are signed. */
export function signedBytes(payload: unknown): Uint8Array {
  return utf8ToBytes(canonical(payload));
}

/**
 * Whether `signed` carries a valid signature, for the purpose `type`, by one of `keys`. Synchronous and pure, so that a
 * workflow's Update validator can ask. Never throws: malformed input is simply not valid.
 */
export function verifySigned<T extends { type: string }>(
  signed: Signed<T>,
  type: T['type'],
  keys: readonly PublicKey[],
): boolean {
  try {
    if (signed.payload.type !== type) return false;
    const key = keys.find(
      (candidate) => candidate.id === signed.keyId && keyId(candidate.key) === candidate.id,
    );
    if (key === undefined) return false;
    return ed25519.verify(fromBase64(signed.signature), signedBytes(signed.payload), fromBase64(key.key));
  } catch {
    // A malformed document is an invalid one; the caller refuses either alike.
    return false;
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Strict base64 without Buffer or atob, which a workflow's sandbox does not have. @throws SyntaxError */
function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new SyntaxError('not base64');
  const body = text.replace(/=+$/, '');
  const bytes = new Uint8Array(Math.floor((body.length * 6) / 8));
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const character of body) {
    buffer = ((buffer << 6) | alphabet.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >> bits) & 0xff;
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) throw new SyntaxError('not canonical base64');
  return bytes;
}
