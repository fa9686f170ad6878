import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exportIncident } from '../../audit/export.ts';
import { createExporter, type Exporter } from '../../audit/exporter.ts';
import { object, text } from '../../audit/history.ts';
import { renderTimeline, timelineOf } from '../../audit/timeline.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { FirebreakError } from '../../domain/errors.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import {
  copyOf,
  quiet,
  readJson,
  readLedger,
  rechain,
  resign,
  swept,
  writeJson,
  writeLedger,
} from '../support/bundles.ts';
import { Engine } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

let engine: Engine;
let dir: string;
let runs: string[];
let incident: string;
const warned: string[] = [];
const world = new Switchboard();
const actions = [world.action(), world.action('test.read', false)];

/** A containment, many readings, a release: continued as new again and again. */
beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
  await engine.state.evidence.put('{}', 'application/json');
  const opened = await engine.open({
    actions,
    steps: [{}, ...Array.from({ length: 8 }, () => ({ uses: 'test.read' }))],
    forge: (input) => ({ ...input, continueAfter: 60 }),
  });
  ({ incident } = opened);
  const { state, client } = engine;
  const log = { ...quiet, warn: (_: object, message: string) => void warned.push(message) };
  const exporter = createExporter({ client, exports: state.exports, signer: state.ledgerSigner, log });
  await opened.decide('ada');
  await opened.until(({ status }) => status === 'holding');
  // The incident is open, and what is over of it is safe already.
  await swept(exporter, 2);
  const before = exporter.status().exported;
  await opened.release();
  await opened.handle.result();
  await swept(exporter, before + 1);
  dir = join(await mkdtemp(join(tmpdir(), 'firebreak-chain-')), 'bundle');
  await untilExported(exporter, async () => {
    ({ runs } = await exportIncident({ state, incident, outDir: dir }));
  });
}, 180_000);

afterAll(async () => {
  await engine.stop();
});

/** Sweeps until all runs are there: visibility lags behind the last close. */
async function untilExported(exporter: Exporter, work: () => Promise<void>): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FirebreakError && error.code === 'FB5006') || Date.now() > end) throw error;
      await exporter.sweep();
    }
  }
}

type Events = { events: JsonObject[] };
const nth = (index: number): string => runs[index] ?? '';
const historyOf = (index: number): string => `history-${nth(index)}.json`;
const started = 'workflowExecutionStartedEventAttributes';
const ended = 'workflowExecutionContinuedAsNewEventAttributes';

/** What is found after a tampering by somebody who has the engine's own key, and signs everything again. */
async function found(tamper: (dir: string) => Promise<void>): Promise<string[]> {
  const copy = await copyOf(dir);
  await tamper(copy);
  await resign(copy, engine.state.ledgerSigner);
  const { findings } = await verifyBundle(copy, engine.state.ledgerSigner.publicKeyPem);
  return findings.map(({ code, file, at }) => `${code} ${file} ${at}`.trim());
}

/** Changes the text of the argument in one event of one run. */
async function editInput(
  copy: string,
  index: number,
  attributes: string,
  edit: (text: string) => string,
): Promise<void> {
  const history = await readJson<Events>(copy, historyOf(index));
  const event = history.events.find((candidate) => attributes in candidate);
  const input = object(object(event?.[attributes])['input']);
  const payload = object((input['payloads'] as Json[])[0]);
  const before = Buffer.from(text(payload['data']), 'base64').toString();
  const after = edit(before);
  expect(after).not.toBe(before);
  payload['data'] = Buffer.from(after).toString('base64');
  await writeJson(copy, historyOf(index), history);
}

const misnumber = (input: string): string => input.replace('"runs":1', '"runs":9');
const loosen = (input: string): string => input.replace('"maxPods":100', '"maxPods":999');

const removeRun = async (copy: string, index: number): Promise<void> => {
  await rm(join(copy, historyOf(index)));
  await rm(join(copy, historyOf(index).replace('.json', '.seal.json')));
};

test('every run is exported as soon as it was continued, without a warning, and the chain is proved', async () => {
  expect(warned).toEqual([]);
  const report = await verifyBundle(dir, engine.state.ledgerSigner.publicKeyPem);
  expect(report.findings).toEqual([]);
  expect(report.facts.runs.map(({ run }) => run)).toEqual(runs);
  expect(runs.length).toBeGreaterThanOrEqual(3);
  expect(report.facts.recomputed).toBe(report.facts.entries);
  const entries = await readLedger(dir);
  expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  expect(entries.filter(({ kind }) => kind === 'incident.closed')).toHaveLength(1);
}, 120_000);

test('the story is one, over all the runs', async () => {
  const timeline = await timelineOf(dir, engine.state.ledgerSigner.publicKeyPem);
  const { verified, outcome, lines, measures } = timeline;
  expect({ verified, outcome }).toEqual({ verified: true, outcome: 'released' });
  expect(lines.filter(({ kind }) => kind === 'incident.opened')).toHaveLength(1);
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map(({ seq }) => seq).toSorted((a, b) => a - b));
  expect(timeline.verdicts.map(({ step }) => step)).toContain('s9');
  const ms = new Map(measures.map((measure) => [measure.name, measure.ms]));
  for (const name of ['MTTA', 'MTTC'] as const) expect(ms.get(name)).toBeGreaterThan(0);
  expect(renderTimeline(timeline)).toContain('Verified from the bundle');
}, 120_000);

test('one byte changed in what a run began with is found', async () => {
  const findings = await found((copy) => editInput(copy, 1, started, misnumber));
  expect(findings).toContain(`FB5412 ${historyOf(1)} event 1`);
}, 120_000);

test('changed on both sides of the handover, it is what the run before does not produce when it is run again', async () => {
  const findings = await found(async (copy) => {
    await editInput(copy, 0, ended, misnumber);
    await editInput(copy, 1, started, misnumber);
  });
  expect(findings.some((line) => line.startsWith(`FB5507 ${historyOf(0)}`))).toBe(true);
  expect(findings.some((line) => line.startsWith('FB5412'))).toBe(false);
}, 120_000);

test('no run may begin with another policy, playbook or opening than the first', async () => {
  const findings = await found(async (copy) => {
    await editInput(copy, 0, ended, loosen);
    await editInput(copy, 1, started, loosen);
  });
  expect(findings).toContain(`FB5412 ${historyOf(1)} event 1`);
}, 120_000);

test.each([
  ['first', 0, () => `FB5409 ${historyOf(1)} event 1`],
  ['middle', 1, () => `FB5409 ${historyOf(2)} event 1`],
  ['last', -1, () => `FB5409 ${historyOf(runs.length - 2)}`],
] as const)(
  'a missing %s run is found',
  async (_, index, expected) => {
    const findings = await found((copy) => removeRun(copy, index < 0 ? runs.length + index : index));
    expect(findings).toContain(expected());
  },
  120_000,
);

test('runs without those before them, passed off as all there is, are found', async () => {
  const findings = await found(async (copy) => {
    await removeRun(copy, 0);
    const history = await readJson<Events>(copy, historyOf(1));
    delete object(history.events[0]?.[started])['continuedExecutionRunId'];
    await writeJson(copy, historyOf(1), history);
  });
  expect(findings).toContain(`FB5409 ${historyOf(1)} event 1`);
}, 120_000);

test('a ledger that was sealed before the last run is found', async () => {
  const findings = await found(async (copy) => {
    const history = await readJson<Events>(copy, historyOf(0));
    const attributes = 'activityTaskScheduledEventAttributes';
    const event = history.events.findLast((candidate) => attributes in candidate);
    object(object(event?.[attributes])['activityType'])['name'] = 'ledger.seal';
    await writeJson(copy, historyOf(0), history);
  });
  expect(findings.some((line) => line.startsWith(`FB5408 ${historyOf(0)}`))).toBe(true);
}, 120_000);

test('an entry that is carried over the end of a run is not to be exchanged in the ledger', async () => {
  const findings = await found(async (copy) => {
    const entries = await readLedger(copy);
    const entry = entries.find(({ kind }) => kind === 'step.ended');
    if (entry === undefined) throw new Error('no entry');
    entry.data['why'] = 'another';
    await writeLedger(copy, rechain(entries, entry.seq));
  });
  expect(findings.some((line) => line.startsWith('FB5503 ledger.jsonl'))).toBe(true);
}, 120_000);

test('nothing is exported while a run between two others is not', async () => {
  const { state } = engine;
  const exports = {
    ...state.exports,
    list: async (under: string) => (await state.exports.list(under)).filter((name) => !name.includes(nth(1))),
  };
  const outDir = join(await mkdtemp(join(tmpdir(), 'firebreak-chain-')), 'bundle');
  await expect(exportIncident({ state: { ...state, exports }, incident, outDir })).rejects.toMatchObject({
    code: 'FB5006',
  });
});
