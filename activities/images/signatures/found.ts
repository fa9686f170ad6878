import type { Digest } from '../../../domain/json.ts';

/** Where something that claims to sign or to attest an image was found. */
interface FoundAt {
  /** For people: `registry.example/shop/api:sha256-<hex>.sig, layer 0`. */
  readonly where: string;
  /** Digest of the manifest that carries it, not of the image that it is about. */
  readonly manifestDigest: Digest;
}

/** A layer of a `sha256-<hex>.sig` tag: cosign's first format. */
export interface FoundSimpleSigning extends FoundAt {
  readonly way: 'simple-signing';
  /** The layer's bytes: what was signed. */
  readonly payload: Uint8Array;
  /** The layer's annotations: signature, certificate, chain, log entry and timestamp. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** A layer of a `sha256-<hex>.att` tag: a DSSE envelope, whose certificate and log entry are annotations. */
export interface FoundEnvelope extends FoundAt {
  readonly way: 'envelope';
  /** The layer's bytes: the envelope as JSON. */
  readonly envelope: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A Sigstore bundle of the referrers API or of the fallback tag `sha256-<hex>`: a signature or an attestation. */
export interface FoundBundle extends FoundAt {
  readonly way: 'bundle';
  /** The blob's bytes: the bundle as JSON, of whatever version. */
  readonly bundle: Uint8Array;
}

/** As the registry serves it: nothing of it is verified, and all of it may be an attacker's. */
export type Found = FoundSimpleSigning | FoundEnvelope | FoundBundle;

/** Something that looked like a signature and could not be read: too large, too many, of no known kind. */
export interface Skipped {
  readonly where: string;
  readonly why: string;
}

/** All that was found about one image manifest. */
export interface Findings {
  readonly found: readonly Found[];
  readonly skipped: readonly Skipped[];
}
