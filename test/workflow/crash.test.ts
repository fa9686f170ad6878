import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createExporter } from '../../audit/exporter.ts';
import { exportIncident } from '../../audit/export.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { quiet, swept } from '../support/bundles.ts';
import { CrashBench, idOf } from '../support/crash-bench.ts';
import { drive, killAllStanding } from '../support/crash.ts';
import { checkLedger } from '../support/ledger-check.ts';

let bench: CrashBench;
let dir: string;

beforeAll(async () => {
  bench = await CrashBench.start();
  dir = await mkdtemp(join(tmpdir(), 'firebreak-crash-'));
}, 60_000);
afterAll(async () => {
  await bench.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Every place of an incident that nothing disturbs. */
async function placesOf(namespace: string): Promise<readonly string[]> {
  const { engine, watch, world } = bench;
  const incident = await bench.open(namespace);
  expect(await drive(watch, incident)).toBe('released');
  expect(world.writes).toEqual([`${namespace} on`, `${namespace} off`]);
  await checkLedger(engine, incident);
  return watch.seen(incident.workflowId);
}

test('a worker that is killed, wherever it is, changes nothing twice and leaves a whole, provable record', async () => {
  const { engine, watch, world } = bench;
  const worker = await bench.work();
  const places = await placesOf('undisturbed');
  expect(places).toEqual(
    expect.arrayContaining([
      'test.switch.plan:snapshot stored#1',
      'slack.ask:recorded#1',
      'holds.acquire:returning#1',
      'test.switch.apply:writing#1',
      'test.switch.apply:unanswered#1',
      'test.switch.apply:written#1',
      'test.switch.apply:returning#1',
      'test.switch.verify:looking#1',
      'slack.tell:recorded#1',
      'ledger.record:recorded#1',
      'holds.let-go:returning#1',
      'test.switch.undo:writing#1',
      'test.switch.undo:unanswered#1',
      'test.switch.undo:written#1',
      'holds.settle:recorded#1',
      'slack.update:returning#2',
      'ledger.seal:recorded#1',
      'ledger.seal:returning#1',
    ]),
  );

  // One incident for each place; when every one of them stands at its own, their worker is killed.
  const killed = places.map((place, index) => ({ place, namespace: `at-${index}` }));
  for (const { place, namespace } of killed) watch.stopAt(idOf(namespace), place);
  const incidents = await Promise.all(killed.map(({ namespace }) => bench.open(namespace)));
  const stopped = incidents.map((incident, index) => ({
    workflowId: incident.workflowId,
    place: places[index] ?? '',
    driving: drive(watch, incident),
  }));
  const { ended } = await killAllStanding(watch, worker, stopped, () => bench.work());

  const seen = killed.map(({ place, namespace }, index) => ({
    place,
    ended: ended[index],
    writes: world.writes.filter((write) => write.startsWith(`${namespace} `)),
  }));
  expect(seen).toEqual(
    killed.map(({ place, namespace }) => ({
      place,
      ended: { status: 'fulfilled', value: 'released' },
      writes: [`${namespace} on`, `${namespace} off`],
    })),
  );
  expect([...world.on]).toEqual([]);

  const { client, state } = engine;
  const exporter = createExporter({ client, exports: state.exports, signer: state.ledgerSigner, log: quiet });
  await swept(exporter, incidents.length + 1);
  const left = [...incidents];
  const proveNext = async (): Promise<void> => {
    for (let opened = left.pop(); opened !== undefined; opened = left.pop()) {
      const { incident } = opened;
      await checkLedger(engine, opened);
      const outDir = join(dir, incident);
      await exportIncident({ state, incident, outDir });
      const { findings } = await verifyBundle(outDir, state.ledgerSigner.publicKeyPem);
      expect({ incident, findings }).toEqual({ incident, findings: [] });
    }
  };
  await Promise.all([proveNext(), proveNext(), proveNext()]);
}, 240_000);
