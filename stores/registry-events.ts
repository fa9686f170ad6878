import { FirebreakError } from '../domain/errors.ts';
import type { RegistryEvents } from '../domain/registry-event.ts';
import { openFolder } from './durable.ts';
import { tryLock } from './process-lock.ts';
import { parseBegan, parseDropped, parseKept, type Kept } from './registry-events/lines.ts';
import { openSegments, segmentsOf, type Segments } from './registry-events/segments.ts';
import { serially } from './serially.ts';

export interface RegistryEventLimits {
  /** Bytes kept of each registry; the oldest make room. */
  maxBytes: number;
  /** How long they are kept. Milliseconds. */
  maxAgeMs: number;
  /** Bytes of one file, which is dropped whole. */
  segmentBytes?: number;
}

export interface FileRegistryEvents extends RegistryEvents {
  /** Gives the writer's lock back. */
  close(): Promise<void>;
}

const SEGMENT_BYTES = 1024 * 1024;

/** For whoever only reads, and where nothing is configured. */
const defaultRegistryEventLimits: RegistryEventLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: 90 * 86_400_000,
};

interface Waiting {
  lines: Kept[];
  result?: { stored: number; known: number };
}

/** Appends of one registry: those that wait for the disk at the same time share one sync. */
interface Lane {
  waiting: Waiting[];
  inTurn: ReturnType<typeof serially>;
  segments?: Segments;
}

/**
 * Notifications as JSON lines, in files of a bounded size: a folder a registry. The first `append` makes this process their only writer, until `close`
 * or its end; anyone may read. What is dropped to make room is counted in `dropped.json`, durably, before it goes.
 */
export async function openRegistryEvents(
  dir: string,
  { maxBytes, maxAgeMs, segmentBytes = SEGMENT_BYTES }: RegistryEventLimits = defaultRegistryEventLimits,
  now: () => Date = () => new Date(),
): Promise<FileRegistryEvents> {
  const folder = await openFolder(dir);
  const limits = { maxBytes, maxAgeMs, segmentBytes: Math.min(segmentBytes, Math.ceil(maxBytes / 4)) };
  const lanes = new Map<string, Lane>();
  const locking = serially();
  let unlock: (() => void) | undefined;

  async function lock(): Promise<void> {
    await locking(async () => {
      unlock ??= await tryLock(folder.path, '.writer');
    });
    if (unlock !== undefined) return;
    throw new FirebreakError(
      'FB6214',
      `another process writes the registry events in ${folder.path}: stop it first`,
    );
  }

  function laneOf(registry: string): Lane {
    const known = lanes.get(registry);
    if (known !== undefined) return known;
    const lane: Lane = { waiting: [], inTurn: serially() };
    lanes.set(registry, lane);
    return lane;
  }

  async function write(registry: string, lane: Lane, all: readonly Waiting[]): Promise<void> {
    await lock();
    lane.segments ??= await openSegments(folder, registry, limits, now);
    const fresh: Kept[] = [];
    const ids = new Set<string>();
    const results = all.map(({ lines }) => {
      const result = { stored: 0, known: 0 };
      for (const line of lines) {
        const id = line.event?.id;
        if (id !== undefined && (ids.has(id) || lane.segments?.has(id) === true)) {
          result.known += 1;
          continue;
        }
        if (id !== undefined) ids.add(id);
        fresh.push(line);
        result.stored += 1;
      }
      return result;
    });
    await lane.segments.append(fresh);
    for (const [index, waiting] of all.entries()) Object.assign(waiting, { result: results[index] });
  }

  return {
    async append(registry, { events, unreadable = [] }) {
      const receivedAt = now().toISOString();
      const lane = laneOf(registry);
      const mine: Waiting = {
        lines: [
          ...events.map((event): Kept => ({ v: 1, receivedAt, event })),
          ...unreadable.map((event): Kept => ({ v: 1, receivedAt, unreadable: event })),
        ],
      };
      lane.waiting.push(mine);
      return lane.inTurn(async () => {
        if (mine.result !== undefined) return mine.result;
        const all = lane.waiting.splice(0);
        try {
          await write(registry, lane, all);
        } catch (error) {
          // Each of the others learns for itself: the disk may have room again by its turn.
          lane.waiting.unshift(...all.filter((waiting) => waiting !== mine));
          throw error;
        }
        return mine.result ?? { stored: 0, known: 0 };
      });
    },

    async find({ registry, actor, since, until, most }) {
      const [from, to] = [Date.parse(since), Date.parse(until)];
      const within = (time: string) => Date.parse(time) >= from && Date.parse(time) <= to;
      const found: Awaited<ReturnType<RegistryEvents['find']>> = { events: [], count: 0, unreadable: 0 };
      for (const name of await segmentsOf(folder, registry)) {
        // Dropped since it was listed: `dropped`, which is read last, says so.
        const bytes = await folder.read([registry, name]);
        if (bytes === undefined) continue;
        const text = bytes.toString('utf8');
        for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
          if (line === '' || isOfAnother(line, actor)) continue;
          const kept = parseKept(line);
          if (kept === undefined) found.unreadable += 1;
          else if (kept.event === undefined) {
            // It happened before it came, and nobody knows how long before.
            if (Date.parse(kept.receivedAt) >= from) found.unreadable += 1;
          } else if (kept.event.actor === actor && within(kept.event.at)) {
            found.count += 1;
            if (found.events.length < most) found.events.push(kept.event);
          }
        }
      }
      const began = parseBegan((await folder.read([registry, 'began.json']))?.toString('utf8'));
      const dropped = parseDropped((await folder.read([registry, 'dropped.json']))?.toString('utf8'));
      return {
        ...found,
        ...(began === undefined ? {} : { began: began.at }),
        ...(dropped === undefined ? {} : { dropped: { events: dropped.events, until: dropped.until } }),
      };
    },

    async close() {
      for (const lane of lanes.values()) {
        await lane.inTurn(async () => {
          await lane.segments?.close();
          delete lane.segments;
        });
      }
      await locking(async () => {
        unlock?.();
        unlock = undefined;
      });
    },
  };
}

/** Spares reading most of a large store: a whole line, as canonical JSON has it, of an event with another actor. */
function isOfAnother(line: string, actor: string): boolean {
  const isWhole = line.startsWith('{"event":{') && line.endsWith('"v":1}');
  return isWhole && !line.includes(`"actor":${JSON.stringify(actor)}`);
}
