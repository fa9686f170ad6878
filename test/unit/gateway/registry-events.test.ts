import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaultLimits } from '../../../gateway/dependencies.ts';
import { readEnvelope } from '../../../gateway/registry-envelope.ts';
import { sha256 } from '../../../domain/json.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway();
});
afterEach(() => gateway.close());

const digest = `sha256:${'1'.repeat(64)}`;
/** As CNCF Distribution 3 sends it. */
const push = (given: object = {}, target: object = {}) => ({
  id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
  timestamp: '2026-03-09T14:44:26.402973972-08:00',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 708,
    digest,
    length: 708,
    repository: 'acme/shop',
    url: `http://registry.example/v2/acme/shop/manifests/${digest}`,
    tag: 'v1',
    ...target,
  },
  request: {
    id: '6df24a34-0959-4923-81ca-14f09767db19',
    addr: '192.168.64.11:42961',
    host: 'registry.example',
    method: 'PUT',
    useragent: 'curl/7.38.0',
  },
  actor: { name: 'ci' },
  source: { addr: 'registry-1:5000', instanceID: 'a53db899-3b4b-4a62-a067-8dd013beaca4' },
  ...given,
});

function post(body: unknown, { token = gateway.tokens.registry, registry = 'images', type = '' } = {}) {
  return gateway.app.inject({
    method: 'POST',
    url: `/v1/registry-events/${registry}`,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': type || 'application/vnd.docker.distribution.events.v2+json',
    },
    payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
}

const find = (actor = 'ci') =>
  gateway.state.registryEvents.find({
    registry: 'images',
    actor,
    since: '2026-03-09T00:00:00Z',
    until: '2026-03-10T00:00:00Z',
    most: 100,
  });

test('a push is stored before it is answered, in UTC; sent again it counts once', async () => {
  const first = await post({ events: [push()] });
  expect([first.statusCode, first.json()]).toEqual([200, { stored: 1, known: 0, unreadable: 0 }]);
  expect((await post({ events: [push()] })).json()).toEqual({ stored: 0, known: 1, unreadable: 0 });
  expect((await find()).events).toEqual([
    {
      id: '320678d8-ca14-430f-8bb6-4ca139cd83f7',
      at: '2026-03-09T22:44:26.402Z',
      action: 'push',
      actor: 'ci',
      address: '192.168.64.11:42961',
      agent: 'curl/7.38.0',
      repository: 'acme/shop',
      tag: 'v1',
      digest,
      image: true,
    },
  ]);
});

test('a layer is no image, whatever media type its pusher names', async () => {
  const url = `http://registry.example/v2/acme/shop/blobs/${digest}`;
  await post({
    events: [
      push({ id: 'layer' }, { url, tag: '' }),
      push({ id: 'other' }, { mediaType: 'application/octet-stream', tag: '' }),
    ],
  });
  const images = (await find()).events.map(({ id, image }) => [id, image]);
  expect(images).toEqual([
    ['layer', false],
    // By its address, which the registry writes.
    ['other', true],
  ]);
});

test('who may: the scope, the registry of the token, and the registries there are', async () => {
  const status = async (...given: Parameters<typeof post>) => {
    const { statusCode, json } = await post(...given);
    return [statusCode, json<{ code?: string }>().code];
  };
  const body = { events: [push()] };
  expect(await status(body, { token: 'fbt_nonsense' })).toEqual([401, 'FB1101']);
  expect(await status(body, { token: gateway.tokens.alerts })).toEqual([403, 'FB1102']);
  expect(await status(body, { token: gateway.tokens.ana })).toEqual([403, 'FB1102']);
  expect(await status(body, { registry: 'other' })).toEqual([403, 'FB1105']);
  expect(await status(body, { registry: 'none' })).toEqual([404, 'FB1214']);
  expect(await status(body, { type: 'text/plain' })).toEqual([415, 'FB1006']);
  expect((await find()).count).toBe(0);
  expect((await post(body, { token: gateway.tokens.anyRegistry, registry: 'other' })).statusCode).toBe(200);
  // And a token of events opens nothing else.
  const alert = await gateway.app.inject({
    method: 'GET',
    url: '/v1/incidents',
    headers: { authorization: `Bearer ${gateway.tokens.registry}` },
  });
  expect(alert.statusCode).toBe(403);
});

test.each([
  ['not JSON', '{"events":['],
  ['no envelope', '[]'],
  ['no list', '{"events":{}}'],
  ['a key twice', '{"events":[],"events":[1]}'],
  ['nested too deep', `{"events":${'['.repeat(200)}${']'.repeat(200)}}`],
  ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ['an event without an id', JSON.stringify({ events: [push({ id: undefined })] })],
  ['a time that is none', JSON.stringify({ events: [push({ timestamp: 'yesterday' })] })],
  [
    'megabytes of user agent',
    JSON.stringify({ events: [push({ request: { useragent: 'x'.repeat(6e6) } })] }),
  ],
])(
  '%s is taken in as unreadable: refused, it would be sent for ever, and all after it wait',
  async (_, body) => {
    const { statusCode, json } = await post(body);
    expect([statusCode, json()]).toEqual([200, { stored: 0, known: 0, unreadable: 1 }]);
    expect(await find()).toMatchObject({ count: 0, unreadable: 1 });
    const [line] = (await gateway.state.accessLog.read()).filter(({ code }) => code === 'FB1215');
    expect(line).toMatchObject({ kind: 'registry-event', detail: { registry: 'images' } });
    expect(JSON.stringify(line).length).toBeLessThan(1_000);
  },
);

test('one bad event costs only itself', async () => {
  const body = { events: [push({ id: 'a' }), { id: 7 }, push({ id: 'b' })] };
  expect((await post(body)).json()).toEqual({ stored: 2, known: 0, unreadable: 1 });
  expect((await find()).events.map(({ id }) => id)).toEqual(['a', 'b']);
});

test('a user whose name is too long is nobody else', async () => {
  const name = 'ci'.padEnd(256, 'i');
  await post({ events: [push({ actor: { name: `${name}x` } })] });
  expect((await find(name)).count).toBe(0);
});

test('a store that cannot be written answers 503, and the same event is taken in later', async () => {
  const other = await startTestGateway({
    overrides: {
      stores: {
        ...gateway.state,
        registryEvents: { append: () => Promise.reject(new Error('disk')) },
      },
    },
  });
  const answer = await other.app.inject({
    method: 'POST',
    url: '/v1/registry-events/images',
    headers: { authorization: `Bearer ${gateway.tokens.registry}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ events: [push()] }),
  });
  expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([503, 'FB1407']);
  expect(answer.headers['retry-after']).toBe('10');
  await other.close();
});

test('too many in a minute are told to wait', async () => {
  const other = await startTestGateway({ overrides: { limits: { registryEventsPerMinute: 1 } } });
  const send = () =>
    other.app.inject({
      method: 'POST',
      url: '/v1/registry-events/images',
      headers: { authorization: `Bearer ${other.tokens.registry}`, 'content-type': 'application/json' },
      payload: JSON.stringify({ events: [push()] }),
    });
  expect((await send()).statusCode).toBe(200);
  expect((await send()).statusCode).toBe(429);
  await other.close();
});

test('whatever comes is read or told to be unreadable, and what is read is bounded', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('x'.repeat(10_000)));
  const value = fc.oneof(fc.jsonValue(), text);
  const odd = fc.record(
    {
      id: value,
      timestamp: fc.oneof(value, fc.constant('2026-01-01T00:00:00Z')),
      action: value,
      target: fc.oneof(value, fc.record({ repository: text, tag: text, digest: text, url: text })),
      request: fc.oneof(value, fc.record({ addr: text, useragent: text })),
      actor: fc.oneof(value, fc.record({ name: text })),
    },
    { requiredKeys: [] },
  );
  const plain = fc
    .record({ id: fc.string({ minLength: 1, maxLength: 20 }), name: text })
    .map(({ id, name }) => push({ id, actor: { name } }));
  const limits = { jsonDepth: defaultLimits.jsonDepth, jsonKeys: 1_000 };
  fc.assert(
    fc.property(fc.array(fc.oneof(odd, plain, value), { maxLength: 5 }), fc.nat(200), (events, cut) => {
      const whole = Buffer.from(JSON.stringify({ events }));
      for (const bytes of [whole, whole.subarray(0, Math.max(0, whole.length - 1 - cut))]) {
        const read = readEnvelope({ bytes, size: bytes.length, digest: sha256(bytes) }, limits);
        if (bytes === whole && read.events.length > 0) {
          expect(read.events.length + read.unreadable.length).toBe(events.length);
        } else if (bytes !== whole) expect(read.events).toEqual([]);
        expect(JSON.stringify(read.events).length).toBeLessThanOrEqual(read.events.length * 8_000 + 2);
      }
    }),
    { numRuns: 200 },
  );
});
