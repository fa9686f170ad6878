import type { Readable } from 'node:stream';
import type { Digest } from './json.ts';

/** A reference to an artefact in the content-addressed evidence store. */
export interface EvidenceRef {
  digest: Digest;
  /** Bytes. */
  size: number;
  /** IANA media type, e.g. `application/json`. */
  mediaType: string;
}

/** One line of the chain of custody: who collected what, where from, for which incident. */
export interface EvidenceRecord {
  ref: EvidenceRef;
  /** What it is, for people: `namespaces/shop/pods/web-1/logs/app.previous`. */
  name: string;
  incident: string;
  collector: string;
  source: string;
  /** RFC 3339 UTC. */
  at: string;
}

export interface EvidencePutLimits {
  /** Bytes of this artefact; the store's own limit still applies. */
  maxBytes?: number;
  /**
   * What a containment cannot do without, such as the snapshot that its undo needs: it may go beyond the store's total, so that evidence
   * that filled it never blocks a containment.
   */
  essential?: boolean;
}

/** Append-only. The same bytes stored twice are one artefact; nothing is ever overwritten or removed. */
export interface EvidenceStore {
  /**
   * Streams bytes in, hashing on the way; durable (fsync) when it resolves. A killed writer leaves nothing under a digest.
   * @throws EvidenceStoreFull when the store's cap, the artefact's cap or the disk is exhausted.
   */
  put(
    content: Uint8Array | string | Readable,
    mediaType: string,
    limits?: EvidencePutLimits,
  ): Promise<EvidenceRef>;
  /** @throws when the artefact is absent, or its bytes do not match its digest. */
  get(ref: Pick<EvidenceRef, 'digest'>): Promise<Uint8Array>;
  has(digest: Digest): Promise<boolean>;
  /** Adds lines to an incident's index; a line already there is not doubled. Durable when it resolves. */
  record(records: EvidenceRecord[]): Promise<void>;
  /** An incident's index in the order it was written. */
  index(incident: string): Promise<EvidenceRecord[]>;
}

/** The evidence store cannot take more: recorded by whoever collects, and never a reason not to contain. */
export class EvidenceStoreFull extends Error {
  override readonly name = 'EvidenceStoreFull';
}
