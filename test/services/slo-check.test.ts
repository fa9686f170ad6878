import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import { metricsRegistry, type MetricsConfig } from '../../activities/metrics/sources.ts';
import { input as inputSchema, type SloCheckInput } from '../../activities/metrics/slo-check/contract.ts';
import { sloCheck } from '../../activities/metrics/slo-check.ts';
import { checkMetrics } from '../../cli/checks/services.ts';
import type { Applied } from '../../domain/action.ts';
import { Secret } from '../../domain/secret.ts';
import { startExporter, type Exporter } from '../../testbed/exporter.ts';
import { freePort } from '../../testbed/ports.ts';
import { waitFor } from '../../testbed/process.ts';
import { startPrometheus, type PrometheusTestbed } from '../../testbed/prometheus.ts';
import { contextOf, type ContextOptions } from '../support/action-context.ts';
import { planned, serviceWorld, type ServiceWorld } from '../support/service-world.ts';

let exporter: Exporter;
let dying: Exporter;
let prometheus: PrometheusTestbed;
let world: ServiceWorld;
/** Requests and errors a second; a test changes them. */
let pace = { requests: 100, errors: 0 };
const counted = { requests: 0, errors: 0, since: Date.now() };

/** Counters that grow with time, at the pace of the moment. */
function count(what: 'requests' | 'errors'): number {
  const now = Date.now();
  const seconds = (now - counted.since) / 1000;
  counted.since = now;
  counted.requests += seconds * pace.requests;
  counted.errors += seconds * pace.errors;
  return counted[what];
}

beforeAll(async () => {
  [exporter, dying] = await Promise.all([startExporter(), startExporter()]);
  exporter.set('requests_total', () => count('requests'));
  exporter.set('errors_total', () => count('errors'));
  exporter.set('latency_seconds', 0.2);
  exporter.set('broken', 'NaN');
  exporter.set('endless', '+Inf');
  exporter.set('pods{pod="a"}', 1);
  exporter.set('pods{pod="b"}', 1);
  dying.set('dying_total', () => Date.now() / 1000);
  prometheus = await startPrometheus({ targets: [exporter.target, dying.target] });
  await scraped(5);
});

afterAll(async () => {
  await prometheus?.stop();
  await Promise.all([exporter?.stop(), dying?.stop()]);
});

beforeEach(async () => {
  world = await serviceWorld();
});

/** Until so many more scrapes of each target have come. */
async function scraped(times: number): Promise<void> {
  const wanted = exporter.scrapes() + times;
  await waitFor('the exporter is scraped', async () => exporter.scrapes() >= wanted);
}

const source = (change: Partial<MetricsConfig> = {}): MetricsConfig => ({
  name: 'prometheus',
  environment: 'production',
  kind: 'prometheus',
  url: prometheus.url,
  ...change,
});

const given = (change: object = {}): SloCheckInput =>
  inputSchema.parse({
    metrics: 'prometheus',
    objectives: [
      { name: 'latency', query: 'max(latency_seconds)', atMost: 0.5 },
      {
        name: 'errors',
        query: 'sum(rate(errors_total[$window])) / sum(rate(requests_total[$window]))',
        atMost: 0.05,
      },
    ],
    traffic: { query: 'sum(rate(requests_total[$window]))', atLeast: 1 },
    window: '4s',
    ...change,
  });

const objective = (query: string, more: object = { atMost: 1e12 }) => ({
  objectives: [{ name: 'one', query, ...more }],
});

function textOf({ outputs }: Applied, name: string): string {
  const value = outputs[name];
  if (typeof value !== 'string') throw new Error(`output ${name} is no text`);
  return value;
}

/** Plans and applies. */
async function check(
  change: object = {},
  options: ContextOptions = {},
  of: Partial<MetricsConfig> = {},
): Promise<Applied> {
  const action = sloCheck({ metrics: metricsRegistry([source(of)]) });
  const { mandate } = await planned(world, action, given(change));
  return action.apply(contextOf(world.evidence, options), mandate);
}

test('objectives that are kept: the outputs are the values, small, and a baseline for later', async () => {
  const action = sloCheck({ metrics: metricsRegistry([source()]) });
  const { plan, mandate } = await planned(world, action, given());
  expect(plan).toMatchObject({
    authority: { targets: [{ kind: 'Metrics', cluster: 'metrics:prometheus' }], undo: 'none' },
    facts: [{ environment: 'production' }],
    changes: [],
  });
  expect(plan.description.ifApproved.join('\n')).toContain(
    'objective latency: max(latency_seconds); now it is 0.2',
  );
  const applied = await action.apply(contextOf(world.evidence), mandate);
  expect(applied.outputs).toMatchObject({
    ok: true,
    window: '4s',
    measurements: 1,
    objectives: [
      { name: 'latency', value: 0.2, threshold: 0.5, ok: true },
      { name: 'errors', value: 0, threshold: 0.05, ok: true },
    ],
  });
  expect(applied.outputs['traffic']).toBeGreaterThan(50);
  // Every answer is kept, and indexed.
  const [kept] = await Promise.all(
    applied.artefacts.map(async (ref) =>
      JSON.parse(Buffer.from(await world.evidence.get(ref)).toString('utf8')),
    ),
  );
  expect(kept.asked.map(({ query }: { query: string }) => query)).toEqual(
    expect.arrayContaining(['max(latency_seconds)', 'max(timestamp(requests_total))']),
  );
  const index = await world.evidence.index('INC-1');
  expect(index.map(({ ref }) => ref.digest)).toContain(applied.outputs['evidence']);
  expect(await action.verify(contextOf(world.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'verified',
    claims: [{ verdict: 'verified' }, { verdict: 'verified' }, { verdict: 'verified' }],
  });

  // A later check, against these outputs.
  const worse = objective('max(latency_seconds)', {
    name: 'latency',
    worseBy: { factor: 1.5, direction: 'higher' },
  });
  exporter.set('latency_seconds', 0.29);
  await scraped(2);
  const later = await check({ ...worse, baseline: applied.outputs });
  expect(later.outputs['objectives']).toEqual([
    { name: 'latency', value: 0.29, baseline: 0.2, threshold: expect.closeTo(0.3), ok: true },
  ]);
  exporter.set('latency_seconds', 0.31);
  await scraped(2);
  await expect(check({ ...worse, baseline: applied.outputs })).rejects.toThrow(
    /FB3910: .* objective latency is 0\.31, at most 0\.3\d* is allowed \(baseline 0\.2\)/,
  );
  // Before it got slow.
  const at = textOf(applied, 'at');
  expect((await check({ at })).outputs).toMatchObject({ objectives: [{ value: 0.2 }, {}] });
  const verified = await action.verify(contextOf(world.evidence), {
    ...mandate,
    input: given(objective('max(latency_seconds)', { atMost: 0.25 })),
  });
  expect(verified).toMatchObject({
    verdict: 'failed',
    claims: [{ verdict: 'failed' }, { verdict: 'verified' }],
  });
  exporter.set('latency_seconds', 0.2);
  await scraped(2);
});

test.each([
  ['no series', objective('sum(nothing_at_all)'), 'FB3911', 'the answer is empty'],
  [
    'a filter that lets nothing through',
    objective('max(latency_seconds) > 100'),
    'FB3911',
    'the answer is empty',
  ],
  ['NaN', objective('max(broken)'), 'FB3912', 'is NaN'],
  [
    'a quotient of nothing',
    objective('sum(latency_seconds * 0) / sum(latency_seconds * 0)'),
    'FB3912',
    'is NaN',
  ],
  ['infinite', objective('max(endless)'), 'FB3912', 'is +Inf'],
  ['several series', objective('pods'), 'FB3915', '2 series'],
  ['a matrix', objective('latency_seconds[4s]'), 'FB3917', 'is a matrix'],
  ['an info', objective('sum(rate(latency_seconds[4s]))'), 'FB3916', 'might not be a counter'],
  ['a warning', objective('quantile(2, latency_seconds)', { atLeast: 0 }), 'FB3912', 'is +Inf'],
  [
    'too little traffic',
    { traffic: { query: 'sum(rate(requests_total[$window]))', atLeast: 1e6 } },
    'FB3914',
    'at least 1000000 is needed',
  ],
  [
    'no traffic metric',
    { traffic: { query: 'sum(no_requests_total)', atLeast: 1 } },
    'FB3911',
    'traffic has no data',
  ],
])('%s is a failure of its own', async (_name, change, code, words) => {
  await expect(check(change)).rejects.toThrow(code);
  await expect(check(change)).rejects.toThrow(words);
});

test('a warning fails although there is a number', async () => {
  await expect(check(objective('clamp_max(quantile(2, latency_seconds), 1)'))).rejects.toThrow(
    /FB3916: .*quantile value should be between 0 and 1/,
  );
});

test('an info may be allowed', async () => {
  const change = { ...objective('sum(rate(latency_seconds[4s]))'), allowInfos: true };
  expect((await check(change)).outputs).toMatchObject({ ok: true });
});

test('a query that Prometheus refuses fails at the plan', async () => {
  await expect(check(objective('sum(rate(latency_seconds))'))).rejects.toThrow(
    /FB3905: .*objective one.*expected type range vector/,
  );
});

test('a sample with a time of its own stays visible for minutes: its age is what fails', async () => {
  exporter.set('frozen', 1, Date.now() - 20_000);
  await scraped(2);
  // Prometheus itself still shows it: its lookback is five minutes.
  expect(await prometheus.query('frozen')).toMatchObject([{ value: '1' }]);
  await expect(check({ ...objective('max(frozen)'), maxStaleness: '10s' })).rejects.toThrow(
    /FB3913: .*the newest sample of frozen is 2\d s old, at most 10 s are allowed/,
  );
  expect((await check({ ...objective('max(frozen)'), maxStaleness: '10m' })).outputs).toMatchObject({
    ok: true,
  });
});

test('a target that ended: its rate goes on for a window, and is refused at once', async () => {
  await dying.stop();
  await waitFor('it is marked stale', async () => (await prometheus.query('dying_total')).length === 0);
  const query = 'sum(rate(dying_total[1m]))';
  // A range still yields a number, from before.
  expect(Number((await prometheus.query(query))[0]?.value)).toBeGreaterThan(0);
  await expect(check(objective(query))).rejects.toThrow(/FB3913: .*no sample of dying_total now/);
  // Who says what stands in for it is heard.
  expect((await check(objective(`${query} or vector(0)`))).outputs).toMatchObject({ ok: true });
});

test('measured for a time: it ends at the first breach', async () => {
  const boundaries: string[] = [];
  const during = { during: '20s', every: '1s' };
  const atBoundary = (name: string) => {
    boundaries.push(name);
    if (boundaries.filter((one) => one === 'slo.check: measured').length === 2)
      exporter.set('latency_seconds', 0.9);
  };
  await expect(check(during, { atBoundary })).rejects.toThrow(/FB3910: .*objective latency is 0\.9/);
  const measured = boundaries.filter((one) => one === 'slo.check: measured').length;
  expect(measured).toBeGreaterThanOrEqual(3);
  expect(measured).toBeLessThan(8);
  exporter.set('latency_seconds', 0.2);
  await scraped(2);
});

test('a check that was killed goes on with the times of the first attempt', async () => {
  class Killed extends Error {}
  const action = sloCheck({ metrics: metricsRegistry([source()]) });
  const { mandate } = await planned(world, action, given({ during: '4s', every: '1s' }));
  const intents = new Map();
  let waits = 0;
  const atBoundary = (name: string) => {
    if (name === 'slo.check: waiting' && ++waits === 2) throw new Killed();
  };
  await expect(action.apply(contextOf(world.evidence, { intents, atBoundary }), mandate)).rejects.toThrow(
    Killed,
  );
  const began = performance.now();
  const applied = await action.apply(contextOf(world.evidence, { intents }), mandate);
  expect(performance.now() - began).toBeLessThan(3_900);
  expect(applied.outputs).toMatchObject({ ok: true, measurements: 5 });
  const first = [...intents.values()][0].data.from;
  expect(Date.parse(textOf(applied, 'at')) / 1000 - first).toBeCloseTo(4, 2);
});

test('a time to come is refused', async () => {
  const at = new Date(Date.now() + 60_000).toISOString();
  await expect(check({ at })).rejects.toThrow('FB3904');
});

test('an unreachable Prometheus is tried again, and says so', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  await expect(check({}, {}, { url })).rejects.toMatchObject({
    type: 'FB3500',
    nonRetryable: false,
    message: expect.stringContaining('metrics.prometheus: cannot query'),
  });
});

test('an address that is no Prometheus is told', async () => {
  await expect(check({}, {}, { url: `http://${exporter.target}` })).rejects.toThrow(/FB350|FB3906/);
});

test('an unknown source is named with those that are known', async () => {
  await expect(check({ metrics: 'other' })).rejects.toThrow('configured: prometheus');
});

test('the doctor asks each source, and says which does not answer', async () => {
  const metrics = [
    { ...source(), name: 'here' },
    { ...source(), name: 'away', url: `http://127.0.0.1:${await freePort()}` },
    { ...source(), name: 'other', url: `http://${exporter.target}` },
  ].map(({ name, environment, kind, url }) => ({ name, environment, kind, url }));
  expect(await checkMetrics({ metrics })).toMatchObject([
    { name: 'metrics here', state: 'ok' },
    { name: 'metrics away', state: 'failed', detail: expect.stringContaining('cannot be reached') },
    { name: 'metrics other', state: 'failed' },
  ]);
});

test('credentials are sent, and are in no error', async () => {
  const password = 'correct-horse-battery';
  const guarded = await startPrometheus({
    targets: [exporter.target],
    user: { name: 'firebreak', passwordHash: await hash(password, 4) },
  });
  try {
    const as = (value: string) => ({
      url: guarded.url,
      auth: { username: 'firebreak', password: async () => new Secret(value) },
    });
    await expect(check({}, {}, { url: guarded.url })).rejects.toThrow('FB3503');
    await expect(check({}, {}, as('wrong-horse-battery'))).rejects.toThrow(/^(?!.*horse).*FB3503/);
    await expect(check(objective('sum(nothing_here)'), {}, as(password))).rejects.toThrow('FB3911');
  } finally {
    await guarded.stop();
  }
});
