import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Opening } from '../../domain/decision.ts';
import { AlertIntake } from '../../gateway/intake.ts';
import { createIncidentPort } from '../../gateway/temporal.ts';
import { alertsSignal, type IncidentArguments } from '../../workflows/contract.ts';
import { alertFor } from '../support/alert.ts';
import { Engine } from '../support/engine.ts';
import { checkLedger } from '../support/ledger-check.ts';
import { Switchboard } from '../support/switchboard.ts';

let engine: Engine;
const world = new Switchboard();
const actions = [world.action()];
/** Waited for by the activity of that name once it has begun. */
const stops = new Map<string, Promise<void>>();

beforeAll(async () => {
  engine = await Engine.start();
  await engine.work(actions, async ({ activity, boundary }) => {
    if (boundary === 'recorded') await stops.get(activity);
  });
}, 120_000);
afterAll(async () => {
  await engine.stop();
});

function stop(activity: string): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  stops.set(activity, promise);
  return () => {
    stops.delete(activity);
    resolve();
  };
}

/** The gateway's intake, whose incidents are like `first`. */
function intakeLike(first: IncidentArguments): AlertIntake {
  return new AlertIntake({
    incidents: createIncidentPort({
      client: engine.client,
      taskQueue: engine.taskQueue,
      temporalMs: 5_000,
      workerMs: 5_000,
    }),
    prepare: async (_request, incident, predecessor) => ({
      ...first,
      incident,
      ...(predecessor === undefined ? {} : { predecessor }),
      opening: await engine.state.gatewaySigner.sign<Opening>({ ...first.opening.payload, incident }),
    }),
    queued: 100,
    queuedPerKey: 100,
  });
}

const request = (input: IncidentArguments, id: string) => ({
  key: input.key as `sha256:${string}`,
  title: input.title,
  severity: input.severity,
  mode: input.mode,
  alert: alertFor('closing', 'falco', id),
  playbook: { playbook: input.playbook, digest: input.playbookDigest, file: '' },
  inputs: input.inputs,
  requester: input.requester,
});

test('an alert that comes while an incident is being sealed opens its successor; the sealed ledger stays whole', async () => {
  const incident = await engine.open({ actions, namespace: 'closing' });
  await incident.decide('ada', { verdict: 'deny', reason: 'a drill' });
  const go = stop('ledger.seal');
  await incident.until(({ closedAt }) => closedAt !== undefined);
  const { input } = incident;
  const late = intakeLike(input).take(request(input, 'late'));
  // Straight to the run, as a gateway did that looked a moment too early.
  await incident.handle.signal(alertsSignal, [alertFor('closing', 'falco', 'later')]);
  go();
  expect(await incident.handle.result()).toBe('denied');
  const taken = await late;
  expect(taken.status).toBe('opened');
  expect(taken.incident).not.toBe(incident.incident);
  await checkLedger(engine, incident);
  const successor = engine.client.workflow.getHandle(incident.workflowId);
  expect((await successor.describe()).memo?.['incident']).toBe(taken.incident);
  await successor.terminate('the test is over');
});

test('an alert that comes while the last words are said joins, before the seal', async () => {
  const incident = await engine.open({ actions, namespace: 'last-words' });
  const go = stop('slack.update');
  await incident.decide('ada', { verdict: 'deny', reason: 'a drill' });
  const { input } = incident;
  const taken = await intakeLike(input).take(request(input, 'just-in-time'));
  expect(taken).toEqual({ incident: incident.incident, status: 'joined' });
  go();
  expect(await incident.handle.result()).toBe('denied');
  const entries = await engine.state.ledger.read(incident.incident);
  expect(entries.filter(({ kind }) => kind === 'alert.joined').map(({ data }) => data['id'])).toEqual([
    'a1',
    'just-in-time',
  ]);
  await checkLedger(engine, incident);
});
