import { claimed } from '../claimed.ts';
import { entryHash, genesis, type LedgerEntry } from '../../domain/ledger.ts';
import type { PublicKey } from '../../domain/signature.ts';
import type { Seal } from '../../workflows/contract.ts';
import { entryShape, names, signedSealShape } from '../bundle/layout.ts';
import { checked, linesOf, shapeOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import type { Findings } from '../findings.ts';
import { checkSignature } from './container.ts';

/** The ledger's seal; its signature is a finding when it is wrong, and it is judged further all the same. */
export function checkSeal(files: Files, trusted: PublicKey, findings: Findings): Seal | undefined {
  const signed = shapeOf(files, names.seal, signedSealShape, findings);
  if (signed === undefined) return undefined;
  checkSignature(signed, 'firebreak/seal/v1', trusted, ['FB5203', 'FB5204'], names.seal, findings);
  return claimed<Seal>(signed.payload);
}

/** The chain line by line, then its length and its end against the seal. Answers the lines that are entries. */
export function checkLedger(
  files: Files,
  incident: string | undefined,
  seal: Seal | undefined,
  findings: Findings,
): LedgerEntry[] {
  const file = names.ledger;
  const lines = linesOf(files, file, findings);
  const entries: LedgerEntry[] = [];
  let prev = incident === undefined ? undefined : genesis(incident);
  lines.forEach((line, index) => {
    const at = `entry ${index + 1}`;
    const entry = line === undefined ? undefined : checked(line, entryShape, 'FB5301', file, at, findings);
    if (entry === undefined) {
      // What follows cannot be compared with a line that could not be read.
      prev = undefined;
      return;
    }
    if (incident !== undefined && entry.incident !== incident) {
      findings.add('FB5109', file, at, 'the entry is of another incident', {
        expected: incident,
        found: entry.incident,
      });
    }
    if (entry.seq !== index + 1) {
      findings.add('FB5304', file, at, 'the entry does not carry its own number', {
        expected: index + 1,
        found: entry.seq,
      });
    }
    if (prev !== undefined && entry.prev !== prev) {
      findings.add('FB5303', file, at, 'the entry does not name the hash of the one before', {
        expected: prev,
        found: entry.prev,
      });
    }
    const hash = entryHash(entry);
    if (entry.hash !== hash) {
      findings.add('FB5302', file, at, 'the content of the entry is not what its hash was made of', {
        expected: hash,
        found: entry.hash,
      });
    }
    prev = entry.hash;
    entries.push(entry);
  });
  if (seal !== undefined && files.has(file)) checkEnd(lines.length, entries, seal, findings);
  return entries;
}

/** The length and the end of the chain against the seal. */
function checkEnd(lines: number, entries: readonly LedgerEntry[], seal: Seal, findings: Findings): void {
  const file = names.ledger;
  if (lines !== seal.count) {
    findings.add(
      'FB5306',
      file,
      '',
      lines < seal.count ? 'the tail of the ledger is missing' : 'entries follow the sealed ones',
      { expected: seal.count, found: lines },
    );
  }
  const head = entries.at(-1)?.hash;
  if (head !== seal.head) {
    findings.add('FB5307', file, `entry ${lines}`, 'the last entry is not the sealed head', {
      expected: seal.head,
      found: head ?? null,
    });
  }
}
