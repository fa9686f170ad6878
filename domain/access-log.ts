import type { Digest, Json } from './json.ts';

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
