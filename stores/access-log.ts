import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { accessGenesis, accessHash } from '../domain/access-log.ts';
import type { AccessEntry, AccessLog, AccessRecord } from '../domain/access-log.ts';
import { FirebreakError } from '../domain/errors.ts';
import { canonical, sha256 } from '../domain/json.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { isDiskFull, openFolder } from './durable.ts';
import { appendDurably, parseLine, splitLines } from './json-lines.ts';
import { tryLock } from './process-lock.ts';
import { refusalCap } from './refusal-cap.ts';
import { serially } from './serially.ts';

const file = ['access.jsonl'];
const hashShape = z.templateLiteral(['sha256:', z.string()]);
const shape: z.ZodType<AccessEntry> = z.strictObject({
  v: z.literal(1),
  seq: z.int().positive(),
  prev: hashShape,
  at: z.string(),
  outcome: z.enum(['accepted', 'refused']),
  kind: z.string(),
  code: z.string().exactOptional(),
  incident: z.string().exactOptional(),
  actor: z.string(),
  detail: z.record(z.string(), z.json()),
  hash: hashShape,
});

export interface FileAccessLog extends AccessLog {
  /** Writes the summaries that are due and gives the writer's lock back. */
  close(): Promise<void>;
}

/** The log opened for writing: its end is known to be whole. */
interface Writer {
  handle: FileHandle;
  /** Bytes of the whole lines; whatever a failed write left behind them is cut off before the next. */
  length: number;
  seq: number;
  prev: AccessEntry['hash'];
  unlock: () => void;
}

/**
 * The access log as one file of JSON lines. The first `append` makes this process its only writer, until `close` or its end; anyone may read. Appends
 * that wait for the disk at the same time share one sync. Refusals over `maxRefusalsPerMinute` of a kind become one counted line.
 * @throws FirebreakError FB6208 when another process writes it, FB6209 when a line is damaged (read), FB6202 when the disk is full.
 */
export async function openAccessLog(
  dir: string,
  limits: { maxRefusalsPerMinute: number },
  now: () => Date = () => new Date(),
): Promise<FileAccessLog> {
  const folder = await openFolder(dir);
  const cap = refusalCap(limits.maxRefusalsPerMinute, now);
  const inTurn = serially();
  let batch: { records: AccessRecord[]; done: Promise<void> } | undefined;
  /** Summaries that are not written yet. */
  let owed: AccessRecord[] = [];
  let writer: Writer | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function openWriter(): Promise<Writer> {
    const unlock = await tryLock(folder.path, '.writer');
    if (unlock === undefined) {
      throw new FirebreakError(
        'FB6208',
        `another process writes the access log in ${folder.path}: stop it first`,
      );
    }
    let handle: FileHandle | undefined;
    try {
      handle = await folder.append(file);
      return await recovered({ handle, length: 0, seq: 0, prev: accessGenesis, unlock });
    } catch (error) {
      await handle?.close();
      unlock();
      throw error;
    }
  }

  /**
   * Finds the end of the chain. What a crash left of the last write was never acknowledged: it is set aside in a file of its own, and a line
   * says so.
   */
  async function recovered(fresh: Writer): Promise<Writer> {
    const bytes = await fresh.handle.readFile();
    const { lines } = splitLines(bytes);
    const parsed = lines.map(({ text }) => parseLine(text, shape));
    const last = parsed.findLastIndex((entry) => entry !== undefined);
    const entry = parsed[last];
    if (entry === undefined && lines.length > 0) throw damaged(1);
    const length = lines.slice(0, last + 1).reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
    const state: Writer = { ...fresh, length };
    if (entry !== undefined) Object.assign(state, { seq: entry.seq, prev: entry.hash });
    const torn = bytes.subarray(length);
    if (torn.length > 0) {
      const cutDigest = sha256(torn);
      await folder.put([`cut-${cutDigest.slice('sha256:'.length)}`], torn);
      await write(state, [
        {
          outcome: 'accepted',
          kind: 'log.recovered',
          actor: 'firebreak',
          detail: { cutBytes: torn.length, cutDigest },
        },
      ]);
    }
    return state;
  }

  async function write(to: Writer, records: readonly AccessRecord[]): Promise<void> {
    let { seq, prev } = to;
    const lines: string[] = [];
    for (const record of records) {
      const body = { v: 1 as const, seq: ++seq, prev, at: now().toISOString(), ...record };
      prev = accessHash(body);
      lines.push(`${canonical({ ...body, hash: prev })}\n`);
    }
    const bytes = Buffer.from(lines.join(''));
    try {
      if ((await to.handle.stat()).size !== to.length) await to.handle.truncate(to.length);
      await appendDurably(to.handle, bytes);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      throw new FirebreakError('FB6202', `the disk under ${folder.path} is full: free some space`, {}, error);
    }
    Object.assign(to, { seq, prev, length: to.length + bytes.length });
  }

  /** Writes a record with all others that wait. Every caller learns how the write of its own record went. */
  function enqueue(record?: AccessRecord): Promise<void> {
    if (batch === undefined) {
      const records: AccessRecord[] = [];
      const done = inTurn(async () => {
        batch = undefined;
        const all = [...owed, ...records];
        if (all.length === 0) return;
        writer ??= await openWriter();
        await write(writer, all);
        owed = owed.filter((summary) => !all.includes(summary));
      });
      batch = { records, done };
    }
    if (record !== undefined) batch.records.push(record);
    return batch.done;
  }

  /** Sees to it that a flood which ends is still accounted for. */
  function schedule(): void {
    const due = cap.nextDue();
    if (due === undefined || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      owed.push(...cap.summaries(false));
      // A summary that could not be written stays owed: the next append carries it, and tells its caller.
      enqueue().then(schedule, schedule);
    }, due);
    timer.unref();
  }

  return {
    async append(record) {
      owed.push(...cap.summaries(false));
      const admitted = cap.admit(record);
      schedule();
      if (admitted) await enqueue(printable(record));
      else if (owed.length > 0) await enqueue();
    },
    async read() {
      const { lines } = splitLines((await folder.read(file)) ?? Buffer.alloc(0));
      return lines.map(({ number, text }) => {
        const entry = parseLine(text, shape);
        if (entry === undefined) throw damaged(number);
        return entry;
      });
    },
    async close() {
      clearTimeout(timer);
      owed.push(...cap.summaries(true));
      await enqueue();
      await inTurn(async () => {
        await writer?.handle.close();
        writer?.unlock();
        writer = undefined;
      });
    },
  };
}

/** A caller's strings as the log takes them: no lone surrogates, which have no canonical form, and none longer than 1,000 characters. */
function printable(record: AccessRecord): AccessRecord {
  const { outcome, kind, code, incident, actor, detail } = record;
  return {
    outcome,
    kind,
    ...(code === undefined ? {} : { code }),
    ...(incident === undefined ? {} : { incident: printableText(incident) }),
    actor: printableText(actor),
    detail: printableObject(detail),
  };
}

function printableText(text: string): string {
  return text.slice(0, 1_000).toWellFormed();
}

function printableObject(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, member]) => [printableText(key), printableJson(member)]),
  );
}

function printableJson(value: Json): Json {
  if (typeof value === 'string') return printableText(value);
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(printableJson);
  return value === null || typeof value !== 'object' ? value : printableObject(value);
}

function damaged(line: number): FirebreakError {
  return new FirebreakError(
    'FB6209',
    `the access log is damaged at line ${line}: keep the file as evidence, and restore it or move it away to begin a new one`,
  );
}
