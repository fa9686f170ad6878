import { claimed } from '../claimed.ts';
import type { Digest, Json, JsonObject } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import { artefactDigest, artefactName, evidenceIndexShape, names } from '../bundle/layout.ts';
import { checked, jsonOf } from '../bundle/parse.ts';
import type { Files } from '../bundle/read.ts';
import { quote, type Findings } from '../findings.ts';
import { object } from '../history.ts';

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

  const referred = new Set(entries.flatMap(({ data }) => references(data)).map(({ digest }) => digest));
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
    if (records !== undefined && !indexed.has(digest) && !referred.has(digest)) {
      findings.add('FB5705', name, '', 'no record says where this artefact came from');
    }
  }

  for (const entry of entries) {
    const at = `entry ${entry.seq}`;
    for (const { digest, custody } of references(entry.data)) {
      if (!files.has(artefactName(digest))) {
        findings.add(
          'FB5701',
          artefactName(digest),
          '',
          `${at} of the ledger refers to an artefact that is not in the bundle`,
        );
      } else if (custody && records !== undefined && !indexed.has(digest)) {
        findings.add(
          'FB5704',
          names.evidence,
          at,
          `the ledger refers to ${digest}, of which there is no record`,
        );
      }
    }
  }
  return artefacts;
}

/** Fields of ledger entries that hold the bare digest of an artefact: an alert's body, a whole plan, a snapshot. */
const digestFields = ['raw', 'full', 'snapshot'];

export interface Reference {
  digest: Digest;
  /** Collected as evidence: then there must be a record of who, where and when. */
  custody: boolean;
}

/** The artefacts that a ledger entry refers to. */
export function references(data: JsonObject): Reference[] {
  const bare = digestFields.flatMap((field) => {
    const digest = asDigest(data[field]);
    return digest === undefined ? [] : [{ digest, custody: false }];
  });
  const collected = Array.isArray(data['artefacts']) ? data['artefacts'] : [];
  const refs = collected.flatMap((item) => {
    const digest = asDigest(object(item)['digest']);
    return digest === undefined ? [] : [{ digest, custody: true }];
  });
  return [...bare, ...refs];
}

function asDigest(value: Json | undefined): Digest | undefined {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)
    ? claimed<Digest>(value)
    : undefined;
}
