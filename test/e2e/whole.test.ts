import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { exportIncident } from '../../audit/export.ts';
import { verifyBundle } from '../../audit/verify.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { waitFor } from '../../testbed/process.ts';
import { responderGroup } from '../support/quarantine-house.ts';
import { falco, Whole } from '../support/whole.ts';

let whole: Whole;

beforeAll(async () => {
  whole = await Whole.open();
  await whole.up();
}, 240_000);
afterAll(async () => {
  await whole.close();
}, 60_000);

/** The names of the policies that a namespace has now. */
const names = async (namespace: string): Promise<string[]> =>
  (await whole.admin.list({ ...resources.networkPolicies, namespace })).items
    .map(({ metadata }) => metadata.name)
    .toSorted();

/** Exports a closed incident and proves it. */
async function prove(incident: string): Promise<void> {
  const outDir = join(whole.dir, 'bundles', incident);
  const end = Date.now() + 40_000;
  for (;;) {
    try {
      await exportIncident({ state: whole.state, incident, outDir });
      break;
    } catch (error) {
      if (!String(error).includes('FB5006') || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const { findings } = await verifyBundle(outDir, whole.state.ledgerSigner.publicKeyPem);
  expect(findings).toEqual([]);
}

test('an alert is contained by a word in Slack, verified, released, exported and proved', async () => {
  const before = await whole.furnish('story');
  const incident = await whole.alert('story');
  const asked = await whole.asked(incident);
  expect(await names('story')).toEqual(['allow-all', 'deny']);
  const { delivery } = await whole.slack.click({
    user: 'ada',
    channel: 'incidents',
    ts: asked.ts,
    actionId: 'firebreak.approve',
  });
  expect(delivery.status).toBe(200);
  const view = await whole.held(incident);
  expect(view.steps.map(({ id, status }) => [id, status])).toEqual([
    ['quarantine', 'held'],
    ['evidence', 'done'],
  ]);
  expect(['verified', 'evaluated']).toContain(view.steps[0]?.verification?.verdict);
  expect(await names('story')).toEqual(['deny', 'firebreak-quarantine']);
  const closed = await whole.release(incident);
  expect(closed.outcome).toBe('released');
  expect(await whole.policies('story')).toEqual(before);
  await prove(incident);
}, 120_000);

test('an attacker who adds a policy and a pod every 100 ms while people decide and while it is applied delays nothing', async () => {
  const before = await whole.furnish('churned');
  const incident = await whole.alert('churned');
  const asked = await whole.asked(incident);
  const over = new AbortController();
  let made = 0;
  const attack = (async () => {
    const meta = () => ({ name: `evil-${made}`, namespace: 'churned' });
    const spec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] };
    const containers = [{ name: 'evil', image: 'evil/miner' }];
    while (!over.signal.aborted && made < 300) {
      const policy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: meta(), spec };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: meta(), spec: { containers } };
      const at = { namespace: 'churned' };
      // Once it is frozen both are refused: that is what is hoped for.
      await Promise.allSettled([
        whole.admin.create({ ...resources.networkPolicies, ...at }, policy),
        whole.admin.create({ ...resources.pods, ...at }, pod),
      ]);
      made += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  try {
    // The question is asked once, and stays the same while the namespace changes under it.
    await waitFor('the attack', () => Promise.resolve(made >= 5), 10_000);
    await whole.slack.click({
      user: 'ada',
      channel: 'incidents',
      ts: asked.ts,
      actionId: 'firebreak.approve',
    });
    const view = await whole.held(incident);
    expect(view.steps[0]?.status).toBe('held');
    expect(view.gates).toEqual([]);
  } finally {
    over.abort();
    await attack;
  }
  expect(await names('churned')).toEqual(['deny', 'firebreak-quarantine']);
  const closed = await whole.release(incident);
  expect(closed.steps[0]?.undone?.notRestored.length).toBeGreaterThanOrEqual(5);
  expect(await whole.policies('churned')).toEqual(before);
  await prove(incident);
}, 120_000);

test('two incidents on one namespace have one base: the first release restores nothing, the last everything', async () => {
  const before = await whole.furnish('shared');
  const first = await whole.alert('shared', 'Shell');
  await whole.decide(first, 'ada');
  await whole.held(first);
  const second = await whole.alert('shared', 'Miner');
  expect(second).not.toBe(first);
  await whole.decide(second, 'ada');
  await whole.held(second);
  expect((await whole.release(first)).outcome).toBe('released');
  expect(await names('shared')).toEqual(['deny', 'firebreak-quarantine']);
  expect((await whole.release(second)).outcome).toBe('released');
  expect(await whole.policies('shared')).toEqual(before);
  expect(await whole.denies('shared')).toEqual([
    'create networkpolicies/shared/firebreak-quarantine',
    'delete networkpolicies/shared/firebreak-quarantine',
  ]);
  await prove(first);
  await prove(second);
}, 120_000);

test('a thousand copies of an alert, also after a restart and ten seconds later, are one of everything', async () => {
  await whole.furnish('storm');
  const copy = falco('storm');
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => whole.postAlert(copy)));
  expect([...new Set(answers.map(({ status }) => status))]).toEqual([202]);
  const incidents = new Set(answers.map(({ body }) => body.incident));
  expect(incidents.size).toBe(1);
  const [incident = ''] = incidents;
  await whole.decide(incident, 'ada');
  await whole.held(incident);
  await whole.down();
  await whole.up();
  const again = await whole.postAlert(copy);
  expect([again.status, again.body.incident]).toEqual([202, incident]);
  // Whatever remembers copies for a while must have forgotten them by then.
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const late = await whole.postAlert(copy);
  expect([late.status, late.body.incident]).toEqual([202, incident]);
  expect((await whole.view(incident)).alerts).toBe(1);
  const questions = (await whole.said(incident)).filter((message) =>
    JSON.stringify(message).includes('Quarantine'),
  );
  expect(questions.filter((message) => message.thread_ts === undefined)).toHaveLength(1);
  expect(await whole.denies('storm')).toEqual(['create networkpolicies/storm/firebreak-quarantine']);
  expect((await whole.release(incident)).outcome).toBe('released');
}, 180_000);

test('while Temporal is down nothing is taken in by half; it works again afterwards', async () => {
  await whole.furnish('outage');
  const alert = falco('outage');
  await whole.temporal.stop();
  const refused = await whole.postAlert(alert);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.body.code).toBe('FB1401');
  expect((await whole.send('/readyz')).status).toBe(503);
  await whole.temporal.start();
  const taken = await until202(alert);
  const incident = taken.body.incident ?? '';
  expect(taken.body.status).toBe('opened');
  await whole.decide(incident, 'ada', 'quarantine', 'deny');
  expect((await whole.closed(incident)).outcome).toBe('denied');
  expect(await whole.denies('outage')).toEqual([]);
}, 120_000);

async function until202(alert: string): Promise<Awaited<ReturnType<Whole['postAlert']>>> {
  const end = Date.now() + 40_000;
  for (;;) {
    const answer = await whole.postAlert(alert);
    if (answer.status === 202 || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('with Temporal and Firebreak gone a responder releases with kubectl alone; a handback sees it', async () => {
  const before = await whole.furnish('by-hand');
  const incident = await whole.alert('by-hand');
  await whole.decide(incident, 'ada');
  await whole.held(incident);
  await whole.down();
  await whole.temporal.stop();
  const line = "kubectl get configmap release-by-hand -n firebreak -o 'jsonpath={.data.release\\.sh}' | sh";
  expect(await whole.shell(line, 'ada', [responderGroup])).toContain('released: namespace by-hand');
  expect(await whole.policies('by-hand')).toEqual(before);
  await whole.temporal.start();
  await whole.up();
  await whole.until(incident, ({ status }) => status === 'holding');
  expect((await whole.command(incident, 'ada', 'takeover')).status).toBe(200);
  await whole.until(incident, ({ status }) => status === 'taken-over');
  expect((await whole.command(incident, 'ada', 'handback')).status).toBe(200);
  expect((await whole.closed(incident)).outcome).toBe('released-outside');
  await prove(incident);
}, 180_000);

test('an unreachable Slack stops no containment that is approved through the API', async () => {
  await whole.furnish('silent');
  whole.slack.fail({ kind: 'refused', calls: 1_000 });
  const incident = await whole.alert('silent');
  await whole.decide(incident, 'ada');
  await whole.until(incident, ({ steps }) => steps[0]?.status === 'held');
  expect(await names('silent')).toEqual(['deny', 'firebreak-quarantine']);
  whole.slack.clearFaults();
  expect((await whole.release(incident)).outcome).toBe('released');
}, 180_000);

test('a full evidence store stops no containment, and what is missing is on record', async () => {
  await whole.furnish('full');
  await whole.state.evidence.put(Buffer.alloc(1024 * 1024, 7), 'application/octet-stream');
  await whole.down();
  await whole.up({ evidence: { maxTotalBytes: 1024 * 1024 } });
  const incident = await whole.alert('full');
  await whole.decide(incident, 'ada');
  const view = await whole.held(incident);
  expect(view.steps[0]?.status).toBe('held');
  expect(await names('full')).toEqual(['deny', 'firebreak-quarantine']);
  const missing = view.steps[1]?.applied?.unavailable ?? [];
  expect(missing.length).toBeGreaterThan(0);
  for (const { why } of missing) expect(why).toMatch(/full|room|limit/);
  expect((await whole.release(incident)).outcome).toBe('released');
  await whole.down();
  await whole.up();
}, 180_000);
