import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sha256 } from '../../../domain/json.ts';
import { verifySigned } from '../../../domain/signature.ts';
import { FakeIncidents } from '../../support/incident-port.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';
import { terminalShell } from '../../support/falco-alerts.ts';

let incidents: FakeIncidents;
let gateway: TestGateway;

beforeEach(async () => {
  incidents = new FakeIncidents();
  gateway = await startTestGateway({ incidents });
});
afterEach(() => gateway.close());

function post(
  body: string | Buffer,
  token = gateway.tokens.bound,
  headers: Record<string, string> = {},
  app = gateway.app,
) {
  return app.inject({
    method: 'POST',
    url: '/v1/alerts/falco',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    payload: body,
  });
}

const refusals = async () =>
  (await gateway.state.accessLog.read())
    .filter(({ outcome }) => outcome === 'refused')
    .map(({ code }) => code);

test('a Falco alert opens an incident with everything it needs, signed, and its body in evidence', async () => {
  const response = await post(terminalShell);
  expect(response.statusCode).toBe(202);
  const { incident, status, href } = response.json<{ incident: string; status: string; href: string }>();
  expect(status).toBe('opened');
  expect(href).toBe(`/v1/incidents/${incident}`);

  const [run] = incidents.all();
  if (run === undefined) throw new Error('nothing was started');
  expect(run.incident).toBe(incident);
  expect(run.input).toMatchObject({
    mode: 'approve',
    inputs: { cluster: 'prod', namespace: 'shop' },
    requester: 'falco',
  });
  expect(run.input.alert).toMatchObject({
    source: 'falco',
    rule: 'Terminal shell in container',
    severity: 'low',
    pod: 'web-1',
    image: 'docker.io/library/nginx:1.27',
    detectedAt: '2026-01-02T03:04:05.678Z',
  });
  // Beyond 2^53, and so kept as digits.
  expect(run.input.alert?.fields['evt.time']).toBe('1767323045678901234');
  expect(
    verifySigned(run.input.opening, 'firebreak/opening/v1', [gateway.state.gatewaySigner.publicKey]),
  ).toBe(true);
  expect(run.input.opening.payload).toMatchObject({
    incident,
    mode: 'approve',
    playbook: run.input.playbookDigest,
  });
  expect([...incidents.runs.keys()]).toEqual([
    `incident/${run.input.key.slice('sha256:'.length, 'sha256:'.length + 16)}`,
  ]);

  const raw = sha256(terminalShell);
  expect(Buffer.from(await gateway.state.evidence.get({ digest: raw })).toString()).toBe(terminalShell);
  expect(await gateway.state.evidence.index(incident)).toMatchObject([
    { ref: { digest: raw }, collector: 'firebreak/gateway' },
  ]);
});

test('1,000 copies at once, and again after a restart, are one incident and one signal at most each time', async () => {
  const first = await Promise.all(Array.from({ length: 1_000 }, () => post(terminalShell)));
  expect(new Set(first.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
  const ids = new Set(first.map((response) => response.json<{ incident: string }>().incident));
  expect(ids.size).toBe(1);
  expect(first.filter((response) => response.json<{ status: string }>().status === 'opened')).toHaveLength(1);
  expect(incidents.calls).toEqual({ start: 1, describe: 1, signal: 0 });

  const { app } = gateway.again();
  const second = await Promise.all(
    Array.from({ length: 200 }, () => post(terminalShell, gateway.tokens.bound, {}, app)),
  );
  expect(new Set(second.map((response) => response.body))).toEqual(
    new Set([
      JSON.stringify({ status: 'duplicate', incident: [...ids][0], href: `/v1/incidents/${[...ids][0]}` }),
    ]),
  );
  expect(incidents.calls).toMatchObject({ start: 1, signal: 0 });
});

test('different alerts about one thing join by few signals, each alert once and without the detector’s fields', async () => {
  const bodies = Array.from({ length: 300 }, (_, index) =>
    terminalShell.replace('8d4b1c52', String(10_000_000 + index)),
  );
  const answers = await Promise.all([...bodies, ...bodies].map((body) => post(body)));
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
  const [run, ...others] = incidents.all();
  expect(others).toEqual([]);
  const joined = run?.signals.flat() ?? [];
  expect(joined).toHaveLength(299);
  expect(new Set(joined.map(({ id }) => id)).size).toBe(299);
  expect(joined.every(({ fields }) => Object.keys(fields).length === 0)).toBe(true);
  expect(run?.signals.length).toBeLessThan(10);
});

test('another namespace is another incident', async () => {
  await post(terminalShell);
  await post(terminalShell.replace('"shop"', '"pay"'));
  expect(incidents.all()).toHaveLength(2);
});

test('an alert after the close starts a successor that names its predecessor; a copy of the old one does not', async () => {
  const first = (await post(terminalShell)).json<{ incident: string }>().incident;
  const [workflowId] = incidents.runs.keys();
  incidents.close(workflowId ?? '');
  const { app } = gateway.again();
  const copy = await post(terminalShell, gateway.tokens.bound, {}, app);
  expect(copy.json()).toMatchObject({ incident: first, status: 'duplicate' });
  const next = await post(terminalShell.replace('8d4b1c52', '00000001'), gateway.tokens.bound, {}, app);
  expect(next.json()).toMatchObject({ status: 'opened' });
  expect(incidents.all().map(({ input }) => input.predecessor)).toEqual([undefined, first]);
});

test('a run that closes between the look and the signal is succeeded, not lost', async () => {
  await post(terminalShell);
  incidents.closeBeforeSignal = true;
  const response = await post(terminalShell.replace('8d4b1c52', '00000002'));
  expect(response.json()).toMatchObject({ status: 'opened' });
  expect(incidents.all()).toHaveLength(2);
});

test('Temporal down: 503 with Retry-After, nothing started; up again: the same alert is taken', async () => {
  incidents.down = true;
  const refused = await post(terminalShell);
  expect(refused.statusCode).toBe(503);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(refused.json()).toMatchObject({ code: 'FB1401', status: 503 });
  expect(refused.headers['content-type']).toContain('application/problem+json');
  incidents.down = false;
  expect((await post(terminalShell)).json()).toMatchObject({ status: 'opened' });
  expect(incidents.all()).toHaveLength(1);
});

test('a full queue turns away with 503 instead of growing', async () => {
  const small = await startTestGateway({
    incidents: new FakeIncidents(),
    overrides: { limits: { queued: 5, queuedPerKey: 5 } },
  });
  try {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        post(
          terminalShell.replace('8d4b1c52', String(20_000_000 + index)),
          small.tokens.bound,
          {},
          small.app,
        ),
      ),
    );
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(new Set(codes)).toEqual(new Set([202, 503]));
    const full = answers.find(({ statusCode }) => statusCode === 503);
    expect(full?.json()).toMatchObject({ code: 'FB1402' });
    expect(full?.headers['retry-after']).toBeDefined();
  } finally {
    await small.close();
  }
});

test.each([
  ['missing', terminalShell.replace('"k8s.ns.name":"shop",', ''), 'FB1202'],
  ['null', terminalShell.replace('"shop"', 'null'), 'FB1202'],
  ['blank', terminalShell.replace('"shop"', '"  "'), 'FB1202'],
  ['<NA>', terminalShell.replace('"shop"', '"<NA>"'), 'FB1202'],
  ['upper case', terminalShell.replace('"shop"', '"Shop"'), 'FB1203'],
  ['a Cyrillic look-alike', terminalShell.replace('"shop"', '"shоp"'), 'FB1203'],
  ['a path', terminalShell.replace('"shop"', '"../kube-system"'), 'FB1203'],
  ['a trailing newline', terminalShell.replace('"shop"', String.raw`"shop\n"`), 'FB1203'],
  ['64 characters', terminalShell.replace('"shop"', `"${'a'.repeat(64)}"`), 'FB1203'],
  [
    'contradicting',
    terminalShell.replace('"k8s.ns.name":"shop"', '"k8s.ns.name":"shop","k8smeta.ns.name":"pay"'),
    'FB1203',
  ],
])('namespace %s: fails closed, is recorded, starts nothing', async (_name, body, code) => {
  expect(body).not.toBe(terminalShell);
  const response = await post(body);
  expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, code]);
  expect(incidents.all()).toEqual([]);
  expect(await refusals()).toEqual([code]);
});

test('the cluster comes from the token; without one it must be a configured one', async () => {
  expect((await post(terminalShell, gateway.tokens.alerts)).json()).toMatchObject({
    status: 422,
    code: 'FB1204',
  });
  const unknown = terminalShell.replace('"k8s.ns.name"', '"cluster":"moon","k8s.ns.name"');
  expect((await post(unknown, gateway.tokens.alerts)).json()).toMatchObject({ status: 422, code: 'FB1204' });
  expect(incidents.all()).toEqual([]);
  const known = terminalShell.replace('"k8s.ns.name"', '"cluster":"staging","k8s.ns.name"');
  await post(known, gateway.tokens.alerts);
  await post(known, gateway.tokens.bound);
  expect(incidents.all().map(({ input }) => input.inputs['cluster'])).toEqual(['staging', 'prod']);
});

test('no route: 202, recorded with its body kept, nothing started', async () => {
  const body = terminalShell.replace('Terminal shell in container', 'Unrouted');
  const response = await post(body);
  expect([response.statusCode, response.json()]).toEqual([202, { status: 'no-route' }]);
  expect(await gateway.state.evidence.has(sha256(body))).toBe(true);
  expect((await gateway.state.accessLog.read()).at(-1)).toMatchObject({
    outcome: 'accepted',
    detail: { status: 'no-route' },
  });
  expect(incidents.all()).toEqual([]);
});

test.each([
  ['not JSON', '{"a":', 400, 'FB1001'],
  ['empty', '', 400, 'FB1001'],
  ['two values', '{} {}', 400, 'FB1001'],
  ['deep', '['.repeat(200_000), 400, 'FB1002'],
  ['many keys', `{${Array.from({ length: 6_000 }, (_, index) => `"k${index}":1`).join(',')}}`, 400, 'FB1002'],
  ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400, 'FB1003'],
  ['a key twice', '{"rule":"a","rule":"b"}', 400, 'FB1004'],
  ['a prototype', '{"__proto__":{"rule":"x"}}', 400, 'FB1004'],
  ['an escaped prototype', String.raw`{"\u005f_proto__":{"rule":"x"}}`, 400, 'FB1004'],
  ['10 MB', Buffer.alloc(10_000_000, 0x20), 413, 'FB1005'],
  ['another shape', '[]', 422, 'FB1201'],
  ['an unknown priority', '{"rule":"x","priority":"Huge","time":"2026-01-01T00:00:00Z"}', 422, 'FB1201'],
  ['a bad time', terminalShell.replace('2026-01-02T03:04:05.678901234Z', 'yesterday'), 422, 'FB1208'],
])('%s is refused', async (_name, body, status, code) => {
  const response = await post(body);
  expect(response.statusCode).toBe(status);
  expect(response.json()).toMatchObject({ code, status });
  expect(incidents.all()).toEqual([]);
  expect(await refusals()).toHaveLength(1);
});

test('only JSON', async () => {
  const response = await post(terminalShell, gateway.tokens.bound, { 'content-type': 'text/plain' });
  expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([415, 'FB1006']);
});

test('tokens: unknown 401, wrong scope 403, and neither is ever written anywhere', async () => {
  const secret = `fbt_0123456789abcdef_${'s'.repeat(43)}`;
  const unknown = await post(terminalShell, secret);
  expect(unknown.statusCode).toBe(401);
  expect(unknown.headers['www-authenticate']).toBe('Bearer');
  expect((await gateway.app.inject({ method: 'POST', url: '/v1/alerts/falco' })).statusCode).toBe(401);
  const scope = await post(terminalShell, gateway.tokens.read);
  expect([scope.statusCode, scope.json<{ code: string }>().code]).toEqual([403, 'FB1102']);
  expect(await refusals()).toEqual(['FB1101', 'FB1101', 'FB1102']);
  const written =
    JSON.stringify(await gateway.state.accessLog.read()) + gateway.logged() + unknown.body + scope.body;
  expect(written).not.toContain('s'.repeat(43));
  expect(written).not.toContain(gateway.tokens.read);
  expect(incidents.all()).toEqual([]);
});

test('failed authentication is limited by address, and does not lock out a valid token', async () => {
  const tight = await startTestGateway({ incidents, overrides: { limits: { failuresPerMinute: 3 } } });
  try {
    const codes: number[] = [];
    for (let index = 0; index < 5; index++)
      codes.push((await post(terminalShell, 'wrong', {}, tight.app)).statusCode);
    expect(codes).toEqual([401, 401, 401, 429, 429]);
    expect((await post(terminalShell, tight.tokens.bound, {}, tight.app)).statusCode).toBe(202);
  } finally {
    await tight.close();
  }
});

test('alerts are limited by token, with Retry-After', async () => {
  const tight = await startTestGateway({ incidents, overrides: { limits: { alertsPerMinute: 2 } } });
  try {
    const answers = [];
    for (let index = 0; index < 3; index++)
      answers.push(await post(terminalShell, tight.tokens.bound, {}, tight.app));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 429]);
    expect(Number(answers[2]?.headers['retry-after'])).toBeGreaterThan(0);
  } finally {
    await tight.close();
  }
});
