import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exportIncident } from '../../audit/export.ts';
import { createExporter } from '../../audit/exporter.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { sha256 } from '../../domain/json.ts';
import { incidentWorkflowId, statusQuery } from '../../workflows/contract.ts';
import { quiet, swept } from '../support/bundles.ts';
import { drive, EngineProcess, settingsFor } from '../support/crash.ts';
import { Engine } from '../support/engine.ts';
import { loopbackActions, LoopbackWorld } from '../support/loopback-world.ts';
import { contextOf } from '../support/action-context.ts';
import { Watch } from '../support/watch.ts';

const watch = new Watch();
const world = new LoopbackWorld(() => Promise.resolve());
const processes: EngineProcess[] = [];
let engine: Engine;
let url: string;
let dir: string;

beforeAll(async () => {
  engine = await Engine.start();
  url = await world.listen();
  dir = await mkdtemp(join(tmpdir(), 'firebreak-clock-'));
  await engine.state.evidence.put('{}', 'application/json');
}, 60_000);
afterAll(async () => {
  await Promise.all(processes.map((process) => process.kill()));
  await engine.stop();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

const idOf = (name: string) => incidentWorkflowId(sha256(name));

/**
 * The SDK answers a query of a workflow that it has not cached from all of the history, also from what no workflow task has begun yet. Here the
 * plan ends while no worker is there, and questions wait for the next one.
 */
test('a query that comes before the news does not make the workflow live it under a wrong time', async () => {
  const settings = await settingsFor(engine, { kind: 'loopback', url });
  const actions = loopbackActions(url);
  const names = Array.from({ length: 6 }, (_, index) => `asked-${index}`);
  for (const name of names) watch.stopAt(idOf(name), 'test.switch.plan:returning#1');
  const first = await EngineProcess.start(settings, watch);
  processes.push(first);
  const incidents = await Promise.all(
    names.map((name) => engine.open({ actions, namespace: name, key: name })),
  );
  await Promise.all(names.map((name) => watch.arrived(idOf(name))));
  await first.kill();
  watch.open();

  const questions = incidents.map(({ handle }) =>
    engine.client.withDeadline(Date.now() + 30_000, () => handle.query(statusQuery)),
  );
  for (const [index, { handle, incident, workflowId }] of incidents.entries()) {
    const input = { cluster: 'c1', namespace: names[index] ?? '' };
    const plan = await actions[0]?.plan(contextOf(engine.state.evidence), { incident, step: 's1', input });
    const { events } = await handle.fetchHistory();
    const activityId = events?.flatMap(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityId ?? [],
    )[0];
    await engine.client.activity.complete({ workflowId, activityId: activityId ?? '' }, plan);
  }
  processes.push(await EngineProcess.start(settings, watch));
  // Whether such a question is answered or fails is of no matter: it may be asked again.
  await Promise.allSettled(questions);
  for (const incident of incidents) expect(await drive(watch, incident)).toBe('released');

  const { client, state } = engine;
  const exporter = createExporter({ client, exports: state.exports, signer: state.ledgerSigner, log: quiet });
  await swept(exporter, incidents.length);
  for (const { incident } of incidents) {
    const outDir = join(dir, incident);
    await exportIncident({ state, incident, outDir });
    const { findings } = await verifyBundle(outDir, state.ledgerSigner.publicKeyPem);
    expect({ incident, findings }).toEqual({ incident, findings: [] });
  }
}, 120_000);
