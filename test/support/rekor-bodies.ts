import { X509Certificate, createPublicKey } from 'node:crypto';

/** What a log is told of a signature. */
export interface Logged {
  signature: Buffer;
  /** SHA-256 of what was signed. */
  digest: Buffer;
  /** SHA-256 of the payload of an envelope. */
  payloadDigest: Buffer;
  /** Key or certificate in PEM, or some other text. */
  verifier: string;
}

const base64 = (text: Buffer | string): string => Buffer.from(text).toString('base64');

/** Rekor 2 keeps DER. */
function der(verifier: string): object {
  const keyDetails = 'PKIX_ECDSA_P256_SHA_256';
  if (verifier.includes('CERTIFICATE')) {
    return { keyDetails, x509Certificate: { rawBytes: base64(new X509Certificate(verifier).raw) } };
  }
  const key = createPublicKey(verifier).export({ format: 'der', type: 'spki' });
  return { keyDetails, publicKey: { rawBytes: base64(key) } };
}

/** Entries as each kind of Rekor keeps them, by kind and version. */
export const rekorBodies = {
  'hashedrekord 0.0.1': ({ signature, digest, verifier }: Logged) => ({
    kind: 'hashedrekord',
    apiVersion: '0.0.1',
    spec: {
      data: { hash: { algorithm: 'sha256', value: digest.toString('hex') } },
      signature: { content: base64(signature), publicKey: { content: base64(verifier) } },
    },
  }),
  'dsse 0.0.1': ({ signature, payloadDigest, verifier }: Logged) => ({
    kind: 'dsse',
    apiVersion: '0.0.1',
    spec: {
      // Of the envelope as a whole, which no verifier has any more.
      envelopeHash: { algorithm: 'sha256', value: '0'.repeat(64) },
      payloadHash: { algorithm: 'sha256', value: payloadDigest.toString('hex') },
      signatures: [{ signature: base64(signature), verifier: base64(verifier) }],
    },
  }),
  'intoto 0.0.2': ({ signature, payloadDigest, verifier }: Logged) => ({
    kind: 'intoto',
    apiVersion: '0.0.2',
    spec: {
      content: {
        envelope: {
          payloadType: 'application/vnd.in-toto+json',
          signatures: [{ sig: base64(base64(signature)), publicKey: base64(verifier) }],
        },
        hash: { algorithm: 'sha256', value: '0'.repeat(64) },
        payloadHash: { algorithm: 'sha256', value: payloadDigest.toString('hex') },
      },
    },
  }),
  'hashedrekord 0.0.2': ({ signature, digest, verifier }: Logged) => ({
    kind: 'hashedrekord',
    apiVersion: '0.0.2',
    spec: {
      hashedRekordV002: {
        data: { algorithm: 'SHA2_256', digest: base64(digest) },
        signature: { content: base64(signature), verifier: der(verifier) },
      },
    },
  }),
  'dsse 0.0.2': ({ signature, payloadDigest, verifier }: Logged) => ({
    kind: 'dsse',
    apiVersion: '0.0.2',
    spec: {
      dsseV002: {
        payloadHash: { algorithm: 'SHA2_256', digest: base64(payloadDigest) },
        signatures: [{ content: base64(signature), verifier: der(verifier) }],
      },
    },
  }),
};

export type RekorKind = keyof typeof rekorBodies;
