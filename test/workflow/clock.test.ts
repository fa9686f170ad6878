import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exportIncident } from '../../audit/export.ts';
import { createExporter } from '../../audit/exporter.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { statusQuery } from '../../workflows/contract.ts';
import { quiet, swept } from '../support/bundles.ts';
import { CrashBench, idOf } from '../support/crash-bench.ts';
import { drive } from '../support/crash.ts';
import { loopbackActions } from '../support/loopback-world.ts';
import { contextOf } from '../support/action-context.ts';

let bench: CrashBench;
let dir: string;

beforeAll(async () => {
  bench = await CrashBench.start();
  dir = await mkdtemp(join(tmpdir(), 'firebreak-clock-'));
}, 60_000);
afterAll(async () => {
  await bench.stop();
  await rm(dir, { recursive: true, force: true });
});

/**
 * The SDK answers a query of a workflow that it has not cached from all of the history, also from what no workflow task has begun yet. Here the
 * plan ends while no worker is there, and questions wait for the next one.
 */
test('a query that comes before the news does not make the workflow live it under a wrong time', async () => {
  const { engine, watch } = bench;
  const actions = loopbackActions(bench.url);
  const names = Array.from({ length: 6 }, (_, index) => `asked-${index}`);
  for (const name of names) watch.stopAt(idOf(name), 'test.switch.plan:returning#1');
  const first = await bench.work();
  const incidents = await Promise.all(names.map((name) => bench.open(name)));
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
  await bench.work();
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
