import type { FileHandle } from 'node:fs/promises';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FirebreakError } from '../../domain/errors.ts';
import { canonical } from '../../domain/json.ts';
import { isDiskFull, type Folder } from '../durable.ts';
import { appendDurably } from '../json-lines.ts';
import { lineOf, parseDropped, parseKept, type Dropped, type Kept } from './lines.ts';

interface Limits {
  maxBytes: number;
  maxAgeMs: number;
  segmentBytes: number;
}

/** The files of one registry, open for writing. */
export interface Segments {
  has(id: string): boolean;
  /** Durable when it resolves; on an error none of them counts. Then makes room. */
  append(lines: readonly Kept[]): Promise<void>;
  close(): Promise<void>;
}

interface Segment {
  number: number;
  bytes: number;
  /** When the last line of it came. Milliseconds since 1970. */
  newest: number;
}

const pattern = /^(\d{8})\.jsonl$/;
const nameOf = (number: number): string => `${String(number).padStart(8, '0')}.jsonl`;

/** Names of the files that hold a registry's lines, oldest first. */
export async function segmentsOf(folder: Folder, registry: string): Promise<string[]> {
  return (await folder.list([registry])).filter((name) => pattern.test(name));
}

/** Opens a registry's files. What a crash left of the last write was never acknowledged, and is cut off. */
export async function openSegments(
  folder: Folder,
  registry: string,
  limits: Limits,
  now: () => Date,
): Promise<Segments> {
  const ids = new Set<string>();
  const segments: Segment[] = [];
  let handle: FileHandle | undefined;

  for (const name of await segmentsOf(folder, registry)) {
    const lines = await read(name);
    for (const line of lines) if (line.event !== undefined) ids.add(line.event.id);
    const bytes = (await folder.read([registry, name]))?.length ?? 0;
    segments.push({ number: Number(pattern.exec(name)?.[1]), bytes, newest: newestOf(lines) });
  }
  const last = segments.at(-1);
  if (last !== undefined) await open(last);

  async function read(name: string): Promise<Kept[]> {
    const text = (await folder.read([registry, name]))?.toString('utf8') ?? '';
    return text.split('\n').flatMap((line) => parseKept(line) ?? []);
  }

  async function open(segment: Segment): Promise<FileHandle> {
    await handle?.close();
    handle = await folder.append([registry, nameOf(segment.number)]);
    const bytes = await handle.readFile();
    segment.bytes = bytes.lastIndexOf(0x0a) + 1;
    if (segment.bytes < bytes.length) await handle.truncate(segment.bytes);
    return handle;
  }

  /** The one that is written to: a new one when the last is full. */
  async function current(): Promise<{ segment: Segment; to: FileHandle }> {
    const found = segments.at(-1);
    if (found !== undefined && handle !== undefined && found.bytes < limits.segmentBytes)
      return { segment: found, to: handle };
    const dropped = parseDropped((await folder.read([registry, 'dropped.json']))?.toString('utf8'));
    const segment = { number: (found?.number ?? dropped?.through ?? 0) + 1, bytes: 0, newest: 0 };
    const to = await open(segment);
    segments.push(segment);
    return { segment, to };
  }

  async function makeRoom(): Promise<void> {
    for (;;) {
      const [oldest, another] = segments;
      if (oldest === undefined || another === undefined) return;
      const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total <= limits.maxBytes && oldest.newest > now().getTime() - limits.maxAgeMs) return;
      await drop(oldest);
    }
  }

  /** Counted first: whoever is killed in between drops it again, and counts it once. */
  async function drop({ number }: Segment): Promise<void> {
    const gone = await read(nameOf(number));
    const before = parseDropped((await folder.read([registry, 'dropped.json']))?.toString('utf8'));
    if (before === undefined || before.through < number) {
      const until = gone.reduce(
        (latest, { event, receivedAt }) => {
          const at = event === undefined || event.at > receivedAt ? receivedAt : event.at;
          return Date.parse(at) > Date.parse(latest) ? at : latest;
        },
        before?.until ?? new Date(0).toISOString(),
      );
      const count: Dropped = {
        v: 1,
        through: number,
        events: (before?.events ?? 0) + gone.length,
        until,
      };
      await folder.replace([registry, 'dropped.json'], canonical(count));
    }
    await unlink(join(folder.path, registry, nameOf(number)));
    for (const { event } of gone) if (event !== undefined) ids.delete(event.id);
    segments.shift();
  }

  return {
    has: (id) => ids.has(id),
    async append(lines) {
      const first = lines[0];
      if (first === undefined) return;
      try {
        await folder.put([registry, 'began.json'], canonical({ v: 1, at: first.receivedAt }));
        const { segment, to } = await current();
        const bytes = Buffer.from(lines.map(lineOf).join(''));
        // Whatever a write that failed left behind.
        if ((await to.stat()).size !== segment.bytes) await to.truncate(segment.bytes);
        await appendDurably(to, bytes);
        segment.bytes += bytes.length;
        segment.newest = Math.max(segment.newest, newestOf(lines));
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        throw new FirebreakError(
          'FB6202',
          `the disk under ${folder.path} is full: free some space`,
          {},
          error,
        );
      }
      for (const { event } of lines) if (event !== undefined) ids.add(event.id);
      await makeRoom();
    },
    async close() {
      await handle?.close();
      handle = undefined;
    },
  };
}

function newestOf(lines: readonly Kept[]): number {
  return lines.reduce((newest, { receivedAt }) => Math.max(newest, Date.parse(receivedAt)), 0);
}
