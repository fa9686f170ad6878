import { z } from 'zod';

const bytes = z.base64();
const integer = z.union([z.string().regex(/^[0-9]{1,19}$/), z.int().nonnegative()]);
const certificate = z.strictObject({ rawBytes: bytes });

const proof = z.strictObject({
  logIndex: integer.nullish(),
  rootHash: bytes,
  treeSize: integer,
  hashes: z.array(bytes).nullish(),
  checkpoint: z.strictObject({ envelope: z.string() }).nullish(),
});

const entry = z.strictObject({
  logIndex: integer.nullish(),
  logId: z.strictObject({ keyId: bytes }).nullish(),
  kindVersion: z.strictObject({ kind: z.string(), version: z.string() }).nullish(),
  integratedTime: integer.nullish(),
  inclusionPromise: z.strictObject({ signedEntryTimestamp: bytes }).nullish(),
  inclusionProof: proof.nullish(),
  canonicalizedBody: bytes,
});

const stamps = z.strictObject({
  rfc3161Timestamps: z.array(z.strictObject({ signedTimestamp: bytes })).nullish(),
});

const atMostOne = (...values: unknown[]): boolean =>
  values.filter((value) => value !== undefined && value !== null).length <= 1;

const material = z
  .strictObject({
    publicKey: z.strictObject({ hint: z.string().optional() }).nullish(),
    x509CertificateChain: z.strictObject({ certificates: z.array(certificate) }).nullish(),
    certificate: certificate.nullish(),
    tlogEntries: z.array(entry).nullish(),
    timestampVerificationData: stamps.nullish(),
  })
  .refine(
    ({ publicKey, x509CertificateChain, certificate }) =>
      atMostOne(publicKey, x509CertificateChain, certificate),
    'has more than one of a key, a chain and a certificate',
  );

/** One signature of an envelope. Some verifiers pass over one that names another key: so none is named. */
export const envelopeSignature = z.strictObject({
  sig: z.base64().min(1),
  keyid: z.literal('').optional(),
});

/**
 * A Sigstore bundle: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto. As cosign reads it, and @sigstore/bundle does
 * not: with no other fields, one of those of which there may be one, and base64 that is such.
 */
export const bundleSchema = z
  .strictObject({
    /** Of images, cosign takes no older ones. */
    mediaType: z.enum([
      'application/vnd.dev.sigstore.bundle.v0.3+json',
      'application/vnd.dev.sigstore.bundle+json;version=0.3',
    ]),
    verificationMaterial: material,
    messageSignature: z
      .strictObject({
        messageDigest: z.strictObject({ algorithm: z.union([z.string(), z.int()]), digest: bytes }).nullish(),
        signature: bytes,
      })
      .nullish(),
    dsseEnvelope: z
      .strictObject({ payload: bytes, payloadType: z.string(), signatures: z.array(envelopeSignature) })
      .nullish(),
  })
  .refine(
    ({ messageSignature, dsseEnvelope }) => atMostOne(messageSignature, dsseEnvelope),
    'has both a message and an envelope',
  );
