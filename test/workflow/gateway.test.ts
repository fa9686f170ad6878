import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { reconnectQuickly } from '../../gateway/temporal.ts';
import { startTemporal, type Temporal } from '../../testbed/temporal.ts';
import { workflowIdOf } from '../../workflows/contract.ts';
import { terminalShell } from '../support/falco-alerts.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';

const taskQueue = 'gateway-test';
let dir: string;
let temporal: Temporal;
let connection: Connection;
let client: Client;
let native: NativeConnection;
let worker: Worker;
let running: Promise<void>;
let gateway: TestGateway;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-gateway-temporal-'));
  temporal = await startTemporal({ dir, dbFilename: join(dir, 'temporal.db') });
  connection = Connection.lazy({ address: temporal.address, ...reconnectQuickly });
  client = new Client({ connection });
  native = await NativeConnection.connect({ address: temporal.address });
  worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('../support/gateway-workflow.ts', import.meta.url)),
  });
  running = worker.run();
  gateway = await startTestGateway({
    temporal: client,
    taskQueue,
    overrides: { limits: { temporalMs: 2_000, workerMs: 4_000 } },
  });
}, 120_000);

afterAll(async () => {
  await gateway?.close();
  worker?.shutdown();
  await running;
  await native?.close();
  await connection?.close();
  await temporal?.stop();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

interface Answer {
  incident: string;
  status: string;
}

const about = (namespace: string, uuid = '8d4b1c52') =>
  terminalShell.replace('"shop"', JSON.stringify(namespace)).replace('8d4b1c52', uuid);

async function post(body: string, app = gateway.app) {
  return app.inject({
    method: 'POST',
    url: '/v1/alerts/falco',
    headers: { authorization: `Bearer ${gateway.tokens.bound}`, 'content-type': 'application/json' },
    payload: body,
  });
}

function decide(incident: string, gate: string) {
  return gateway.app.inject({
    method: 'POST',
    url: `/v1/incidents/${incident}/decisions`,
    headers: { authorization: `Bearer ${gateway.tokens.ana}` },
    payload: { gate, digest: `sha256:${'a'.repeat(64)}`, verdict: 'approve' },
  });
}

async function historyOf(incident: string): Promise<{ signals: number; events: number }> {
  const { events } = await client.workflow.getHandle(workflowIdOf(incident) ?? '').fetchHistory();
  const signals = (events ?? []).filter((event) => Boolean(event.workflowExecutionSignaledEventAttributes));
  return { signals: signals.length, events: events?.length ?? 0 };
}

test('1,000 copies at once, and 1,000 more through a restarted gateway: one run, one incident, no signal', async () => {
  const body = about('copies');
  const first = await Promise.all(Array.from({ length: 1_000 }, () => post(body)));
  const { app } = gateway.again();
  const second = await Promise.all(Array.from({ length: 1_000 }, () => post(body, app)));
  const answers = [...first, ...second].map((response) => response.json<Answer>());
  expect(answers.every(({ status }) => status === 'opened' || status === 'duplicate')).toBe(true);
  expect(answers.filter(({ status }) => status === 'opened')).toHaveLength(1);
  const [incident, ...others] = new Set(answers.map((answer) => answer.incident));
  expect(others).toEqual([]);
  expect(await historyOf(incident ?? '')).toMatchObject({ signals: 0 });
  const runs: string[] = [];
  for await (const { runId } of client.workflow.list({
    query: `WorkflowId = '${workflowIdOf(incident ?? '')}'`,
  })) {
    runs.push(runId);
  }
  expect(runs.length).toBeLessThan(2);
}, 60_000);

test('500 different alerts of one key reach one incident, each once, by few signals', async () => {
  const bodies = Array.from({ length: 500 }, (_, index) => about('storm', String(10_000_000 + index)));
  const answers = (await Promise.all(bodies.map((body) => post(body)))).map((response) =>
    response.json<Answer>(),
  );
  const [incident, ...others] = new Set(answers.map((answer) => answer.incident));
  expect(others).toEqual([]);
  const handle = client.workflow.getHandle(workflowIdOf(incident ?? '') ?? '');
  const { signals } = await handle.query<{ signals: string[][] }>('status');
  expect(signals.flat()).toHaveLength(499);
  expect(new Set(signals.flat()).size).toBe(499);
  expect(signals.length).toBeLessThan(20);
}, 60_000);

test('a refusal by the validator, and a decision that ends the incident; the next alert starts a successor', async () => {
  const { incident } = (await post(about('succeeded'))).json<Answer>();
  const refused = await decide(incident, 'closed');
  expect([refused.statusCode, refused.json()]).toMatchObject([
    409,
    { code: 'FB4003', detail: 'this question is not open' },
  ]);
  const taken = await decide(incident, 'end');
  expect([taken.statusCode, taken.json()]).toEqual([200, { status: 'taken', incident }]);
  await client.workflow.getHandle(workflowIdOf(incident) ?? '').result();
  expect((await decide(incident, 'late')).json()).toMatchObject({ status: 409, code: 'FB1503' });

  const next = (await post(about('succeeded', '00000001'))).json<Answer>();
  expect(next.status).toBe('opened');
  expect(next.incident).not.toBe(incident);
  const shown = await gateway.app.inject({
    url: `/v1/incidents/${next.incident}`,
    headers: { authorization: `Bearer ${gateway.tokens.read}` },
  });
  expect(shown.json()).toMatchObject({ incident: next.incident, predecessor: incident, status: 'holding' });
}, 60_000);

test('Temporal stopped: 503 with Retry-After in bounded time; back again: the same alert is taken', async () => {
  const known = (await post(about('outage', '00000000'))).json<Answer>().incident;
  await temporal.stop();
  const started = Date.now();
  const [fresh, joining, reading, ready] = await Promise.all([
    post(about('outage-fresh')),
    post(about('outage', '00000001')),
    gateway.app.inject({
      url: `/v1/incidents/${known}`,
      headers: { authorization: `Bearer ${gateway.tokens.read}` },
    }),
    gateway.again().app.inject('/readyz'),
  ]);
  expect([fresh, joining, reading, ready].map(({ statusCode }) => statusCode)).toEqual([503, 503, 503, 503]);
  expect(fresh.headers['retry-after']).toBe('5');
  expect(fresh.json()).toMatchObject({ code: 'FB1401' });
  expect(Date.now() - started).toBeLessThan(10_000);

  await temporal.start();
  // As a detector does that is told 503: it sends the same again. The server is up, so that few attempts must do.
  let again = await post(about('outage', '00000001'));
  for (let attempt = 0; again.statusCode === 503 && attempt < 3; attempt++)
    again = await post(about('outage', '00000001'));
  expect(again.json()).toMatchObject({ incident: known });
  expect((await post(about('outage-fresh'))).json()).toMatchObject({ status: 'opened' });
}, 90_000);

test('no worker: an alert is still taken in; a decision is not, and says so', async () => {
  const lonely = await startTestGateway({
    temporal: client,
    taskQueue: 'nobody-polls',
    overrides: { limits: { workerMs: 1_500 } },
  });
  try {
    const headers = { authorization: `Bearer ${lonely.tokens.bound}`, 'content-type': 'application/json' };
    const taken = await lonely.app.inject({
      method: 'POST',
      url: '/v1/alerts/falco',
      headers,
      payload: about('lonely'),
    });
    expect(taken.statusCode).toBe(202);
    const { incident } = taken.json<Answer>();
    const decision = await lonely.app.inject({
      method: 'POST',
      url: `/v1/incidents/${incident}/decisions`,
      headers: { authorization: `Bearer ${lonely.tokens.ana}` },
      payload: { gate: 'g', digest: `sha256:${'a'.repeat(64)}`, verdict: 'approve' },
    });
    expect([decision.statusCode, decision.json()]).toMatchObject([503, { code: 'FB1403' }]);
    await client.workflow.getHandle(workflowIdOf(incident) ?? '').terminate('the test is over');
  } finally {
    await lonely.close();
  }
}, 60_000);
