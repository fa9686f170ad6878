import { expect, test } from '@jest/globals';
import type { Alert } from '../../../domain/alert.ts';
import { sha256 } from '../../../domain/json.ts';
import { AlertIntake } from '../../../gateway/intake.ts';
import type { OpeningRequest } from '../../../gateway/opening.ts';
import type { IncidentArguments } from '../../../workflows/contract.ts';
import { alertFor } from '../../support/alert.ts';
import { FakeIncidents } from '../../support/incident-port.ts';
import { compiledPlaybooks } from '../../support/gateway.ts';

const [playbook] = compiledPlaybooks().values();
if (playbook === undefined) throw new Error('no playbook');

function request(id: string): OpeningRequest & { alert: Alert } {
  return {
    key: sha256('key'),
    title: 'Test',
    severity: 'high',
    mode: 'approve',
    alert: alertFor('shop', 'falco', id),
    playbook: playbook as NonNullable<typeof playbook>,
    inputs: {},
    requester: 'falco',
  };
}

function intakeOver(incidents: FakeIncidents, options: { closingMs?: number; paceMs?: number } = {}) {
  return new AlertIntake({
    incidents,
    prepare: async (_request, incident, predecessor) =>
      ({ incident, predecessor }) as unknown as IncidentArguments,
    queued: 1_000,
    queuedPerKey: 1_000,
    paceMs: 1,
    ...options,
  });
}

test('an alert that comes while its incident is being sealed waits, and opens the successor', async () => {
  const incidents = new FakeIncidents();
  const intake = intakeOver(incidents);
  const { incident } = await intake.take(request('a1'));
  const [run] = incidents.all();
  if (run === undefined) throw new Error('nothing was started');
  run.closing = true;
  const late = intake.take(request('a2'));
  setTimeout(() => (run.open = false), 300);
  const taken = await late;
  expect(taken.status).toBe('opened');
  expect(taken.incident).not.toBe(incident);
  expect(incidents.all().map(({ input }) => input.predecessor)).toEqual([undefined, incident]);
});

test('an incident that does not end its closing: 503, and the alert may be sent again', async () => {
  const incidents = new FakeIncidents();
  const intake = intakeOver(incidents, { closingMs: 300 });
  await intake.take(request('a1'));
  const [run] = incidents.all();
  if (run === undefined) throw new Error('nothing was started');
  run.closing = true;
  await expect(intake.take(request('a2'))).rejects.toMatchObject({ status: 503, code: 'FB1406' });
  run.open = false;
  await expect(intake.take(request('a2'))).resolves.toMatchObject({ status: 'opened' });
});

test.each([
  ['events', { events: 10_001 }],
  ['bytes', { bytes: 10_000_001 }],
])('a run whose history is full of %s is sent no more, and its alerts still join', async (_what, full) => {
  const incidents = new FakeIncidents();
  const intake = intakeOver(incidents);
  const { incident } = await intake.take(request('a1'));
  const [run] = incidents.all();
  if (run === undefined) throw new Error('nothing was started');
  Object.assign(run, full);
  await intake.take(request('a2'));
  const { signal } = incidents.calls;
  const taken = [];
  for (let index = 0; index < 20; index += 1) taken.push(await intake.take(request(`b${index}`)));
  expect(taken).toEqual(taken.map(() => ({ incident, status: 'joined' })));
  expect(incidents.calls.signal).toBe(signal);
  run.open = false;
  expect(await intake.take(request('c'))).toMatchObject({ status: 'opened' });
});

test('the longer a history, the more alerts share one signal, also when they come one after the other', async () => {
  const incidents = new FakeIncidents();
  const intake = intakeOver(incidents, { paceMs: 20 });
  await intake.take(request('a1'));
  const [run] = incidents.all();
  if (run === undefined) throw new Error('nothing was started');
  run.events = 9_000;
  await intake.take(request('a2'));
  const before = Date.now();
  await Promise.all([intake.take(request('a3')), intake.take(request('a4'))]);
  await intake.take(request('a5'));
  expect(Date.now() - before).toBeGreaterThanOrEqual(350);
  expect(run.signals.map((alerts) => alerts.length)).toEqual([1, 2, 1]);
});
