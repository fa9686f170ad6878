import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { canonical, type Digest } from '../../../domain/json.ts';
import type { Found } from './found.ts';
import { isFresh, type Trust } from './trusted-root.ts';
import type { Claim } from './verified.ts';
import { verifyFound } from './verify.ts';

/** A claim takes 1 kB or so. */
const MOST = 10_000;

/** Trust, and what no other trust has: results of verification are kept by it. */
export interface NamedTrust {
  trust: Trust;
  digest: Digest;
}

/** As verifyFound. */
export type Verification = (found: Found, image: Digest, named: NamedTrust, now: Date) => Claim;

/**
 * Verifies each thing once: what is kept depends on what was found, byte by byte, on the image, on the trust, and on whether its root is fresh.
 * Nothing else of the time counts: see proveSigner. Whether the signer may sign is judged each time.
 */
export function rememberVerifications(verify = verifyFound): Verification {
  const known = new LRUCache<string, Claim>({ max: MOST });
  return (found, image, { trust, digest }, now) => {
    const fresh = trust.root === undefined || isFresh(trust.root, now);
    const key = `${image} ${digest} ${String(fresh)} ${contentKey(found)}`;
    const claim = known.get(key);
    // The same bytes may be found in several places.
    if (claim !== undefined) return { ...claim, where: found.where };
    const made = verify(found, image, trust, now);
    known.set(key, made);
    return made;
  };
}

function contentKey(found: Found): string {
  if (found.way === 'bundle') return `bundle ${digestOf(found.bundle)}`;
  const bytes = found.way === 'envelope' ? found.envelope : found.payload;
  return `${found.way} ${digestOf(bytes)} ${digestOf(canonical(found.annotations))}`;
}

/** By OpenSSL: it is done for each signature, each time. */
const digestOf = (data: Uint8Array | string): string => hash('sha256', data, 'base64');
