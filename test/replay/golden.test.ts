import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { canonical } from '../../domain/json.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import { eventsOf, text } from '../../audit/history.ts';
import { replayBundle } from '../../audit/replay/bundle.ts';
import type { ReplayAnswer } from '../../audit/replay/messages.ts';
import { replayHistory } from '../../audit/replay/run.ts';

const folder = fileURLToPath(new URL('golden/', import.meta.url));
const cases = await readdir(folder);
const path = (name: string) => fileURLToPath(new URL(`../support/broken/${name}.ts`, import.meta.url));
const read = (name: string, file: string) => readFile(join(folder, name, file), 'utf8');

async function replay(name: string, codePath: string): Promise<ReplayAnswer> {
  const history = await read(name, 'history.json');
  const started = eventsOf(JSON.parse(history))[0]?.attributes ?? {};
  return replayHistory({ codePath, workflowId: text(started['workflowId']), history }, 60_000);
}

function ledgerOf({ activities }: ReplayAnswer): string {
  const entries = new Map<number, LedgerEntry>();
  for (const activity of activities) for (const entry of activity.entries) entries.set(entry.seq, entry);
  return [...entries.values()]
    .toSorted((left, right) => left.seq - right.seq)
    .map((entry) => `${canonical(entry)}\n`)
    .join('');
}

describe('a history of the past', () => {
  let codePath: string;
  beforeAll(async () => {
    codePath = await replayBundle();
  }, 60_000);

  test('is there for every part of the workflow', () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  test.each(cases)('%s replays on the workflow of today, to the same ledger', async (name) => {
    const answer = await replay(name, codePath);
    expect(answer.failure).toBeUndefined();
    expect(ledgerOf(answer)).toBe(await read(name, 'ledger.jsonl'));
  });

  test('the workflow bundle stays small: every cached incident holds a part of it', async () => {
    expect((await stat(codePath)).size).toBeLessThan(6_000_000);
  });
});

describe('a workflow that was changed incompatibly', () => {
  test.each(['sleeps', 'retitles'])(
    '(%s) replays none of them',
    async (broken) => {
      const codePath = await replayBundle(path(broken));
      for (const name of cases) expect((await replay(name, codePath)).failure?.kind).toBe('determinism');
    },
    240_000,
  );

  test('(backwards) begins steps in another order, and replays none that runs several at a time', async () => {
    const codePath = await replayBundle(path('backwards'));
    for (const name of cases.filter((one) => /^(parallel|foreach)-/.test(one)))
      expect((await replay(name, codePath)).failure?.kind).toBe('determinism');
  }, 60_000);
});

describe('a replay', () => {
  test('that does not end in time is ended, and says so', async () => {
    const codePath = await replayBundle();
    const history = await read(cases[0] ?? '', 'history.json');
    const { failure } = await replayHistory({ codePath, workflowId: 'w', history }, 1);
    expect(failure).toEqual({ kind: 'replay', message: 'no end after 1 ms' });
  });

  test('of a mangled history fails or is ended, and never takes the caller with it', async () => {
    const codePath = await replayBundle();
    const { events } = JSON.parse(await read('released-0.1.0', 'history.json')) as { events: object[] };
    const mangled: unknown[] = [
      { events: events.map((event) => ({ ...event, eventId: '9223372036854775807' })) },
      { events: events.toReversed() },
      { events: events.slice(1) },
      { events: events.map((event) => ({ ...event, eventType: 'EVENT_TYPE_TIMER_FIRED' })) },
      { events: [] },
    ];
    for (const value of mangled) {
      const history = JSON.stringify(value);
      const answer = await replayHistory({ codePath, workflowId: 'w', history }, 4_000);
      expect(answer.failure).toBeDefined();
    }
  }, 60_000);
});
