import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonical, sha256, type Json } from '../../domain/json.ts';
import { entryHash, type LedgerEntry } from '../../domain/ledger.ts';
import type { Signed, Signer } from '../../domain/signature.ts';
import { exportIncident } from '../../audit/export.ts';
import { createExporter, type Exporter } from '../../audit/exporter.ts';
import type { Manifest } from '../../audit/bundle/layout.ts';
import type { Records } from '../../stores/records.ts';
import { Engine, type OpenIncident } from './engine.ts';
import { Switchboard } from './switchboard.ts';

/** A closed incident of a real Temporal with evidence and refusals, exported. */
export interface Specimen {
  engine: Engine;
  exporter: Exporter;
  incident: OpenIncident;
  /** The untouched bundle: copy it before you touch it. */
  dir: string;
  run: string;
  key: string;
}

export const quiet = { info: () => undefined, warn: () => undefined };

/** Contained by Ada's word, released by Ben's; with an artefact, and three lines in the access log, one of them about another incident. */
export async function makeSpecimen(): Promise<Specimen> {
  const engine = await Engine.start();
  const world = new Switchboard();
  const actions = [world.action(), world.action('test.read', false)];
  await engine.work(actions);
  const incident = await engine.open({ actions, namespace: 'shop', steps: [{}, { uses: 'test.read' }] });
  const { accessLog, evidence } = engine.state;
  await accessLog.append({
    outcome: 'accepted',
    kind: 'alert',
    incident: incident.incident,
    actor: 'falco',
    detail: {},
  });
  await accessLog.append({
    outcome: 'refused',
    kind: 'token',
    code: 'FB1203',
    actor: 'unknown',
    detail: { path: '/v1' },
  });
  await accessLog.append({
    outcome: 'accepted',
    kind: 'alert',
    incident: 'inc-other',
    actor: 'falco',
    detail: { secretish: 'x' },
  });
  // The body of the alert that the engine's support made up.
  await evidence.put('{}', 'application/json');
  const ref = await evidence.put('log line\n', 'text/plain');
  await evidence.record([
    {
      ref,
      name: 'pods/web-1/logs',
      incident: incident.incident,
      collector: 'test',
      source: 'c1',
      at: new Date().toISOString(),
    },
  ]);
  await incident.decide('ada');
  await incident.until(({ status }) => status === 'holding');
  await incident.release();
  return exported(engine, incident);
}

/** Ada approved a reversible change, Ben filled in a form, and Ada cancelled it all with `undo`: the change was undone. */
export async function makeCancelledSpecimen(): Promise<Specimen> {
  const engine = await Engine.start();
  const change = { ...new Switchboard().action('test.change'), effect: 'reversible' as const, holds: false };
  await engine.work([change]);
  const incident = await engine.open({
    actions: [change],
    namespace: 'shop',
    playbook: {
      steps: [
        {
          kind: 'action',
          id: 'change',
          uses: 'test.change',
          with: { literal: { cluster: 'c1', namespace: 'shop' } },
          needs: [],
          undo: 'on-failure',
        },
        {
          kind: 'ask',
          id: 'facts',
          needs: ['change'],
          question: { literal: 'How many?' },
          from: ['responders'],
          withinMs: 60_000,
          fields: { hosts: { type: 'integer', title: 'Hosts', min: 1 } },
        },
        { kind: 'wait', id: 'pause', forMs: 60_000, needs: ['facts'] },
      ],
    },
  });
  await engine.state.evidence.put('{}', 'application/json');
  await incident.decide('ada', { gate: 'change' });
  await incident.answer('ben', 'facts', { hosts: 2 });
  await incident.until(({ steps }) => steps.some(({ id, status }) => id === 'pause' && status === 'running'));
  await incident.cancel('ada', 'undo', 'a false alarm');
  return exported(engine, incident);
}

/** Nobody was asked: an incident in automatic mode that an alert about namespace `shop` opened, and that contains `target`. */
export async function makeAutomaticSpecimen(engine: Engine, target: string): Promise<Specimen> {
  const guardrails = {
    ...engine.policy().guardrails,
    automatic: [{ environments: ['production'], minSeverity: 'low' as const }],
  };
  const incident = await engine.open({
    actions: [new Switchboard().action()],
    namespace: 'shop',
    steps: [{ with: { literal: { cluster: 'c1', namespace: target } } }],
    mode: 'automatic',
    policy: { guardrails },
  });
  await engine.state.evidence.put('{}', 'application/json');
  if (target === 'shop') {
    await incident.until(({ status }) => status === 'holding');
    await incident.release();
  }
  return exported(engine, incident);
}

async function exported(engine: Engine, incident: OpenIncident): Promise<Specimen> {
  await incident.handle.result();
  const { state, client } = engine;
  const exporter = createExporter({ client, exports: state.exports, signer: state.ledgerSigner, log: quiet });
  await swept(exporter, 1);
  const dir = join(await mkdtemp(join(tmpdir(), 'firebreak-bundle-')), 'bundle');
  await exportIncident({ state, incident: incident.incident, outDir: dir });
  const { runId } = await incident.handle.describe();
  return { engine, exporter, incident, dir, run: runId, key: state.ledgerSigner.publicKeyPem };
}

/** Sweeps until `count` histories are exported: visibility lags behind a close. */
export async function swept(exporter: Exporter, count: number): Promise<void> {
  const end = Date.now() + 20_000;
  while ((await exporter.sweep()).exported < count) {
    if (Date.now() > end) throw new Error(`never exported: ${JSON.stringify(exporter.status())}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sweeps until an incident's history and seal are in `exports`. */
export async function exportedInto(exports: Records, exporter: Exporter, incident: string): Promise<void> {
  const end = Date.now() + 20_000;
  while ((await exports.list(incident)).length < 2) {
    if (Date.now() > end) throw new Error(`never exported: ${JSON.stringify(exporter.status())}`);
    await exporter.sweep();
  }
}

/** A bundle that a test may change. */
export async function copyOf(dir: string): Promise<string> {
  const copy = join(await mkdtemp(join(tmpdir(), 'firebreak-tampered-')), 'bundle');
  await cp(dir, copy, { recursive: true });
  return copy;
}

export const readText = (dir: string, name: string): Promise<string> => readFile(join(dir, name), 'utf8');
export const writeText = (dir: string, name: string, text: string): Promise<void> =>
  writeFile(join(dir, name), text);

export async function readJson<T>(dir: string, name: string): Promise<T> {
  return JSON.parse(await readText(dir, name)) as T;
}

export const writeJson = (dir: string, name: string, value: unknown): Promise<void> =>
  writeText(dir, name, `${canonical(value)}\n`);

export async function readLedger(dir: string): Promise<LedgerEntry[]> {
  return (await readText(dir, 'ledger.jsonl'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LedgerEntry);
}

export const writeLedger = (dir: string, entries: readonly LedgerEntry[]): Promise<void> =>
  writeText(dir, 'ledger.jsonl', entries.map((entry) => `${canonical(entry)}\n`).join(''));

/** Numbers are kept; every hash and `prev` from `seq` on is computed again, as a forger would. */
export function rechain(entries: LedgerEntry[], seq: number): LedgerEntry[] {
  for (const entry of entries) {
    if (entry.seq < seq) continue;
    const before = entries[entry.seq - 2];
    if (before !== undefined) entry.prev = before.hash;
    entry.hash = entryHash(entry);
  }
  return entries;
}

/** Signs everything again with a key: what an engine that was taken over, or somebody with another key, can do. */
export async function resign(dir: string, signer: Signer): Promise<void> {
  const manifest = await readJson<Manifest>(dir, 'manifest.json');
  for (const { name } of manifest.files) {
    if (!/^history-.*[0-9a-f]\.json$/.test(name)) continue;
    const text = await readText(dir, name).catch(() => undefined);
    if (text === undefined) continue;
    const sealName = name.replace(/\.json$/, '.seal.json');
    const { payload } = await readJson<Signed<{ type: string }>>(dir, sealName);
    const events = (JSON.parse(text) as { events: Json[] }).events.length;
    await writeJson(dir, sealName, await signer.sign({ ...payload, history: sha256(text), events }));
  }
  const entries = await readLedger(dir);
  const { payload } = await readJson<Signed<{ type: string }>>(dir, 'seal.json');
  const last = entries.at(-1);
  await writeJson(
    dir,
    'seal.json',
    await signer.sign({ ...payload, head: last?.hash, count: entries.length }),
  );
  await resignManifest(dir, signer);
}

/** Computes the manifest again and signs it. */
export async function resignManifest(dir: string, signer: Signer): Promise<void> {
  const manifest = await readJson<Manifest>(dir, 'manifest.json');
  const files: Manifest['files'] = [];
  for (const file of manifest.files) {
    const bytes = await readFile(join(dir, file.name)).catch(() => undefined);
    if (bytes !== undefined) files.push({ name: file.name, digest: sha256(bytes), size: bytes.length });
  }
  await writeJson(dir, 'manifest.json', { ...manifest, files });
  const { payload } = await readJson<Signed<{ type: string }>>(dir, 'manifest.sig.json');
  const signed = await signer.sign({ ...payload, manifest: sha256(await readText(dir, 'manifest.json')) });
  await writeJson(dir, 'manifest.sig.json', signed);
}
