import type { KeyObject } from 'node:crypto';
import { VerificationError, Verifier, type SignedEntity, type TrustMaterial } from '@sigstore/verify';
import type { ImageReasonCode, ImageSigner } from '../../../domain/image.ts';
import { identityOf } from './identity.ts';
import { checkEntrySigner, checkProof } from './log-entry.ts';
import { isFresh, type PinnedRoot, type Trust } from './trusted-root.ts';
import { Refusal, type Verified } from './verified.ts';

/** More than a signer ever adds: each costs a verification. */
const mostEvidence = 8;

export type Proven = Pick<Verified, 'by' | 'signedAt' | 'notBefore'>;

/**
 * Verifies a signature, its certificate and what logs and timestamp authorities say of it, against what is pinned. Offline.
 * A certificate needs a log entry and a time; a key needs neither, but what is there must hold once there is a trusted root.
 * Does not look at what was signed: see readStatement and verifySimpleSigning.
 * @throws Refusal
 */
export function proveSigner(entity: SignedEntity, trust: Trust, now: Date): Proven {
  if (entity.tlogEntries.length + entity.timestamps.length > 2 * mostEvidence) {
    throw new Refusal('unreadable', `it has more than ${mostEvidence} log entries and timestamps`);
  }
  const { key } = entity;
  return key.$case === 'certificate' ? byCertificate(entity, key, trust, now) : byKey(entity, trust, now);
}

function byCertificate(
  entity: SignedEntity,
  { certificate }: Extract<SignedEntity['key'], { $case: 'certificate' }>,
  trust: Trust,
  now: Date,
): Proven {
  const { material } = freshRoot(trust, now);
  const identity = identityOf(certificate);
  const times = timesIn(entity);
  // With none at all @sigstore/verify would check no certificate chain.
  const [signedAt] = times;
  if (signedAt === undefined) {
    throw new Refusal('no-trusted-time', 'neither a log nor a timestamp authority vouches for the time');
  }
  const expired = times.some((time) => !certificate.validForDate(time));
  const { key } = verified(
    entity,
    material,
    { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 },
    expired ? 'certificate-expired' : 'certificate-untrusted',
  );
  checkEntries(entity, material, signedAt, key);
  return { by: identity, signedAt, notBefore: certificate.notBefore };
}

function byKey(entity: SignedEntity, trust: Trust, now: Date): Proven {
  const trusted = trust.keys.find(({ publicKey }) => entity.signature.verifySignature(publicKey));
  if (trusted === undefined) {
    throw new Refusal('unknown-key', 'no key of the policy verifies the signature');
  }
  const by: ImageSigner = { key: trusted.name };
  const evidence = entity.tlogEntries.length + entity.timestamps.length;
  // Without a root there is nothing to hold its log entries against, and so no time that counts.
  if (evidence === 0 || trust.root === undefined) return { by };

  const { material } = freshRoot(trust, now);
  const [signedAt] = timesIn(entity);
  const key = { publicKey: trusted.publicKey, validFor: () => true };
  verified(
    entity,
    { ...material, publicKey: () => key },
    { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 },
    'signature-invalid',
  );
  checkEntries(entity, material, signedAt, trusted.publicKey);
  return signedAt === undefined ? { by } : { by, signedAt };
}

function freshRoot({ root }: Trust, now: Date): PinnedRoot {
  if (root === undefined) {
    throw new Refusal('no-trusted-root', 'the policy pins no trusted root to verify a certificate against');
  }
  if (!isFresh(root, now)) {
    throw new Refusal(
      'trusted-root-stale',
      `the trusted root counts from ${root.asOf.toISOString()} to ${root.freshUntil.toISOString()}`,
    );
  }
  return root;
}

const codeOf: Record<string, ImageReasonCode> = {
  SIGNATURE_ERROR: 'signature-invalid',
  TIMESTAMP_ERROR: 'timestamp-invalid',
  TLOG_ERROR: 'log-entry-invalid',
  TLOG_BODY_ERROR: 'log-entry-invalid',
  TLOG_INCLUSION_PROOF_ERROR: 'log-entry-invalid',
  TLOG_INCLUSION_PROMISE_ERROR: 'log-entry-invalid',
  TLOG_MISSING_INCLUSION_ERROR: 'log-entry-invalid',
};

function verified(
  entity: SignedEntity,
  material: TrustMaterial,
  thresholds: { ctlogThreshold: number; tlogThreshold: number; timestampThreshold: number },
  otherwise: ImageReasonCode,
): { key: KeyObject } {
  try {
    return new Verifier(material, thresholds).verify(entity);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    throw new Refusal(codeOf[error.code] ?? otherwise, error.message, error);
  }
}

function checkEntries(
  { tlogEntries, key }: SignedEntity,
  { tlogs }: TrustMaterial,
  signedAt: Date | undefined,
  publicKey: KeyObject,
): void {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  for (const entry of tlogEntries) {
    // For a proof without a promise @sigstore/verify asks only for the log's key, not whether it was in use then.
    const logs = tlogs.filter(({ logID }) => logID.equals(entry.logId.keyId));
    const inUse = ({ validFor }: TrustMaterial['tlogs'][number]) =>
      signedAt === undefined || (validFor.start <= signedAt && signedAt <= validFor.end);
    if (!logs.some(inUse)) {
      throw new Refusal('log-entry-invalid', "the log's key was not in use at the time of signing");
    }
    checkProof(entry);
    checkEntrySigner(entry, key, der);
  }
}

/** The times claimed, earliest first: each is an upper bound of when it was signed. Proven once the whole entity is. */
function timesIn({ timestamps }: SignedEntity): Date[] {
  return timestamps
    .flatMap((timestamp) => {
      if (timestamp.$case === 'timestamp-authority') return [timestamp.timestamp.signingTime];
      // Only the promise covers the time: a Rekor 2 entry, which has none, is no clock.
      const { inclusionPromise, integratedTime } = timestamp.tlogEntry;
      return inclusionPromise === undefined ? [] : [new Date(Number(integratedTime) * 1_000)];
    })
    .toSorted((a, b) => a.getTime() - b.getTime());
}
