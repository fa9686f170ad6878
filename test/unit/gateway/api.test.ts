import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { verifySigned } from '../../../domain/signature.ts';
import { NotOpen, Refused, WorkerUnavailable } from '../../../gateway/temporal-port.ts';
import { terminalShell } from '../../support/falco-alerts.ts';
import { FakeIncidents } from '../../support/incident-port.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

const incident = 'inc-0123456789abcdef-abc234';
const digest = `sha256:${'a'.repeat(64)}`;
let incidents: FakeIncidents;
let gateway: TestGateway;

beforeEach(async () => {
  incidents = new FakeIncidents();
  gateway = await startTestGateway({ incidents });
});
afterEach(() => gateway.close());

function call(method: 'GET' | 'POST', url: string, token: string, payload?: object) {
  const headers = { authorization: `Bearer ${token}` };
  return gateway.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
}
const decide = (payload: object, token = gateway.tokens.ana) =>
  call('POST', `/v1/incidents/${incident}/decisions`, token, payload);
const log = async () =>
  (await gateway.state.accessLog.read()).map(({ outcome, kind, code }) => ({ outcome, kind, code }));

describe('decisions', () => {
  test('are signed for the token’s owner and sent once, and recorded', async () => {
    const response = await decide({ gate: 'quarantine', digest, verdict: 'approve' });
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'taken', incident }]);
    const [sent, ...others] = incidents.decisions;
    expect(others).toEqual([]);
    expect(sent).toMatchObject({
      workflowId: 'incident/0123456789abcdef',
      updateId: 'quarantine/ana/approve',
    });
    expect(sent?.signed.payload).toMatchObject({
      incident,
      gate: 'quarantine',
      digest,
      person: 'ana',
      via: 'api',
    });
    const keys = [gateway.state.gatewaySigner.publicKey];
    expect(sent && verifySigned(sent.signed, 'firebreak/decision/v1', keys)).toBe(true);
    expect(await log()).toEqual([{ outcome: 'accepted', kind: 'decision', code: undefined }]);
  });

  test.each([
    [new Refused('who asked for it cannot decide on it', 'FB4007'), 403, 'FB4007'],
    [new Refused('this question has expired', 'FB4005'), 409, 'FB4005'],
    [new NotOpen('gone'), 409, 'FB1503'],
    [new WorkerUnavailable('late'), 503, 'FB1403'],
    [new Error('boom: internals'), 500, 'FB1900'],
  ])(
    'a refusal by the incident (%s) reaches the caller and the access log, once',
    async (reject, status, code) => {
      incidents.reject = reject;
      const response = await decide({ gate: 'quarantine', digest, verdict: 'approve' });
      expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code]);
      expect(response.body).not.toContain('internals');
      expect(await log()).toEqual([{ outcome: 'refused', kind: 'decision', code }]);
    },
  );

  test('a denial needs a reason', async () => {
    const response = await decide({ gate: 'quarantine', digest, verdict: 'deny', reason: '   ' });
    expect(response.json()).toMatchObject({
      status: 422,
      code: 'FB1007',
      detail: expect.stringContaining('reason'),
    });
    expect(incidents.decisions).toEqual([]);
  });

  test.each([
    [{ digest, verdict: 'approve' }, 'gate'],
    [{ gate: 'g', digest: 'sha256:zz', verdict: 'approve' }, 'digest'],
    [{ gate: 'g', digest, verdict: 'maybe' }, 'verdict'],
    [{ gate: 'g', digest, verdict: 'approve', person: 'ben' }, 'person'],
  ])('a wrong body is refused and the field named: %j', async (body, field) => {
    const response = await decide(body);
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([422, 'FB1007']);
    expect(response.json<{ detail: string }>().detail).toContain(field);
    expect(incidents.decisions).toEqual([]);
    expect(await log()).toHaveLength(1);
  });

  test('only active persons decide', async () => {
    const body = { gate: 'quarantine', digest, verdict: 'approve' };
    expect((await decide(body, gateway.tokens.service)).json()).toMatchObject({
      status: 403,
      code: 'FB1104',
    });
    expect((await decide(body, gateway.tokens.gone)).json()).toMatchObject({ status: 403, code: 'FB1103' });
    expect((await decide(body, gateway.tokens.read)).json()).toMatchObject({ status: 403, code: 'FB1102' });
    expect(incidents.decisions).toEqual([]);
  });
});

describe('incidents by hand', () => {
  const body = { playbook: 'FB-001', inputs: { cluster: 'prod', namespace: 'shop' }, reason: 'Odd traffic' };

  test('open with the person as requester; a second one with the same inputs is told which is open', async () => {
    const first = await call('POST', '/v1/incidents', gateway.tokens.ana, body);
    expect(first.statusCode).toBe(202);
    const opened = first.json<{ incident: string }>().incident;
    expect(incidents.all()[0]?.input).toMatchObject({ requester: 'ana', alert: null, mode: 'approve' });
    const second = await call('POST', '/v1/incidents', gateway.tokens.ana, body);
    expect(second.json()).toMatchObject({ status: 409, code: 'FB1213', incident: opened });
    const simulation = await call('POST', '/v1/incidents', gateway.tokens.ana, { ...body, mode: 'simulate' });
    expect(simulation.statusCode).toBe(202);
  });

  test.each([
    [{ ...body, playbook: 'FB-999' }, 'FB1211'],
    [{ ...body, inputs: { cluster: 'prod' } }, 'FB1210'],
    [{ ...body, inputs: { cluster: 'moon', namespace: 'shop' } }, 'FB1204'],
    [{ ...body, reason: '' }, 'FB1007'],
  ])('%j is refused', async (wrong, code) => {
    const response = await call('POST', '/v1/incidents', gateway.tokens.ana, wrong);
    expect(response.json()).toMatchObject({ status: 422, code });
    expect(incidents.all()).toEqual([]);
  });
});

test('an incident that nobody knows is 404, a wrong id 422, Temporal down 503', async () => {
  expect((await call('GET', `/v1/incidents/${incident}`, gateway.tokens.read)).json()).toMatchObject({
    code: 'FB1501',
    status: 404,
  });
  expect((await call('GET', '/v1/incidents/nonsense', gateway.tokens.read)).json()).toMatchObject({
    code: 'FB1007',
    status: 422,
  });
  expect((await call('GET', `/v1/incidents/${incident}/ledger`, gateway.tokens.read)).json()).toMatchObject({
    status: 404,
  });
  incidents.down = true;
  const list = await call('GET', '/v1/incidents?status=open', gateway.tokens.read);
  expect([list.statusCode, list.headers['retry-after']]).toEqual([503, '5']);
});

test('health tells the process from its surroundings', async () => {
  expect((await gateway.app.inject('/healthz')).json()).toEqual({ status: 'ok' });
  const ready = await gateway.app.inject('/readyz');
  expect([ready.statusCode, ready.json()]).toEqual([
    200,
    { ready: true, temporal: 'reachable', stores: 'writable', killSwitch: 'off' },
  ]);
  incidents.down = true;
  const { app } = gateway.again();
  const down = await app.inject('/readyz');
  expect([down.statusCode, down.json()]).toMatchObject([503, { ready: false, temporal: 'unreachable' }]);
  expect((await app.inject('/healthz')).statusCode).toBe(200);
});

test('the description is OpenAPI 3.1 and names every route, its scope and its errors', async () => {
  const response = await gateway.app.inject('/v1/openapi.json');
  const { openapi, paths } = response.json<{
    openapi: string;
    paths: Record<string, Record<string, { responses: object; security?: object; requestBody?: object }>>;
  }>();
  expect(openapi).toMatch(/^3\.1\./);
  expect(
    Object.entries(paths)
      .flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => `${verb} ${path}`))
      .toSorted(),
  ).toEqual([
    'get /healthz',
    'get /readyz',
    'get /v1/incidents',
    'get /v1/incidents/{id}',
    'get /v1/incidents/{id}/ledger',
    'post /v1/alerts/falco',
    'post /v1/alerts/generic',
    'post /v1/alerts/generic/{name}',
    'post /v1/incidents',
    'post /v1/incidents/{id}/commands',
    'post /v1/incidents/{id}/decisions',
    'post /v1/registry-events/{registry}',
  ]);
  const falco = paths['/v1/alerts/falco']?.['post'];
  expect(Object.keys(falco?.responses ?? {})).toEqual([
    '202',
    '400',
    '401',
    '403',
    '413',
    '415',
    '422',
    '429',
    '503',
  ]);
  expect(falco?.security).toEqual([{ token: [] }]);
  expect(falco?.requestBody).toBeDefined();
});

test('every answer carries a request id and the security headers', async () => {
  const response = await gateway.app.inject('/nowhere');
  expect(response.json()).toMatchObject({
    status: 404,
    code: 'FB1008',
    instance: response.headers['x-request-id'],
  });
  expect(response.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
});

test('what is in flight when the gateway closes is answered, over a real socket', async () => {
  const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
  const arrived = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  incidents.beforeStart = () => {
    arrived.resolve();
    return held.promise;
  };
  const headers = { authorization: `Bearer ${gateway.tokens.bound}`, 'content-type': 'application/json' };
  const response = fetch(`${url}/v1/alerts/falco`, { method: 'POST', headers, body: terminalShell });
  await arrived.promise;
  const closing = gateway.app.close();
  held.resolve();
  expect((await response).status).toBe(202);
  await closing;
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
