import { X509Certificate as NodeCertificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { RFC3161Timestamp, X509Certificate } from '@sigstore/core';
import type { SignedEntity } from '@sigstore/verify';
import { z } from 'zod';
import { readJson } from './json.ts';
import { issueOf } from './statement.ts';
import { Refusal } from './verified.ts';

/** https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md */
export const signatureAnnotation = 'dev.cosignproject.cosign/signature';
const certificateAnnotation = 'dev.sigstore.cosign/certificate';
const logAnnotation = 'dev.sigstore.cosign/bundle';
const timestampAnnotation = 'dev.sigstore.cosign/rfc3161timestamp';

const logSchema = z.strictObject({
  SignedEntryTimestamp: z.base64().min(1),
  Payload: z.strictObject({
    body: z.base64().min(1),
    integratedTime: z.int().positive(),
    logIndex: z.int().nonnegative(),
    logID: z.hex().min(1),
  }),
});
const bodySchema = z.object({ kind: z.string(), apiVersion: z.string() });
const timestampSchema = z.strictObject({ SignedRFC3161Timestamp: z.base64().min(1) });

/**
 * What cosign's first format keeps beside the signature. The chain it also keeps is not read: the pinned root has its own.
 * @throws Refusal unreadable
 */
export function readAnnotations(
  annotations: Readonly<Record<string, string>>,
): Pick<SignedEntity, 'key' | 'tlogEntries' | 'timestamps'> {
  const certificate = annotations[certificateAnnotation];
  const log = annotations[logAnnotation];
  const timestamp = annotations[timestampAnnotation];
  const tlogEntries = log === undefined || log === '' ? [] : [entryIn(log)];
  return {
    key:
      certificate === undefined || certificate === ''
        ? { $case: 'public-key', hint: '' }
        : { $case: 'certificate', certificate: certificateIn(certificate) },
    tlogEntries,
    timestamps: [
      ...tlogEntries.map((tlogEntry) => ({ $case: 'transparency-log' as const, tlogEntry })),
      ...(timestamp === undefined || timestamp === '' ? [] : [timestampIn(timestamp)]),
    ],
  };
}

function certificateIn(pem: string): X509Certificate {
  try {
    return X509Certificate.parse(new NodeCertificate(pem).raw);
  } catch (error) {
    throw new Refusal('unreadable', `${certificateAnnotation}: no certificate in PEM`, error);
  }
}

function entryIn(text: string): TransparencyLogEntry {
  const { SignedEntryTimestamp, Payload } = read(logAnnotation, text, logSchema);
  const canonicalizedBody = Buffer.from(Payload.body, 'base64');
  const { kind, apiVersion } = read(logAnnotation, canonicalizedBody.toString('utf8'), bodySchema);
  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, 'hex') },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: Buffer.from(SignedEntryTimestamp, 'base64') },
    inclusionProof: undefined,
    canonicalizedBody,
  };
}

function timestampIn(text: string): SignedEntity['timestamps'][number] {
  const { SignedRFC3161Timestamp } = read(timestampAnnotation, text, timestampSchema);
  const timestamp = RFC3161Timestamp.parse(Buffer.from(SignedRFC3161Timestamp, 'base64'));
  return { $case: 'timestamp-authority', timestamp };
}

function read<Schema extends z.ZodType>(name: string, text: string, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(readJson(Buffer.from(text, 'utf8')));
  if (!parsed.success) throw new Refusal('unreadable', `${name}: ${issueOf(parsed.error)}`);
  return parsed.data;
}
