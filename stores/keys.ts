import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FirebreakError } from '../domain/errors.ts';
import { keyId, signedBytes } from '../domain/signature.ts';
import type { PublicKey, Signed, Signer } from '../domain/signature.ts';
import { openFolder } from './durable.ts';
import type { Folder } from './durable.ts';

export interface FileSigner extends Signer {
  /** SPKI PEM of the public key, as `openssl` and auditors read it. */
  readonly publicKeyPem: string;
}

/**
 * An Ed25519 key in `<dir>/<name>.pem` (PKCS #8, readable by its owner alone), made at the first use; its public half lies beside it as
 * `<name>.pub.pem`.
 * @throws FirebreakError FB6213 when the key is readable by others, lost, of another kind, or not the half of its public key.
 */
export async function openSigner(dir: string, name: string): Promise<FileSigner> {
  const folder = await openFolder(dir);
  const privateKey = await privateHalf(folder, name);
  const publicHalf = createPublicKey(privateKey);
  const publicKeyPem = String(publicHalf.export({ type: 'spki', format: 'pem' }));
  if ((await folder.put([`${name}.pub.pem`], publicKeyPem)) === 'different') {
    throw refuse(
      `${name}.pub.pem is not the public half of ${name}.pem: restore the one that belongs to the other`,
    );
  }
  const publicKey = toPublicKey(publicHalf);
  return {
    publicKey,
    publicKeyPem,
    async sign<T extends { type: string }>(payload: T): Promise<Signed<T>> {
      const signature = sign(null, signedBytes(payload), privateKey).toString('base64');
      return { payload, keyId: publicKey.id, signature };
    },
  };
}

/** The public key in a PEM file that somebody handed over. @throws FirebreakError FB6213 when it is no Ed25519 public key. */
export function readPublicKey(pem: string): PublicKey {
  try {
    return toPublicKey(createPublicKey(pem));
  } catch (error) {
    throw refuse('the file holds no Ed25519 public key in PEM form', error);
  }
}

async function privateHalf(folder: Folder, name: string): Promise<KeyObject> {
  const file = `${name}.pem`;
  if ((await folder.read([file])) === undefined) {
    if ((await folder.read([`${name}.pub.pem`])) !== undefined) {
      throw refuse(
        `${file} is gone: restore it, or move ${name}.pub.pem away to sign with a new key from now on`,
      );
    }
    const { privateKey } = generateKeyPairSync('ed25519');
    // Another process may do the same: whichever key got the name is the key.
    await folder.put([file], privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  const { mode, uid } = await lstat(join(folder.path, file));
  if ((mode & 0o077) !== 0)
    throw refuse(`${file} can be read by others: chmod 600 it, and replace it if they did`);
  if (process.getuid !== undefined && uid !== process.getuid() && process.getuid() !== 0) {
    throw refuse(`${file} belongs to another user: chown it`);
  }
  try {
    const key = createPrivateKey((await folder.read([file])) ?? '');
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    throw refuse(`${file} is not a private key in PKCS #8 PEM form: restore it`, error);
  }
  throw refuse(`${file} is not an Ed25519 key`);
}

function toPublicKey(key: KeyObject): PublicKey {
  const { kty, crv, x } = key.export({ format: 'jwk' });
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) throw refuse('the key is not an Ed25519 key');
  const base64 = Buffer.from(x, 'base64url').toString('base64');
  return { id: keyId(base64), key: base64 };
}

function refuse(message: string, cause?: unknown): FirebreakError {
  return new FirebreakError('FB6213', message, {}, cause);
}
