import { entryHash, genesis } from '../../domain/ledger.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';

/** A valid chain of `count` entries; another `variant` is another history. */
export function chain(incident: string, count: number, variant = 'a'): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  let prev = genesis(incident);
  for (let seq = 1; seq <= count; seq++) {
    const body = {
      v: 1 as const,
      incident,
      seq,
      prev,
      at: '2026-01-01T00:00:00Z',
      kind: 'test',
      data: { variant, seq },
    };
    prev = entryHash(body);
    entries.push({ ...body, hash: prev });
  }
  return entries;
}
