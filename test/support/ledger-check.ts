import { expect } from '@jest/globals';
import { entryHash, genesis, type LedgerEntry } from '../../domain/ledger.ts';
import { verifySigned, type Signed } from '../../domain/signature.ts';
import type { Seal } from '../../workflows/contract.ts';
import { sealName } from '../../activities/ledger/index.ts';
import type { Engine, OpenIncident } from './engine.ts';

/** The stored ledger of a closed incident is whole, chained, named by the history's activity ids, and sealed. */
export async function checkLedger(
  engine: Engine,
  { incident, workflowId, handle }: OpenIncident,
): Promise<LedgerEntry[]> {
  const entries = await engine.state.ledger.read(incident);
  let prev = genesis(incident);
  for (const [index, entry] of entries.entries()) {
    expect(entry.seq).toBe(index + 1);
    expect(entry.prev).toBe(prev);
    expect(entryHash(entry)).toBe(entry.hash);
    prev = entry.hash;
  }
  // Its own run: a successor has the same workflow id.
  const run = engine.client.workflow.getHandle(workflowId, handle.firstExecutionRunId);
  const history = await run.fetchHistory();
  const ids = (history.events ?? []).flatMap(
    (event) => event.activityTaskScheduledEventAttributes?.activityId ?? [],
  );
  expect(ids.length).toBeGreaterThan(0);
  for (const id of ids) {
    const [, seq, hash] = id.split('/');
    expect(entries[Number(seq) - 1]?.hash).toBe(hash);
  }
  const bytes = await engine.state.seals.get(sealName(incident));
  const seal = JSON.parse(Buffer.from(bytes ?? []).toString()) as Signed<Seal>;
  expect(verifySigned(seal, 'firebreak/seal/v1', [engine.state.ledgerSigner.publicKey])).toBe(true);
  expect(seal.payload.count).toBe(entries.length);
  expect(seal.payload.head).toBe(prev);
  return entries;
}
