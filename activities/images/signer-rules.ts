import type { ImageReason, ImageSigner } from '../../domain/image.ts';
import { oneLine } from '../../domain/safe-text.ts';
import type { ImagePolicy, ImageRule } from './policy.ts';
import type { Verified } from './signatures/verified.ts';

/** Clocks of authorities differ from ours by less. */
const clockSkewMs = 5 * 60_000;

/**
 * What speaks against a verified signature or attestation: its signer may not sign, has been revoked, or may have signed while somebody
 * else could. Undefined when nothing does.
 */
export function objectionTo(
  claim: Verified,
  allowed: ImageRule['signedBy'],
  policy: ImagePolicy,
  now: Date,
): ImageReason | undefined {
  return (
    notAllowed(claim.by, allowed) ??
    fromTheFuture(claim, now) ??
    revoked(claim, policy) ??
    beforeItsKey(claim, policy) ??
    inWindow(claim, policy)
  );
}

function notAllowed(by: ImageSigner, allowed: ImageRule['signedBy']): ImageReason | undefined {
  if (allowed.some((signer) => same(signer, by))) return undefined;
  const who =
    'key' in by ? `the key ${by.key}` : `${oneLine(by.identity, 200)} of ${oneLine(by.issuer, 200)}`;
  return { code: 'signer-not-allowed', text: `${who} may not sign here` };
}

/** Exactly: neither a prefix, nor a pattern, nor another spelling. */
function same(a: ImageSigner, b: ImageSigner): boolean {
  if ('key' in a) return 'key' in b && a.key === b.key;
  return 'identity' in b && a.identity === b.identity && a.issuer === b.issuer;
}

function fromTheFuture({ signedAt }: Verified, now: Date): ImageReason | undefined {
  if (signedAt === undefined || signedAt.getTime() <= now.getTime() + clockSkewMs) return undefined;
  return { code: 'signed-in-future', text: `signed at ${signedAt.toISOString()}, which is yet to come` };
}

function revoked({ by, signedAt }: Verified, policy: ImagePolicy): ImageReason | undefined {
  const revocation =
    'key' in by
      ? { code: 'key-revoked' as const, at: policy.keys[by.key]?.revokedAt }
      : identityRevocation(by, policy);
  if (revocation === undefined || (revocation.code === 'key-revoked' && revocation.at === undefined)) {
    return undefined;
  }
  const { code, at } = revocation;
  // Only somebody else's clock can say that it was signed before: the signer may be the attacker.
  if (at !== undefined && signedAt !== undefined && signedAt.getTime() < Date.parse(at)) return undefined;
  const when = signedAt === undefined ? 'nobody vouches for when it was signed' : 'it was signed after';
  return { code, text: at === undefined ? 'the signer is revoked' : `revoked as of ${at}, and ${when}` };
}

function identityRevocation(
  by: Extract<ImageSigner, { identity: string }>,
  { revokedIdentities }: ImagePolicy,
): { code: 'identity-revoked'; at: string | undefined } | undefined {
  const entries = revokedIdentities.filter((entry) => same(entry, by));
  if (entries.length === 0) return undefined;
  // Of several entries the earliest holds, and one without a time is the earliest there can be.
  const times = entries.map(({ revokedAt }) => revokedAt);
  if (times.includes(undefined)) return { code: 'identity-revoked', at: undefined };
  const [at] = times.filter((time) => time !== undefined).toSorted((a, b) => Date.parse(a) - Date.parse(b));
  return { code: 'identity-revoked', at };
}

function beforeItsKey({ by, signedAt }: Verified, { keys }: ImagePolicy): ImageReason | undefined {
  const validFrom = 'key' in by ? keys[by.key]?.validFrom : undefined;
  if (validFrom === undefined || signedAt === undefined || signedAt.getTime() >= Date.parse(validFrom)) {
    return undefined;
  }
  return { code: 'key-not-yet-valid', text: `signed before ${validFrom}, when the key came into use` };
}

/**
 * A time that is vouched for is the latest at which it can have been signed: whoever took a key may have had the signature stamped after the
 * window. So what counts is whether it *can* have been made inside.
 */
function inWindow({ by, signedAt, notBefore }: Verified, policy: ImagePolicy): ImageReason | undefined {
  const { window } = policy;
  if (window === undefined) return undefined;
  const from = Date.parse(window.from);
  const to = window.to === undefined ? Infinity : Date.parse(window.to);
  const key = 'key' in by ? policy.keys[by.key] : undefined;
  const earliest =
    notBefore?.getTime() ?? (key?.validFrom === undefined ? -Infinity : Date.parse(key.validFrom));
  const latest = signedAt?.getTime() ?? Infinity;
  if (latest < from || earliest > to) return undefined;
  if (from <= latest && latest <= to && signedAt !== undefined) {
    return { code: 'signed-in-window', text: `signed at ${signedAt.toISOString()}, inside the window` };
  }
  if (key?.outsideWindow === true) return undefined;
  return signedAt === undefined
    ? { code: 'no-trusted-time', text: 'nobody vouches that it was signed outside of the window' }
    : {
        code: 'perhaps-signed-in-window',
        text: `signed by ${signedAt.toISOString()}, and perhaps as early as inside the window`,
      };
}
