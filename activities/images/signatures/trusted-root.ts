import type { KeyObject } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial, type TrustMaterial } from '@sigstore/verify';
import { z } from 'zod';
import { FirebreakError } from '../../../domain/errors.ts';
import { sha256, type Digest } from '../../../domain/json.ts';

/** Certificate authorities, logs and timestamp authorities, as of a day. */
export interface PinnedRoot {
  readonly material: TrustMaterial;
  /** When it was fetched. */
  readonly asOf: Date;
  /** After this it may hold keys that were since revoked: nothing is verified against it. */
  readonly freshUntil: Date;
}

/** A public key of the policy, by its name there. */
export interface TrustedKey {
  readonly name: string;
  readonly publicKey: KeyObject;
}

/** What signatures are verified against. Nothing of it comes from a registry. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  readonly root?: PinnedRoot;
}

export interface RootPin {
  /** SHA-256 of the file. */
  sha256: Digest;
  /** When the file was fetched, ISO 8601. The file itself does not say. */
  asOf: string;
  maxAgeDays: number;
}

const msPerDay = 86_400_000;

/** Clocks differ by less. */
const clockSkewMs = 5 * 60_000;

const bytes = z.base64().min(1);
const logs = z.array(
  z.object({
    baseUrl: z.string().min(1),
    publicKey: z.object({ rawBytes: bytes, keyDetails: z.string() }),
    logId: z.object({ keyId: bytes }),
  }),
);
const authorities = z.array(
  z.object({
    certChain: z.object({ certificates: z.array(z.object({ rawBytes: bytes })).min(1) }),
  }),
);

/** Only what is read unguarded later: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto */
const trustedRootSchema = z.object({
  mediaType: z.enum([
    'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    'application/vnd.dev.sigstore.trustedroot.v0.2+json',
  ]),
  tlogs: logs.default([]),
  ctlogs: logs.default([]),
  certificateAuthorities: authorities.default([]),
  timestampAuthorities: authorities.default([]),
});

/**
 * Reads a Sigstore TrustedRoot, such as `cosign trusted-root create` writes and `https://tuf-repo-cdn.sigstore.dev` serves.
 * @throws FirebreakError FB3813 when it is none, FB3814 when it is not the one that is pinned
 */
export function readTrustedRoot(text: string, pin: RootPin): PinnedRoot {
  const actual = sha256(text);
  if (actual !== pin.sha256) {
    throw new FirebreakError(
      'FB3814',
      `trustedRoot: the file is ${actual}, and the policy pins ${pin.sha256}: restore it, or review the new one and pin that`,
    );
  }
  const asOf = new Date(pin.asOf);
  return {
    material: materialOf(text),
    asOf,
    freshUntil: new Date(asOf.getTime() + pin.maxAgeDays * msPerDay),
  };
}

/** Whether a root may be verified against. Never with a date that is none; one that is to come is a slip, and would keep it fresh for too long. */
export function isFresh({ asOf, freshUntil }: PinnedRoot, now: Date): boolean {
  const time = now.getTime();
  return asOf.getTime() - clockSkewMs <= time && time <= freshUntil.getTime();
}

function materialOf(text: string): TrustMaterial {
  try {
    const value: unknown = JSON.parse(text);
    trustedRootSchema.parse(value);
    return toTrustMaterial(TrustedRoot.fromJSON(value));
  } catch (error) {
    const why =
      error instanceof z.ZodError
        ? z.prettifyError(error)
        : error instanceof Error
          ? error.message
          : 'unreadable';
    throw new FirebreakError(
      'FB3813',
      `trustedRoot: the file is no Sigstore trusted root (${why}): fetch it again, and pin it`,
      {},
      error,
    );
  }
}
