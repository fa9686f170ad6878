import type { LedgerEntry } from '../domain/ledger.ts';
import type { PublicKey } from '../domain/signature.ts';
import { oneLine } from '../domain/safe-text.ts';
import { renderReport } from './report.ts';
import { tell } from './story.ts';
import { verifyFully, type Report, type VerifyOptions } from './verify.ts';

export interface ReplayStep {
  seq: number;
  /** RFC 3339 UTC, the workflow's clock. */
  at: string;
  /** Since the first entry. */
  elapsedMs: number;
  kind: string;
  actor: string;
  text: string;
  details: string[];
  hash: LedgerEntry['hash'];
}

export interface Replay {
  report: Report;
  /** From the entries that the workflow produced when it was run again, not from those stored. */
  steps: ReplayStep[];
}

/**
 * Runs an incident's workflow again from its bundle and tells what it did, step by step.
 * @throws as `verifyBundle`
 */
export async function replayBundle(
  dir: string,
  key: string | PublicKey,
  options: VerifyOptions = {},
): Promise<Replay> {
  const { report, entries, people } = await verifyFully(dir, key, options);
  const began = Date.parse(entries[0]?.at ?? '');
  const steps = entries.map((entry) => ({
    seq: entry.seq,
    at: entry.at,
    elapsedMs: Date.parse(entry.at) - began,
    kind: entry.kind,
    ...tell(entry, people),
    hash: entry.hash,
  }));
  return { report, steps };
}

/** A replay for a terminal: what came from outside is on one line and cannot move the cursor. */
export function renderReplay({ report, steps }: Replay): string {
  const lines = steps.flatMap(({ seq, at, elapsedMs, actor, text, details }) => [
    `${String(seq).padStart(4)}  ${at}  +${seconds(elapsedMs)}  ${oneLine(`${actor}: ${text}`, 500)}`,
    ...details.map((detail) => `        ${oneLine(detail, 500)}`),
  ]);
  return [...lines, '', renderReport(report)].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
