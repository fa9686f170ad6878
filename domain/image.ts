/** Who signed: a configured key by its name, or whom a certificate names, with the issuer that vouched for them. */
export type ImageSigner = { key: string } | { identity: string; issuer: string };

/**
 * Why an image, or one thing that claims to sign it, is or is not acceptable. Stable: reports and playbooks refer to them.
 * Listed with what to do in docs/reference/image-policy.md.
 */
export const imageReasonCodes = [
  // What was found
  'unreadable',
  'signature-invalid',
  'unknown-key',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-unsuitable',
  'log-entry-invalid',
  'timestamp-invalid',
  'no-trusted-root',
  'trusted-root-stale',
  'no-trusted-time',
  'wrong-payload-type',
  'wrong-subject',
  // What the policy says of it
  'digest-denied',
  'repository-not-covered',
  'unsigned',
  'attestation-only',
  'signer-not-allowed',
  'key-revoked',
  'key-not-yet-valid',
  'identity-revoked',
  'signed-in-window',
  'perhaps-signed-in-window',
  'signed-in-future',
  'attestation-missing',
  'wrong-builder',
  'wrong-source',
  'not-examined',
  // What speaks for it
  'signed',
  'attested',
] as const;

export type ImageReasonCode = (typeof imageReasonCodes)[number];

/** `text` is one line for a person, and holds nothing that could deceive them. */
export interface ImageReason {
  code: ImageReasonCode;
  text: string;
}

/** What the policy makes of one image. */
export interface ImageJudgement {
  verdict: 'accepted' | 'refused';
  /** Never empty. */
  reasons: ImageReason[];
  /** Of the signature that was accepted. */
  by?: ImageSigner;
  /** ISO 8601, UTC: that of a log or a timestamp authority. Absent when none vouches for the time. */
  signedAt?: string;
}
