import { claimed } from './claimed.ts';
import { createPublicKey } from 'node:crypto';
import { FirebreakError } from '../domain/errors.ts';
import { keyId, type PublicKey } from '../domain/signature.ts';

/**
 * The key that an auditor trusts, from SPKI PEM or from `{"id", "key"}` JSON text.
 * @throws FirebreakError FB5002 when it is not an Ed25519 public key
 */
export function parsePublicKey(text: string): PublicKey {
  if (text.includes('PRIVATE KEY')) throw problem('it is a private key, which no auditor should have');
  let raw: Buffer;
  try {
    const key = text.trimStart().startsWith('{')
      ? createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: fromJson(text) }, format: 'jwk' })
      : createPublicKey({ key: text, format: 'pem' });
    if (key.asymmetricKeyType !== 'ed25519') throw problem(`it is ${key.asymmetricKeyType ?? 'unknown'}`);
    raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
  } catch (error) {
    if (error instanceof FirebreakError) throw error;
    throw problem('it cannot be parsed', error);
  }
  const key = raw.toString('base64');
  return { id: keyId(key), key };
}

function fromJson(text: string): string {
  const { key } = claimed<{ key: unknown }>(JSON.parse(text));
  if (typeof key !== 'string') throw new SyntaxError('`key` is missing');
  return Buffer.from(key, 'base64').toString('base64url');
}

/** SPKI PEM of a public key, as an auditor is given it. */
export function publicKeyPem(publicKey: PublicKey): string {
  const x = Buffer.from(publicKey.key, 'base64').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    .export({ format: 'pem', type: 'spki' })
    .toString();
}

function problem(why: string, cause?: unknown): FirebreakError {
  return new FirebreakError(
    'FB5002',
    `the public key is not usable: ${why}; give an Ed25519 public key as PEM`,
    {},
    cause,
  );
}
