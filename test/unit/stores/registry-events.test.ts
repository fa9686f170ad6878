import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RegistryEvent } from '../../../domain/registry-event.ts';
import { openRegistryEvents, type FileRegistryEvents } from '../../../stores/registry-events.ts';
import { killWriter, temporaryDirectory } from '../../support/store-processes.ts';

const limits = { maxBytes: 1_000_000, maxAgeMs: 86_400_000 };
const always = { since: '2000-01-01T00:00:00Z', until: '2100-01-01T00:00:00Z', most: 1_000_000 };
const opened: FileRegistryEvents[] = [];
let dir: string;

beforeEach(async () => {
  dir = await temporaryDirectory();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await rm(dir, { recursive: true, force: true });
});

async function open(options: Partial<typeof limits> & { segmentBytes?: number } = {}, now?: () => Date) {
  const store = await openRegistryEvents(dir, { ...limits, ...options }, now);
  opened.push(store);
  return store;
}

function event(id: string, given: Partial<RegistryEvent> = {}): RegistryEvent {
  const digest = `sha256:${'a'.repeat(64)}`;
  return {
    id,
    at: '2026-01-01T00:00:00.000Z',
    action: 'push',
    actor: 'ci',
    address: '10.0.0.1:5',
    agent: 'docker',
    repository: 'shop',
    tag: '1',
    digest,
    image: true,
    ...given,
  };
}

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
const find = (store: FileRegistryEvents, registry = 'images', actor = 'ci') =>
  store.find({ registry, actor, ...always });
const ids = async (store: FileRegistryEvents) => (await find(store)).events.map(({ id }) => id);

test('events are found by registry, actor and window, both ends in it', async () => {
  const store = await open();
  await store.append('images', {
    events: [
      event('1', { at: '2026-01-01T00:00:00.000Z' }),
      event('2', { at: '2026-01-01T00:00:01.000Z' }),
      event('3', { at: '2026-01-01T00:00:02.000Z' }),
      event('4', { at: '2026-01-01T00:00:01.000Z', actor: 'ana' }),
    ],
  });
  await store.append('other', { events: [event('5')] });
  const narrow = { since: '2026-01-01T00:00:01Z', until: '2026-01-01T00:00:02Z', most: 10 };
  const found = await store.find({ registry: 'images', actor: 'ci', ...narrow });
  expect(found.events.map(({ id }) => id)).toEqual(['2', '3']);
  expect(found).toMatchObject({ count: 2, unreadable: 0, began: expect.any(String) });
  const capped = await store.find({ registry: 'images', actor: 'ci', ...narrow, most: 1 });
  expect([capped.events.length, capped.count]).toEqual([1, 2]);
  expect(await find(store, 'never')).toEqual({ events: [], count: 0, unreadable: 0 });
});

test('an id counts once: in one call, in calls at the same time, and after a restart', async () => {
  const store = await open();
  expect(await store.append('images', { events: [event('1'), event('1')] })).toEqual({ stored: 1, known: 1 });
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, at) => store.append('images', { events: [event(`e${at % 50}`)] })),
  );
  expect(results.reduce((sum, { stored }) => sum + stored, 0)).toBe(50);
  await store.close();
  const again = await open();
  expect(await again.append('images', { events: [event('1'), event('e7'), event('new')] })).toEqual({
    stored: 1,
    known: 2,
  });
  expect((await find(again)).count).toBe(52);
});

test('what a crash cut off is gone, and what was acknowledged stays; a damaged line is told', async () => {
  const store = await open();
  await store.append('images', { events: [event('1')] });
  await store.close();
  const [file = ''] = (await readdir(join(dir, 'images'))).filter((name) => name.endsWith('.jsonl'));
  await appendFile(join(dir, 'images', file), '{"v":1,"receivedAt":"2026-');
  const again = await open();
  expect(await ids(again)).toEqual(['1']);
  await again.append('images', { events: [event('2')] });
  expect(await find(again)).toMatchObject({ count: 2, unreadable: 0 });
  await again.close();
  await appendFile(join(dir, 'images', file), 'not a line of ours\n');
  expect(await find(await open())).toMatchObject({ count: 2, unreadable: 1 });
});

test('one process writes, any number read', async () => {
  const store = await open();
  await store.append('images', { events: [event('1')] });
  const other = await open();
  await expect(other.append('images', { events: [event('2')] })).rejects.toThrow(/^FB6214/);
  expect(await ids(other)).toEqual(['1']);
  await store.close();
  await other.append('images', { events: [event('2')] });
  expect(await ids(other)).toEqual(['1', '2']);
});

test('a failed write tells its caller, and leaves nothing', async () => {
  const store = await open();
  await store.append('images', { events: [event('1')] });
  await writeFile(join(dir, 'broken'), 'a file where a folder belongs');
  await expect(store.append('broken', { events: [event('2')] })).rejects.toThrow('ENOTDIR');
  expect(await ids(store)).toEqual(['1']);
});

test('the oldest make room, and how many and until when is said, also after a restart', async () => {
  let store = await open({ maxBytes: 8_000, segmentBytes: 2_000 });
  for (let index = 0; index < 100; index++) {
    await store.append('images', { events: [event(`e${index}`, { at: at(index) })] });
    if (index === 50) {
      await store.close();
      store = await open({ maxBytes: 8_000, segmentBytes: 2_000 });
    }
  }
  const { events, dropped } = await find(store);
  expect(events.length + (dropped?.events ?? 0)).toBe(100);
  expect(events.at(-1)?.id).toBe('e99');
  expect(dropped?.until).toBe(at((dropped?.events ?? 0) - 1));
  const sizes = await readdir(join(dir, 'images'));
  expect(sizes.filter((name) => name.endsWith('.jsonl')).length).toBeLessThanOrEqual(5);
});

test('what is too old makes room once something new comes', async () => {
  let time = Date.UTC(2026, 0, 1);
  const store = await open({ segmentBytes: 1 }, () => new Date(time));
  await store.append('images', { events: [event('old')] });
  time += 2 * 86_400_000;
  await store.append('images', { events: [event('new')] });
  expect(await find(store)).toMatchObject({
    count: 1,
    dropped: { events: 1, until: '2026-01-01T00:00:00.000Z' },
  });
});

test('a writer that is killed loses nothing that it acknowledged: it is there, or counted as dropped', async () => {
  for (const many of [37, 211]) {
    const folder = await temporaryDirectory();
    const lines = await killWriter(['registry-events', folder], (line) => line === `acknowledged ${many}`);
    const acknowledged = Number(lines.at(-1)?.split(' ')[1]);
    const store = await openRegistryEvents(folder, { ...limits, maxBytes: 20_000, segmentBytes: 2_000 });
    opened.push(store);
    // The lock went with its holder, and what was acknowledged last is known.
    const again = await store.append('images', { events: [event(String(acknowledged)), event('new')] });
    expect(again).toEqual({ stored: 1, known: 1 });
    const { events, dropped, unreadable } = await find(store);
    expect(unreadable).toBe(0);
    const kept = events.map(({ id }) => id).filter((id) => id !== 'new');
    const first = Number(kept[0]);
    // Without a gap up to the last, which may not have been acknowledged.
    expect(kept).toEqual(kept.map((_, index) => String(first + index)));
    expect(Number(kept.at(-1))).toBeGreaterThanOrEqual(acknowledged);
    expect(dropped?.events ?? 0).toBe(first - 1);
  }
});

test('whatever order and size: each acknowledged event is found once, or counted as dropped', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat(40), { maxLength: 8 }), { maxLength: 20 }),
      fc.integer({ min: 600, max: 20_000 }),
      async (batches, maxBytes) => {
        const folder = await temporaryDirectory();
        const store = await openRegistryEvents(folder, { ...limits, maxBytes });
        const results = await Promise.all(
          batches.map((batch) => store.append('r', { events: batch.map((id) => event(`${id}`)) })),
        );
        const stored = results.reduce((sum, one) => sum + one.stored, 0);
        const { count, dropped, unreadable } = await find(store, 'r');
        await store.close();
        await rm(folder, { recursive: true });
        expect(count + (dropped?.events ?? 0)).toBe(stored);
        expect(unreadable).toBe(0);
      },
    ),
    { numRuns: 25 },
  );
});
