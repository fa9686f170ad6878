import { digest, type Digest, type Json } from './json.ts';

/**
 * One line of the gateway's own chained log: what never reaches a workflow (refused calls, unauthorised clicks) and what
 * was let in. Hash-chained as the ledger is, per file.
 */
export interface AccessEntry {
  v: 1;
  seq: number;
  prev: Digest;
  /** RFC 3339 UTC. */
  at: string;
  outcome: 'accepted' | 'refused';
  /** `alert`, `decision`, `slack`, `token` … */
  kind: string;
  /** Error code when refused, e.g. `FB1203`. */
  code?: string;
  /** Present when the call was about an incident: the bundle holds these lines. */
  incident?: string;
  /** Who, as far as known: a person id, a token id, a Slack (team, user) pair. Never a credential. */
  actor: string;
  detail: { [key: string]: Json };
  hash: Digest;
}

export type AccessRecord = Pick<AccessEntry, 'outcome' | 'kind' | 'actor' | 'detail'> &
  Partial<Pick<AccessEntry, 'code' | 'incident'>>;

/** Append-only and rate-capped: when refusals flood in, a counted summary line stands for those left out. */
export interface AccessLog {
  append(record: AccessRecord): Promise<void>;
  /** The whole log in order. */
  read(): Promise<AccessEntry[]>;
}

/** The `prev` of the first line. */
export const accessGenesis: Digest = digest({ firebreak: 'access-log/v1' });

/** The hash that a line must carry: the digest of the line without `hash`. */
export function accessHash(entry: Omit<AccessEntry, 'hash'>): Digest {
  const { v, seq, prev, at, outcome, kind, code, incident, actor, detail } = entry;
  return digest({ v, seq, prev, at, outcome, kind, code, incident, actor, detail });
}

export interface AccessFinding {
  /** The `seq` that stands in the line. */
  seq: number;
  problem: 'wrong-hash' | 'wrong-seq' | 'broken-chain';
}

/**
 * What is wrong with a whole access log: lines altered, removed or swapped. That lines are missing at its end shows only against a
 * head that was signed.
 */
export function checkAccessChain(entries: readonly AccessEntry[]): AccessFinding[] {
  const findings: AccessFinding[] = [];
  let prev = accessGenesis;
  for (const [index, entry] of entries.entries()) {
    if (entry.seq !== index + 1) findings.push({ seq: entry.seq, problem: 'wrong-seq' });
    if (entry.prev !== prev) findings.push({ seq: entry.seq, problem: 'broken-chain' });
    if (entry.hash !== accessHash(entry)) findings.push({ seq: entry.seq, problem: 'wrong-hash' });
    prev = entry.hash;
  }
  return findings;
}
