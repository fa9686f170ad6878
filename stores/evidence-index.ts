import { z } from 'zod';
import { FirebreakError } from '../domain/errors.ts';
import { canonical } from '../domain/json.ts';
import type { EvidenceRecord } from '../domain/evidence.ts';
import type { Folder } from './durable.ts';
import { appendDurably, parseLine, splitLines } from './json-lines.ts';
import { serially } from './serially.ts';

const recordShape = z.strictObject({
  ref: z.strictObject({
    digest: z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]),
    size: z.int().nonnegative(),
    mediaType: z.string(),
  }),
  name: z.string(),
  incident: z.string(),
  collector: z.string(),
  source: z.string(),
  at: z.string(),
});

/** Says that the line before it was cut short by a crash: it had not been acknowledged, so nothing is lost. */
const tornShape = z.strictObject({ torn: z.int().positive() });

export interface EvidenceIndex {
  record(records: readonly EvidenceRecord[]): Promise<void>;
  index(incident: string): Promise<EvidenceRecord[]>;
}

/** The chain of custody: a file of JSON lines an incident. Any number of processes may append. */
export function evidenceIndex(folder: Folder): EvidenceIndex {
  const inTurn = serially();

  async function read(incident: string) {
    const bytes = (await folder.read(fileOf(incident))) ?? Buffer.alloc(0);
    const { lines, torn } = splitLines(bytes);
    const records = new Map<string, EvidenceRecord>();
    // Two processes may both have found a line missing and written it: the first counts.
    const keep = (record: EvidenceRecord) => {
      const key = identity(record);
      if (!records.has(key)) records.set(key, record);
    };
    for (const [at, { number, text }] of lines.entries()) {
      if (text === '' || parseLine(text, tornShape) !== undefined) continue;
      const record = parseLine(text, recordShape);
      if (record !== undefined) keep(record);
      else if (parseLine(lines[at + 1]?.text ?? '', tornShape)?.torn !== Buffer.byteLength(text)) {
        throw new FirebreakError(
          'FB6206',
          `the evidence index of incident ${incident} is damaged at line ${number}: restore it from a backup or a bundle`,
        );
      }
    }
    // Whole but for its newline, a line is a line.
    const last = parseLine(torn.toString('utf8'), recordShape);
    if (last !== undefined) keep(last);
    return { records, mend: mendOf(torn, last !== undefined) };
  }

  async function add(incident: string, records: readonly EvidenceRecord[]): Promise<void> {
    const handle = await folder.append(fileOf(incident));
    try {
      const { records: known, mend } = await read(incident);
      const missing = new Map(records.map((record) => [identity(record), record] as const));
      for (const key of known.keys()) missing.delete(key);
      const lines = [...missing.values()].map((record) => `${canonical(record)}\n`);
      if (lines.length > 0) await appendDurably(handle, Buffer.from(mend + lines.join('')));
      // Found, but perhaps written by a process that has yet to sync.
      else await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  return {
    async record(records) {
      const byIncident = Map.groupBy(records, ({ incident }) => incident);
      for (const [incident, group] of byIncident) await inTurn(() => add(incident, group));
    },
    index: async (incident) => [...(await read(incident)).records.values()],
  };
}

/** What to write before the next line, so that bytes of a dead writer do not run into it. Of a living one's, its line is whole once it is done. */
function mendOf(torn: Buffer, whole: boolean): string {
  if (torn.length === 0) return '';
  return whole ? '\n' : `\n${canonical({ torn: torn.length })}\n`;
}

function fileOf(incident: string): string[] {
  return [`${incident}.jsonl`];
}

/** Collected again a moment later it is the same line: the time does not count. */
function identity({ ref, name, incident, collector, source }: EvidenceRecord): string {
  return canonical({ digest: ref.digest, name, incident, collector, source });
}
