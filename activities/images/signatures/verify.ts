import type { Digest } from '../../../domain/json.ts';
import { verifyBundle } from './bundle.ts';
import { verifyEnvelope } from './envelope.ts';
import type { Found } from './found.ts';
import { verifySimpleSigning } from './simple-signing.ts';
import type { Trust } from './trusted-root.ts';
import { Refusal, type Claim, type Verified } from './verified.ts';

/**
 * Verifies one thing that was found about `image`, the digest of a manifest: cryptography and what was signed, not yet whether
 * the signer may. Never throws for what a registry serves. `now` decides only whether the trusted root is fresh.
 */
export function verifyFound(found: Found, image: Digest, trust: Trust, now: Date): Claim {
  try {
    return verified(found, image, trust, now);
  } catch (error) {
    // What is no refusal of ours was thrown by a parser, over bytes that are an attacker's: ASN.1 cut short, a log entry without
    // its parts, JSON too deep. It refuses that one thing, and hides none of the others.
    const refusal = error instanceof Refusal ? error : new Refusal('unreadable', messageOf(error), error);
    return { where: found.where, refused: refusal.reason };
  }
}

function verified(found: Found, image: Digest, trust: Trust, now: Date): Verified {
  if (found.way === 'simple-signing') return verifySimpleSigning(found, image, trust, now);
  if (found.way === 'envelope') return verifyEnvelope(found, image, trust, now);
  return verifyBundle(found, image, trust, now);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `it cannot be read: ${error.message}` : 'it cannot be read';
}
