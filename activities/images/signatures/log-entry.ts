import { createPublicKey, X509Certificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import type { SignedEntity } from '@sigstore/verify';
import { z } from 'zod';
import { readJson } from './json.ts';
import { Refusal } from './verified.ts';

const pem = z.base64().transform((text) => Buffer.from(text, 'base64').toString('utf8'));
/** Rekor 2 keeps DER: https://github.com/sigstore/protobuf-specs/blob/main/protos/rekor/v2/verifier.proto */
const der = z.object({
  x509Certificate: z.object({ rawBytes: z.base64() }).optional(),
  publicKey: z.object({ rawBytes: z.base64() }).optional(),
});

const first = <Schema extends z.ZodType>(schema: Schema) => z.tuple([schema]).transform(([one]) => one);

/** Where each kind of entry that cosign takes keeps the key or certificate that its signature was made with. */
const verifierIn: Record<string, z.ZodType<string | z.infer<typeof der>>> = {
  'hashedrekord 0.0.1': z
    .object({ spec: z.object({ signature: z.object({ publicKey: z.object({ content: pem }) }) }) })
    .transform(({ spec }) => spec.signature.publicKey.content),
  'dsse 0.0.1': z
    .object({ spec: z.object({ signatures: first(z.object({ verifier: pem })) }) })
    .transform(({ spec }) => spec.signatures.verifier),
  'intoto 0.0.2': z
    .object({
      spec: z.object({
        content: z.object({ envelope: z.object({ signatures: first(z.object({ publicKey: pem })) }) }),
      }),
    })
    .transform(({ spec }) => spec.content.envelope.signatures.publicKey),
  'hashedrekord 0.0.2': z
    .object({ spec: z.object({ hashedRekordV002: z.object({ signature: z.object({ verifier: der }) }) }) })
    .transform(({ spec }) => spec.hashedRekordV002.signature.verifier),
};

/**
 * Checks that a log entry names the very key or certificate of this signature. @sigstore/verify compares signature and
 * digest alone, and for one ECDSA signature anybody can make another key that it verifies with.
 * @throws Refusal log-entry-invalid
 */
export function checkEntrySigner(
  entry: TransparencyLogEntry,
  key: SignedEntity['key'],
  publicKey: Buffer,
): void {
  const { kind, version } = entry.kindVersion;
  const parsed = verifierIn[`${kind} ${version}`]?.safeParse(readJson(entry.canonicalizedBody));
  if (parsed?.success !== true)
    throw new Refusal('log-entry-invalid', 'the log entry does not say who signed');
  const named = nameIn(parsed.data);
  const same =
    key.$case === 'certificate'
      ? named.certificate?.equals(key.certificate.root.toDER()) === true
      : named.publicKey.equals(publicKey);
  if (!same) throw new Refusal('log-entry-invalid', "the log entry is for another signer's key");
}

/**
 * Checks that a proof of inclusion says the same of the tree as the checkpoint that it is verified with, which is all that @sigstore/verify looks at.
 * @throws Refusal log-entry-invalid
 */
export function checkProof({ inclusionProof }: TransparencyLogEntry): void {
  if (inclusionProof === undefined) return;
  const { rootHash, treeSize, checkpoint } = inclusionProof;
  const [, size, root] = (checkpoint?.envelope ?? '').split('\n');
  if (size !== treeSize || root !== rootHash.toString('base64'))
    throw new Refusal('log-entry-invalid', 'the proof of inclusion is in another tree than its checkpoint');
}

function nameIn(verifier: string | z.infer<typeof der>): { certificate?: Buffer; publicKey: Buffer } {
  try {
    const certificate =
      typeof verifier === 'string'
        ? verifier.includes('-----BEGIN CERTIFICATE-----')
          ? new X509Certificate(verifier)
          : undefined
        : verifier.x509Certificate === undefined
          ? undefined
          : new X509Certificate(Buffer.from(verifier.x509Certificate.rawBytes, 'base64'));
    if (certificate !== undefined)
      return { certificate: certificate.raw, publicKey: exported(certificate.publicKey) };
    const key =
      typeof verifier === 'string'
        ? createPublicKey(verifier)
        : createPublicKey({
            key: Buffer.from(verifier.publicKey?.rawBytes ?? '', 'base64'),
            format: 'der',
            type: 'spki',
          });
    return { publicKey: exported(key) };
  } catch (error) {
    throw new Refusal('log-entry-invalid', "the log entry's key cannot be read", error);
  }
}

const exported = (key: ReturnType<typeof createPublicKey>): Buffer =>
  key.export({ format: 'der', type: 'spki' });
