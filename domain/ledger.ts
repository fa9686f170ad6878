import { digest, type Digest, type Json } from './json.ts';

/**
 * One line of an incident's ledger. The workflow numbers and chains it; the store only keeps it. `hash` is the digest
 * of the entry without `hash`, and so covers `prev`.
 */
export interface LedgerEntry {
  v: 1;
  incident: string;
  /** From 1, without gaps. */
  seq: number;
  /** Hash of the entry before; `genesis` for the first. */
  prev: Digest;
  /** RFC 3339 UTC, the workflow's clock. */
  at: string;
  kind: string;
  data: { [key: string]: Json };
  hash: Digest;
}

/** The `prev` of a first entry: bound to the incident, so that no chain can be grafted onto another. */
export function genesis(incident: string): Digest {
  return digest({ firebreak: 'ledger/v1', incident });
}

/** The hash that an entry must carry. */
export function entryHash(entry: Omit<LedgerEntry, 'hash'>): Digest {
  const { v, incident, seq, prev, at, kind, data } = entry;
  return digest({ v, incident, seq, prev, at, kind, data });
}

/** Append-only, one chain an incident. */
export interface LedgerStore {
  /**
   * Stores entries, put-if-absent by (incident, seq). An entry already there with the same hash is success; durable when it resolves.
   * @throws LedgerConflict when another hash is stored under that number, or an entry's hash is not its own. Never retry it.
   */
  append(entries: readonly LedgerEntry[]): Promise<void>;
  /** In order of seq. */
  read(incident: string): Promise<LedgerEntry[]>;
  incidents(): Promise<string[]>;
}

/** Two histories claim the same place in a ledger. Fatal: somebody or something forked the record. */
export class LedgerConflict extends Error {
  override readonly name = 'LedgerConflict';
}
