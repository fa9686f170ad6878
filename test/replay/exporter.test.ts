import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exportIncident, renderExported } from '../../audit/export.ts';
import { createExporter } from '../../audit/exporter.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { openRecords, type Records } from '../../stores/records.ts';
import { exportedInto, quiet, swept } from '../support/bundles.ts';
import { Engine, type OpenIncident } from '../support/engine.ts';
import { Switchboard } from '../support/switchboard.ts';

let engine: Engine;
const actions = [new Switchboard().action()];
beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions);
  await engine.state.evidence.put('{}', 'application/json');
}, 120_000);
afterAll(async () => {
  await engine.stop();
});

const scratch = () => mkdtemp(join(tmpdir(), 'firebreak-export-'));
const emptyExports = async () => openRecords(await scratch());
const exporterInto = (exports: Records, over: object = {}) =>
  createExporter({ client: engine.client, exports, signer: engine.state.ledgerSigner, log: quiet, ...over });

async function denied(namespace: string): Promise<OpenIncident> {
  const incident = await engine.open({ actions, namespace });
  await incident.decide('ada', { verdict: 'deny', reason: 'a drill' });
  await incident.handle.result();
  return incident;
}

describe('the exporter', () => {
  test('catches up with every incident that closed while it was away, once', async () => {
    const closed = [await denied('a'), await denied('b'), await denied('c')];
    const exports = await emptyExports();
    const first = exporterInto(exports);
    await swept(first, 3);
    expect(first.status().failing).toEqual([]);
    expect(await exports.list('runs')).toHaveLength(3);
    for (const { incident } of closed) expect(await exports.list(incident)).toHaveLength(2);

    // Another process, later: everything is there already.
    const second = exporterInto(exports);
    expect(await second.sweep()).toMatchObject({ exported: 0, failing: [] });
  });

  test('leaves an open incident alone, and takes it when it has closed', async () => {
    const exports = await emptyExports();
    const exporter = exporterInto(exports);
    const incident = await engine.open({ actions, namespace: 'open' });
    await incident.gate();
    await exporter.sweep();
    expect(await exports.list(incident.incident)).toEqual([]);
    const before = exporter.status().exported;
    await incident.decide('ada', { verdict: 'deny', reason: 'no' });
    await incident.handle.result();
    await swept(exporter, before + 1);
    expect(await exports.list(incident.incident)).toHaveLength(2);
  });

  test('continues what a killed process began: the seal that was signed stays', async () => {
    const { incident } = await denied('killed');
    const whole = await emptyExports();
    const exporter = exporterInto(whole);
    await exportedInto(whole, exporter, incident);
    const names = await whole.list(incident);
    // Killed before the mark: history and seal are there, `runs/<run>` is not.
    const torn = await emptyExports();
    for (const name of names)
      await torn.put(`${incident}/${name}`, (await whole.get(`${incident}/${name}`)) ?? '');
    const later = exporterInto(torn, { now: () => new Date(Date.now() + 60_000) });
    const { failing } = await later.sweep();
    expect(failing).toEqual([]);
    for (const name of names)
      expect(await torn.get(`${incident}/${name}`)).toEqual(await whole.get(`${incident}/${name}`));
    expect((await torn.list('runs')).length).toBeGreaterThan(0);
  });

  test('says which history failed, backs off, and tries again', async () => {
    await denied('failing');
    const real = await emptyExports();
    let broken = true;
    const exports: Records = {
      ...real,
      put: (name, bytes) => (broken ? Promise.reject(new Error('the disk is full')) : real.put(name, bytes)),
    };
    let clock = Date.now();
    const exporter = exporterInto(exports, { now: () => new Date(clock) });
    const failed = await exporter.sweep();
    expect(failed.failing.length).toBeGreaterThan(0);
    expect(failed.failing[0]).toMatchObject({ attempts: 1, error: 'the disk is full' });
    broken = false;
    // Not before its time …
    expect((await exporter.sweep()).failing[0]).toMatchObject({ attempts: 1 });
    clock += 60_000;
    // … and then all of them.
    expect(await exporter.sweep()).toMatchObject({ failing: [] });
    expect(exporter.status().exported).toBe(failed.failing.length);
  });

  test('survives a server that is away, says so, and catches up', async () => {
    const exports = await emptyExports();
    let away = true;
    const client = Object.create(engine.client, {
      workflow: {
        get: () => {
          if (away) throw new Error('14 UNAVAILABLE');
          return engine.client.workflow;
        },
      },
    }) as typeof engine.client;
    const exporter = exporterInto(exports, { client });
    expect((await exporter.sweep()).sweepError).toContain('UNAVAILABLE');
    away = false;
    const after = await exporter.sweep();
    expect(after.sweepError).toBeUndefined();
    expect(after.exported).toBeGreaterThan(0);
  });

  test('sweeps by itself from `start` to `stop`', async () => {
    const exports = await emptyExports();
    const exporter = exporterInto(exports, { intervalMs: 20 });
    exporter.start();
    const { incident } = await denied('background');
    const end = Date.now() + 20_000;
    while ((await exports.list(incident)).length < 2 && Date.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await exporter.stop();
    expect(await exports.list(incident)).toHaveLength(2);
  });
});

describe('an export', () => {
  test('of a denied incident needs no Temporal, verifies, and is the owner’s alone', async () => {
    const { incident } = await denied('proof');
    const { state } = engine;
    const exporter = exporterInto(state.exports);
    await exportedInto(state.exports, exporter, incident);
    const outDir = join(await scratch(), 'deep', 'bundle');
    const exported = await exportIncident({ state, incident, outDir });
    expect(exported.warnings).toEqual([]);
    expect(renderExported(exported)).toContain(incident);
    expect(await verifyBundle(outDir, state.ledgerSigner.publicKeyPem)).toMatchObject({
      ok: true,
      facts: { outcome: 'denied' },
    });
    await expect(exportIncident({ state, incident, outDir })).rejects.toMatchObject({ code: 'FB5005' });
    // Nothing half-made is left beside it.
    expect(await readdir(join(outDir, '..'))).toEqual(['bundle']);
  });

  test('refuses an open, an unknown and an unexported incident, each in its own words', async () => {
    const { state } = engine;
    const open = await engine.open({ actions, namespace: 'still-open' });
    await open.gate();
    const outDir = join(await scratch(), 'bundle');
    await expect(exportIncident({ state, incident: open.incident, outDir })).rejects.toMatchObject({
      code: 'FB5003',
    });
    await expect(exportIncident({ state, incident: 'inc-none', outDir })).rejects.toMatchObject({
      code: 'FB5004',
    });
    await open.decide('ada', { verdict: 'deny', reason: 'no' });
    await open.handle.result();
    await expect(exportIncident({ state, incident: open.incident, outDir })).rejects.toMatchObject({
      code: 'FB5006',
    });
    await mkdir(outDir);
    await writeFile(join(outDir, 'mine'), '');
    expect(await readdir(outDir)).toEqual(['mine']);
  });

  test('of an incident that was terminated is made, and not verified', async () => {
    const { state } = engine;
    const incident = await engine.open({ actions, namespace: 'terminated' });
    await incident.gate();
    await incident.handle.terminate('by an administrator');
    const exporter = exporterInto(state.exports);
    await exportedInto(state.exports, exporter, incident.incident);
    const outDir = join(await scratch(), 'bundle');
    const exported = await exportIncident({ state, incident: incident.incident, outDir });
    expect(exported.warnings).toEqual([expect.stringContaining('never sealed')]);
    const report = await verifyBundle(outDir, state.ledgerSigner.publicKeyPem);
    expect(report.findings.map(({ code, file }) => `${code} ${file}`)).toEqual(
      expect.arrayContaining(['FB5101 seal.json', expect.stringMatching(/^FB5408 history-/)]),
    );
  });
});
