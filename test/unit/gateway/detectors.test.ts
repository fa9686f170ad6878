import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { auditAttach, sensitiveFileOnHost, terminalShell } from '../../support/falco-alerts.ts';
import { FakeIncidents } from '../../support/incident-port.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

let incidents: FakeIncidents;
let gateway: TestGateway;
const source = {
  name: 'scanner',
  headers: ['x-scanner'],
  fields: {
    id: 'body.id',
    rule: "headers['x-scanner'] + '/' + body.check",
    severity: "body.score >= 9.0 ? 'critical' : 'low'",
    namespace: 'body.target.namespace',
    pod: "has(body.target.pod) ? body.target.pod : ''",
  },
};

beforeEach(async () => {
  incidents = new FakeIncidents();
  gateway = await startTestGateway({ incidents, sources: [source] });
});
afterEach(() => gateway.close());

const post = (url: string, payload: string) =>
  gateway.app.inject({
    method: 'POST',
    url,
    headers: {
      authorization: `Bearer ${gateway.tokens.bound}`,
      'content-type': 'application/json',
      'x-scanner': 'acme',
    },
    payload,
  });
const alert = () => incidents.all()[0]?.input.alert;

test('an event of the host has no namespace, and fails closed', async () => {
  expect((await post('/v1/alerts/falco', sensitiveFileOnHost)).json()).toMatchObject({
    status: 422,
    code: 'FB1202',
  });
});

test('an audit event names its target’s namespace; without a uuid the body’s digest identifies it', async () => {
  expect((await post('/v1/alerts/falco', auditAttach)).statusCode).toBe(202);
  expect(alert()).toMatchObject({ namespace: 'shop', rule: 'Attach/Exec Pod', id: alert()?.raw.digest });
});

test('a lone surrogate in a text does not stop the alert', async () => {
  const body = terminalShell.replace('"proc.name":"bash"', String.raw`"proc.name":"\ud800"`);
  expect((await post('/v1/alerts/falco', body)).statusCode).toBe(202);
  expect(alert()?.fields['proc.name']).toBe('\ufffd');
});

test('many and long fields are cut, and the alert says so', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`f${index}`, 'x'.repeat(2_000)]),
  );
  const value: { output_fields: object } = JSON.parse(terminalShell);
  const body = JSON.stringify({ ...value, output_fields: { ...value.output_fields, ...many } });
  expect((await post('/v1/alerts/falco', body)).statusCode).toBe(202);
  expect(JSON.stringify(alert()?.fields).length).toBeLessThan(40_000);
  expect(alert()?.fields['firebreak.dropped']).toMatch(/fields left out/);
});

test('a generic source is mapped by its expressions', async () => {
  const body = JSON.stringify({
    id: 12345,
    check: 'miner',
    score: 9.5,
    target: { namespace: 'shop', pod: 'web-1' },
  });
  for (const url of ['/v1/alerts/generic/scanner', '/v1/alerts/generic']) {
    expect((await post(url, body)).statusCode).toBe(202);
  }
  expect(incidents.all()).toHaveLength(1);
  expect(alert()).toMatchObject({
    source: 'scanner',
    id: '12345',
    rule: 'acme/miner',
    severity: 'critical',
    namespace: 'shop',
    pod: 'web-1',
    cluster: 'prod',
  });
});

test('a mapping without a value names the field and quotes nothing of the body', async () => {
  const response = await post(
    '/v1/alerts/generic/scanner',
    JSON.stringify({ id: 's3cret', check: 'x', score: 1 }),
  );
  expect(response.json()).toMatchObject({
    status: 422,
    code: 'FB1206',
    detail: expect.stringContaining('"namespace"'),
  });
  expect(response.body).not.toContain('s3cret');
  expect((await post('/v1/alerts/generic/other', '{}')).json()).toMatchObject({
    status: 404,
    code: 'FB1205',
  });
});

test('whatever JSON comes, the answer is never a 5xx', async () => {
  const base: Record<string, unknown> = JSON.parse(terminalShell);
  const anyJson = fc.jsonValue({ maxDepth: 6 });
  const bodies = fc.oneof(
    anyJson,
    fc
      .record({ key: fc.constantFrom(...Object.keys(base)), value: anyJson })
      .map(({ key, value }) => ({ ...base, [key]: value })),
    fc
      .dictionary(fc.string(), anyJson)
      .map((fields) => ({ ...base, output_fields: { 'k8s.ns.name': 'shop', ...fields } })),
  );
  await fc.assert(
    fc.asyncProperty(bodies, fc.constantFrom('falco', 'generic/scanner'), async (body, door) => {
      const response = await post(`/v1/alerts/${door}`, JSON.stringify(body));
      expect(response.statusCode).toBeLessThan(500);
    }),
    { numRuns: 300 },
  );
});
