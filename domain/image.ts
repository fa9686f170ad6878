import type { Digest } from './json.ts';

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
  'platform-unusable',
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

/** One platform's manifest in what a reference names. */
export interface PlatformImage {
  /** As OCI writes it: `linux/amd64`, `linux/arm/v7`. */
  platform: string;
  digest: Digest;
}

/** What is known of one image, and what the policy makes of it. */
export interface ImageAssessment {
  /** `registry.example/shop/api`, docker.io's names written out. */
  repository: string;
  /** What the reference names: an index, or one platform's manifest. Its name in a template is `<repository>@<digest>`. */
  digest: Digest;
  /**
   * Of an index: the manifests that were judged with it, those of the platforms asked for, or all of them; each once. Empty for a manifest that is no
   * index, and for an index of which it cannot be told. A node reports the one, or the other.
   */
  children: PlatformImage[];
  judgement: ImageJudgement;
}

/** How actions ask whether an image may run. */
export interface ImageAssessor {
  /**
   * Judges what a reference names now: a tag is resolved, and what signs it is looked for in the registry. Content that was proven by its digest is
   * kept; which signatures there are, and what a tag names, are asked each time.
   * @param reference as a template has it: `registry.example/shop/api:1.2`, with a digest or without
   * @param options.platforms of an index: those that must be acceptable, such as the nodes' own; all of them when absent
   * @throws FirebreakError FB3801 for no reference, FB3820 without a policy; RegistryError when the registry cannot be asked
   */
  assess(
    reference: string,
    options: { signal: AbortSignal; platforms?: readonly string[] },
  ): Promise<ImageAssessment>;
}
