import { createPrivateKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { Mandate } from '../../domain/action.ts';
import { gateDigest, type Decision, type Opening, type Warrant } from '../../domain/decision.ts';
import { digest } from '../../domain/json.ts';
import { entryHash, genesis } from '../../domain/ledger.ts';
import { keyId, signedBytes, type Signed } from '../../domain/signature.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { eventsOf, historyText, object, payloadsOf } from '../../audit/history.ts';
import { decideUpdate, workflowIdOf } from '../../workflows/contract.ts';
import { falco, Whole } from '../support/whole.ts';

let whole: Whole;

beforeAll(async () => {
  whole = await Whole.open();
  await whole.up();
}, 240_000);
afterAll(async () => {
  await whole.close();
}, 60_000);

const click = (user: string, ts: string) =>
  whole.slack.click({ user, channel: 'incidents', ts, actionId: 'firebreak.approve' });

/** Nothing was changed in the namespace, and nobody's word was taken. */
async function untouched(incident: string, namespace: string, before: unknown): Promise<void> {
  expect(await whole.policies(namespace)).toEqual(before);
  expect((await whole.view(incident)).gates[0]?.decisions).toEqual([]);
}

/** Waits until a refusal with this code is in the access log. */
async function recorded(code: string): Promise<void> {
  const end = Date.now() + 10_000;
  while (!(await whole.refusals()).includes(code)) {
    if (Date.now() > end) throw new Error(`${code} is not among ${(await whole.refusals()).join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('forged, stale, postdated and replayed clicks are refused, recorded and harmless', async () => {
  const before = await whole.furnish('door');
  const incident = await whole.alert('door');
  const { ts } = await whole.asked(incident);
  // A click that never reached Firebreak: what an eavesdropper has.
  whole.slack.setInteractivityUrl('http://127.0.0.1:9/');
  const { interaction, delivery } = await click('ada', ts);
  expect(delivery.failure).toBe('connection');
  whole.slack.setInteractivityUrl(`${whole.url}/slack/interactions`);
  const now = Math.floor(Date.now() / 1000);
  for (const how of [
    { signingSecret: 'f'.repeat(32) },
    { at: now - 600 },
    { at: now + 600 },
    { at: now + 86_400 },
  ]) {
    const count = (await whole.refusals()).length;
    const { status } = await whole.slack.redeliver(interaction, how);
    expect({ how, status }).toEqual({ how, status: 401 });
    expect((await whole.refusals()).length).toBe(count + 1);
  }
  await untouched(incident, 'door', before);

  const { status } = await whole.slack.redeliver(interaction);
  expect(status).toBe(200);
  await whole.held(incident);
  const count = (await whole.refusals()).length;
  expect((await whole.slack.redeliver(interaction)).status).toBeGreaterThanOrEqual(400);
  expect((await whole.refusals()).length).toBe(count + 1);
  expect(await whole.denies('door')).toHaveLength(1);
  await whole.release(incident);
}, 120_000);

test('neither the requester nor a stranger decides, and two accounts of one person are one voice', async () => {
  const before = await whole.furnish('voices');
  const incident = await whole.alert('voices', 'Pair');
  const { ts } = await whole.asked(incident);
  await click('dana', ts);
  await recorded('FB4007');
  await click('mallory', ts);
  await recorded('FB1314');
  await untouched(incident, 'voices', before);
  expect((await whole.decide(incident, 'dana')).status).toBe(403);

  await click('ada', ts);
  await whole.until(incident, ({ gates }) => gates[0]?.decisions.length === 1);
  await click('ada2', ts);
  await recorded('FB4009');
  expect((await whole.view(incident)).gates[0]?.decisions.map(({ person }) => person)).toEqual(['ada']);
  expect(await whole.policies('voices')).toEqual(before);
  await click('ben', ts);
  await whole.held(incident);
  await whole.release(incident);
}, 120_000);

/** A key that the gateway does not know, and its signature. */
function forger() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  const pem = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return <T extends { type: string }>(payload: T): Signed<T> => ({
    payload,
    keyId: keyId(raw),
    signature: signBytes(null, signedBytes(payload), pem).toString('base64'),
  });
}

test('a decision written straight to Temporal counts only with the signature of the gateway', async () => {
  const before = await whole.furnish('direct');
  const incident = await whole.alert('direct');
  const view = await whole.until(incident, ({ gates }) => gates.length === 1);
  const gate = view.gates[0]?.gate;
  if (gate === undefined) throw new Error('no gate');
  const decision: Decision = {
    type: 'firebreak/decision/v1',
    incident,
    gate: gate.id,
    digest: gateDigest(gate),
    verdict: 'approve',
    person: 'ada',
    via: 'api',
    at: new Date().toISOString(),
  };
  const own = forger()(decision);
  const { client, close } = await whole.client();
  const handle = client.workflow.getHandle(workflowIdOf(incident) ?? '');
  for (const signed of [
    own,
    { ...own, keyId: whole.state.gatewaySigner.publicKey.id },
    { payload: decision },
  ]) {
    await expect(handle.executeUpdate(decideUpdate, { args: [signed] })).rejects.toThrow(
      WorkflowUpdateFailedError,
    );
  }
  await close();
  await untouched(incident, 'direct', before);
  await whole.decide(incident, 'ada', 'quarantine', 'deny');
  await whole.closed(incident);
}, 60_000);

type Request = { mandate: Mandate; warrant: Warrant };

let forged = 0;

/**
 * Ends an incident's workflow and has an activity of the engine run in its place, under its id and with a ledger entry that fits. @returns why it failed;
 * undefined when it did not
 */
async function forge(verb: 'apply' | 'undo', { mandate, warrant }: Request): Promise<string | undefined> {
  const { incident, step, authority, base } = mandate;
  const body = {
    v: 1 as const,
    incident,
    seq: 1_000 + (forged += 1),
    prev: genesis(incident),
    at: new Date().toISOString(),
    kind: verb === 'apply' ? 'step.applying' : 'step.undoing',
    data: { step, action: authority.action, authority: digest(authority), base: base.digest },
  };
  const entry = { ...body, hash: entryHash(body) };
  const { client, close } = await whole.client();
  const connection = await NativeConnection.connect({ address: whole.temporal.address });
  const workflowsPath = fileURLToPath(new URL('../support/forger-workflow.ts', import.meta.url));
  const taskQueue = `forger-${forged}`;
  const worker = await Worker.create({ connection, taskQueue, workflowsPath });
  try {
    const run = client.workflow.execute('forge', {
      taskQueue,
      workflowId: workflowIdOf(incident) ?? '',
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
      args: [
        `kubernetes.quarantine-namespace.${verb}`,
        `${verb}/${entry.seq}/${entry.hash}`,
        { entries: [entry], mandate, warrant },
      ],
    });
    await worker.runUntil(run);
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return String(error.cause?.cause);
  } finally {
    await connection.close();
    await close();
  }
}

test('whoever can write to Temporal stretches no approval beyond what it was given for', async () => {
  await whole.furnish('near');
  const far = await whole.furnish('far');
  const incident = await whole.alert('near');
  await whole.decide(incident, 'ada');
  await whole.held(incident);
  const other = await whole.alert('far');
  const automatic = await whole.alert('far', 'Auto');
  const asked = await whole.until(other, ({ gates }) => gates.length === 1);
  await whole.until(automatic, ({ gates }) => gates.length === 1);
  const { client, close } = await whole.client();
  const eventsIn = async (id: string) => {
    const history = await client.workflow.getHandle(workflowIdOf(id) ?? '').fetchHistory();
    return eventsOf(JSON.parse(historyText(history)));
  };
  const applying = (await eventsIn(incident)).find(
    ({ attributes }) =>
      object(attributes['activityType'])['name'] === 'kubernetes.quarantine-namespace.apply',
  );
  const { mandate, warrant } = payloadsOf(applying?.attributes['input'])[0] as unknown as Request;
  const [start] = await eventsIn(automatic);
  const { opening } = payloadsOf(start?.attributes['input'])[0] as unknown as Warrant;
  await close();

  const authority = asked.gates[0]?.gate.authorities[0];
  if (authority === undefined) throw new Error('nothing is asked about far');
  const there = { ...mandate, authority, input: { cluster: 'shop', namespace: 'far' } };
  const claim: Opening = { ...warrant.opening.payload, mode: 'automatic' };
  const without = { decisions: [], automatic: true };
  const attempts: [string, 'apply' | 'undo', Request, RegExp][] = [
    ['another namespace', 'apply', { mandate: there, warrant }, /about something else/],
    [
      'another namespace in the input',
      'apply',
      { mandate: { ...there, authority: mandate.authority }, warrant },
      /FB3223/,
    ],
    [
      'another incident',
      'apply',
      { mandate: { ...mandate, incident: other }, warrant },
      /of another incident/,
    ],
    ['nobody decided', 'apply', { mandate, warrant: { ...warrant, decisions: [] } }, /0 of 1 approvals/],
    [
      'not opened as automatic',
      'apply',
      { mandate, warrant: { ...without, opening: warrant.opening } },
      /not opened in automatic/,
    ],
    [
      'signed by a forger',
      'apply',
      { mandate: there, warrant: { ...without, opening: forger()(claim) } },
      /no valid signature/,
    ],
    [
      'automatic is not allowed',
      'apply',
      { mandate: { ...there, incident: automatic }, warrant: { ...without, opening } },
      /FB3003/,
    ],
    ['an approval to contain', 'undo', { mandate, warrant }, /does not authorise undo/],
  ];
  for (const [what, verb, request, why] of attempts) {
    expect({ what, why: await forge(verb, request) }).toEqual({ what, why: expect.stringMatching(why) });
    expect({ what, far: await whole.policies('far') }).toEqual({ what, far });
    expect(await whole.denies('near')).toEqual(['create networkpolicies/near/firebreak-quarantine']);
  }
}, 180_000);

test('what is not an alert, or not from whom it says, is answered with its code and recorded', async () => {
  const good = { token: whole.tokens['falco'] ?? '' };
  const path = '/v1/alerts/falco';
  const noNamespace = falco('x').replace('"k8s.ns.name":"x",', '');
  const calls: [string, Parameters<Whole['send']>[1], number, string][] = [
    ['malformed JSON', { ...good, body: '{"rule":' }, 400, 'FB1001'],
    ['no JSON', { ...good, body: 'rule=x', type: 'application/x-www-form-urlencoded' }, 415, 'FB1006'],
    ['no namespace', { ...good, body: noNamespace }, 422, 'FB1202'],
    ['a namespace that is none', { ...good, body: falco('../kube-system') }, 422, 'FB1203'],
    [
      'an unknown token',
      { token: `fbt_${'0'.repeat(16)}_${'A'.repeat(43)}`, body: falco('x') },
      401,
      'FB1101',
    ],
    ['no token', { body: falco('x') }, 401, 'FB1101'],
    ['a token for something else', { token: whole.tokens['ada'] ?? '', body: falco('x') }, 403, 'FB1102'],
    ['ten megabytes', { ...good, body: `{"rule":"${'x'.repeat(10 * 1024 * 1024)}"}` }, 413, 'FB1005'],
  ];
  for (const [what, init, status, code] of calls) {
    const count = (await whole.refusals()).filter((refusal) => refusal === code).length;
    const answer = await whole.send(path, init);
    expect({ what, status: answer.status, code: answer.body.code }).toEqual({ what, status, code });
    expect((await whole.refusals()).filter((refusal) => refusal === code)).toHaveLength(count + 1);
  }
}, 60_000);

test.each([
  ['kube-system', 'FB3101'],
  ['firebreak', 'FB3101'],
  ['payments', 'FB3102'],
])(
  '%s is protected, whatever an alert says',
  async (namespace, code) => {
    if (namespace === 'payments') await whole.furnish(namespace);
    const before = await whole.policies(namespace);
    const view = await whole.closed(await whole.alert(namespace));
    expect(view.outcome).toBe('refused');
    expect(view.steps[0]?.why).toContain(code);
    expect(await whole.policies(namespace)).toEqual(before);
  },
  60_000,
);

test('a namespace that is not there, or goes away while people decide, is contained by nobody', async () => {
  const never = await whole.closed(await whole.alert('nowhere'));
  expect([never.outcome, never.steps[0]?.why]).toEqual(['failed', expect.stringContaining('TargetGone')]);

  await whole.furnish('leaving');
  const incident = await whole.alert('leaving');
  await whole.until(incident, ({ gates }) => gates.length === 1);
  await whole.admin.delete({ ...resources.namespaces, name: 'leaving' });
  const end = Date.now() + 30_000;
  while (
    (await whole.admin.list(resources.namespaces)).items.some(({ metadata }) => metadata.name === 'leaving')
  ) {
    if (Date.now() > end) throw new Error('the namespace stays');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await whole.decide(incident, 'ada');
  const gone = await whole.closed(incident);
  expect([gone.outcome, gone.steps[0]?.why]).toEqual(['failed', expect.stringContaining('TargetGone')]);
}, 120_000);

test('an unreachable cluster and a right that was taken away end in words, not in a half containment', async () => {
  const before = await whole.furnish('rights');
  await whole.kubernetes.stopApiServer();
  const away = await whole.closed(await whole.alert('rights'));
  await whole.kubernetes.startApiServer();
  expect(away.outcome).toBe('failed');
  expect(away.steps[0]?.why).toMatch(/Unreachable|reach/i);

  const binding = { group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterrolebindings' };
  await whole.admin.delete({ ...binding, name: 'firebreak-engine' });
  const forbidden = await whole.closed(await whole.alert('rights', 'Miner'));
  expect(forbidden.outcome).toBe('failed');
  expect(forbidden.steps[0]?.why).toMatch(/Forbidden|forbidden|may not/);
  expect(await whole.policies('rights')).toEqual(before);
}, 180_000);
