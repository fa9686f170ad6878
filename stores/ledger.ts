import { z } from 'zod';
import { FirebreakError } from '../domain/errors.ts';
import { canonical } from '../domain/json.ts';
import { LedgerConflict, entryHash } from '../domain/ledger.ts';
import type { LedgerEntry, LedgerStore } from '../domain/ledger.ts';
import { openFolder, segment } from './durable.ts';
import type { DurableOptions } from './durable.ts';

const digits = 10;

/** The shape of an entry, as far as reading it back needs; its hashes are for the verifier to judge. */
const stored = z.strictObject({
  v: z.literal(1),
  incident: z.string(),
  seq: z.int().positive(),
  prev: z.templateLiteral(['sha256:', z.string()]),
  at: z.string(),
  kind: z.string(),
  data: z.record(z.string(), z.json()),
  hash: z.templateLiteral(['sha256:', z.string()]),
});

/**
 * The ledger as one file an entry, `<dir>/<incident>/<seq>.json`, in canonical JSON. Put-if-absent is the file system's, so that any number of
 * processes may append at once.
 * @throws FirebreakError FB6201 for an incident's id that cannot be a file's name, FB6204 when a stored entry is damaged (read).
 */
export async function openLedger(dir: string, options: DurableOptions = {}): Promise<LedgerStore> {
  const folder = await openFolder(dir, options);

  async function append(entries: readonly LedgerEntry[]): Promise<void> {
    // All are judged before any is stored.
    for (const entry of entries) check(entry);
    for (const entry of entries) {
      const result = await folder.put(nameOf(entry), canonical(entry));
      if (result === 'different') {
        throw new LedgerConflict(
          `entry ${entry.seq} of incident ${entry.incident} is stored with other content: the record was forked`,
        );
      }
    }
  }

  async function read(incident: string): Promise<LedgerEntry[]> {
    const names = await folder.list([incident]);
    const entries: LedgerEntry[] = [];
    // A few at a time: a process may have only so many files open.
    for (let at = 0; at < names.length; at += 32) {
      entries.push(...(await Promise.all(names.slice(at, at + 32).map((name) => readEntry(incident, name)))));
    }
    return entries;
  }

  async function readEntry(incident: string, name: string): Promise<LedgerEntry> {
    const bytes = await folder.read([incident, name]);
    const parsed = stored.safeParse(parseJson(bytes));
    if (parsed.success && name === nameOf(parsed.data)[1] && parsed.data.incident === incident) {
      return parsed.data;
    }
    throw new FirebreakError(
      'FB6204',
      `the ledger's file ${incident}/${name} is damaged: restore it from a backup or a bundle`,
    );
  }

  return { append, read, incidents: () => folder.list() };
}

function nameOf({ incident, seq }: Pick<LedgerEntry, 'incident' | 'seq'>): [string, string] {
  return [segment(incident), `${String(seq).padStart(digits, '0')}.json`];
}

function check(entry: LedgerEntry): void {
  segment(entry.incident);
  if (!Number.isSafeInteger(entry.seq) || entry.seq < 1 || String(entry.seq).length > digits) {
    throw new LedgerConflict(`incident ${entry.incident}: ${entry.seq} is not an entry's number`);
  }
  if (!stored.safeParse(entry).success || entry.hash !== entryHash(entry)) {
    throw new LedgerConflict(`entry ${entry.seq} of incident ${entry.incident} does not match its own hash`);
  }
}

function parseJson(bytes: Uint8Array | undefined): unknown {
  try {
    return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    // Reported by the caller, which knows the file's name.
    return undefined;
  }
}
