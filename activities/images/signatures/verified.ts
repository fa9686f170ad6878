import { oneLine } from '../../../domain/safe-text.ts';
import type { ImageReason, ImageReasonCode, ImageSigner } from '../../../domain/image.ts';

/** Where a build says it was made, and of what: from SLSA provenance. */
export interface Provenance {
  readonly builder: string | undefined;
  /** Each place in the predicate that names the source; they ought to agree. */
  readonly sources: readonly string[];
}

/** A signature or an attestation that cryptography bears out. Whether its signer may sign is for the policy to say. */
export interface Verified {
  readonly where: string;
  readonly by: ImageSigner;
  /** The earliest time that a log or a timestamp authority vouches for: it was signed then, or before. */
  readonly signedAt?: Date;
  /** It cannot have been signed before: the certificate, and so its key's right to sign, began then. */
  readonly notBefore?: Date;
  /** Set for an attestation: what it states. Absent for a signature. */
  readonly predicateType?: string;
  readonly provenance?: Provenance;
}

/** Something that claims to sign or attest the image, and does not. */
export interface Rejected {
  readonly where: string;
  readonly refused: ImageReason;
}

export type Claim = Verified | Rejected;

/** Ends the verification of one thing that was found. Its text may quote what was found: it is made safe here. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: ImageReason;

  constructor(code: ImageReasonCode, text: string, cause?: unknown) {
    const safe = oneLine(text, 300);
    super(safe, cause === undefined ? undefined : { cause });
    this.reason = { code, text: safe };
  }
}
