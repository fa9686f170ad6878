import type { Digest, Json } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import { artefactDigest, artefactName, evidenceIndexShape, names } from '../bundle/layout.ts';
import { checked, jsonOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import { quote, type Findings } from '../findings.ts';

/** Every artefact against its digest, the chain of custody and the ledger. Answers how many artefacts there are. */
export function checkEvidence(
  files: Files,
  incident: string | undefined,
  entries: readonly LedgerEntry[],
  findings: Findings,
): number {
  const value = jsonOf(files, names.evidence, findings);
  const records =
    value === undefined
      ? undefined
      : checked(value, evidenceIndexShape, 'FB5703', names.evidence, '', findings);
  const indexed = new Set<Digest>();
  records?.forEach((record, index) => {
    const at = `record ${index + 1}`;
    indexed.add(record.ref.digest);
    if (incident !== undefined && record.incident !== incident) {
      findings.add('FB5109', names.evidence, at, 'the record is of another incident', {
        expected: incident,
        found: record.incident,
      });
    }
    const name = artefactName(record.ref.digest);
    const file = files.get(name);
    if (file === undefined) {
      findings.add(
        'FB5701',
        name,
        '',
        `${quote(record.name, 200)} is in the chain of custody, but not in the bundle`,
      );
    } else if (file.size !== record.ref.size) {
      findings.add('FB5702', name, '', `${quote(record.name, 200)} has another size`, {
        expected: record.ref.size,
        found: file.size,
      });
    }
  });

  let artefacts = 0;
  for (const [name, file] of files) {
    const digest = artefactDigest(name);
    if (digest === undefined) continue;
    artefacts++;
    if (file.digest !== digest) {
      findings.add('FB5702', name, '', 'the bytes are not those that the name is the SHA-256 of', {
        expected: digest,
        found: file.digest,
      });
    }
    if (records !== undefined && !indexed.has(digest)) {
      findings.add('FB5705', name, '', 'no record says where this artefact came from');
    }
  }

  if (records !== undefined) {
    for (const entry of entries) {
      for (const digest of new Set(references(entry.data))) {
        if (indexed.has(digest)) continue;
        findings.add(
          'FB5704',
          names.evidence,
          `entry ${entry.seq}`,
          `the ledger refers to ${digest}, of which there is no record`,
        );
      }
    }
  }
  return artefacts;
}

/** Digests of everything in a value that has the shape of an EvidenceRef. */
export function references(value: Json): Digest[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(references);
  const { digest, size, mediaType } = value;
  if (typeof digest === 'string' && typeof size === 'number' && typeof mediaType === 'string') {
    return [digest as Digest];
  }
  return Object.values(value).flatMap(references);
}
