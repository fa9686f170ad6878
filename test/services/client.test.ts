import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import {
  basic,
  bearer,
  createServiceClient,
  segment,
  type ServiceClient,
} from '../../activities/service/client.ts';
import { classifyService, ServiceError } from '../../activities/service/errors.ts';
import { Secret } from '../../domain/secret.ts';
import { startApiServer, type ApiReply, type ApiRequest, type ApiServer } from '../../testbed/api-server.ts';
import { freePort } from '../../testbed/ports.ts';

const token = new Secret('engine-token-0123456789');
let server: ApiServer;
let client: ServiceClient;
let answer: (request: ApiRequest) => ApiReply;
const seen: ApiRequest[] = [];

beforeEach(async () => {
  seen.length = 0;
  answer = () => ({ status: 200, body: { fine: true } });
  server = await startApiServer((request) => {
    seen.push(request);
    return answer(request);
  });
  client = clientOf(server.url);
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

function clientOf(baseUrl: string, options: { timeoutMs?: number; maxBytes?: number } = {}): ServiceClient {
  return createServiceClient({
    service: 'forges.acme',
    baseUrl: `${baseUrl}/api`,
    authorization: async () => bearer(token),
    ...options,
  });
}

const signal = () => AbortSignal.timeout(20_000);
const read = (on = client) =>
  on.read({ operation: 'read it', path: '/it', query: { a: 'b&c' }, signal: signal() });
const write = (on = client) =>
  on.write({
    method: 'POST',
    operation: 'write it',
    path: '/it',
    body: { secret: new Secret('sent-secret-value') },
    signal: signal(),
  });

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  const error = await call.catch((reason: unknown) => reason);
  if (!(error instanceof ServiceError)) throw new Error(`no ServiceError: ${inspect(error)}`);
  return error;
}

test('JSON goes out and comes in, with the credential, under the path of the base address', async () => {
  expect((await write()).body).toEqual({ fine: true });
  expect((await read()).body).toEqual({ fine: true });
  expect(seen[0]).toMatchObject({
    method: 'POST',
    parts: ['api', 'it'],
    body: { secret: 'sent-secret-value' },
  });
  expect(seen[0]?.headers['authorization']).toBe(`Bearer ${token.reveal()}`);
  expect(seen[1]?.query.get('a')).toBe('b&c');
});

test.each([
  ['a reset connection', { kind: 'refused' }],
  ['a 503', { kind: 'status', status: 503 }],
  ['a 429', { kind: 'ratelimited', retryAfter: 0 }],
] as const)('a read is tried again after %s', async (_what, fault) => {
  server.fault(fault, { calls: 2 });
  expect((await read()).body).toEqual({ fine: true });
  expect(server.calls).toHaveLength(3);
});

test('a read gives up in the end, and one that is refused is not repeated', async () => {
  server.fault({ kind: 'status', status: 500 }, { calls: 9 });
  expect((await failure(read())).status).toBe(500);
  expect(server.calls).toHaveLength(4);
  server.calls.length = 0;
  answer = () => ({ status: 404, body: { message: '404 Not Found' } });
  await server.stop();
  server = await startApiServer((request) => answer(request));
  const other = clientOf(server.url);
  expect((await failure(read(other))).message).toContain('404 Not Found');
  expect(server.calls).toHaveLength(1);
  await other.close();
});

test.each([
  ['its answer is lost', { kind: 'lost' }, true],
  ['the connection is reset', { kind: 'refused' }, true],
  ['an edge answers 502', { kind: 'status', status: 502 }, true],
  ['it is told to wait', { kind: 'ratelimited', retryAfter: 0 }, false],
] as const)('a write is sent once when %s', async (_what, fault, mayBeDone) => {
  server.fault(fault);
  const error = await failure(write());
  expect(error.mayBeDone).toBe(mayBeDone);
  expect(classifyService(error)).toBe(mayBeDone ? 'unknown-outcome' : 'retryable');
  expect(server.calls).toHaveLength(1);
});

test('a write that reached nobody was not done', async () => {
  const nobody = clientOf(`http://127.0.0.1:${await freePort()}`);
  const error = await failure(write(nobody));
  expect(error).toMatchObject({ status: 0, mayBeDone: false });
  await nobody.close();
});

test('no answer in time, an answer that is too large, or none of JSON: of a write the outcome is unknown', async () => {
  const short = clientOf(server.url, { timeoutMs: 200, maxBytes: 100 });
  server.fault({ kind: 'silent' });
  expect(await failure(write(short))).toMatchObject({ status: 0, mayBeDone: true });
  answer = () => ({ status: 200, body: { long: 'x'.repeat(200) } });
  expect(await failure(write(short))).toMatchObject({ mayBeDone: true });
  server.fault({ kind: 'status', status: 200 });
  expect(await failure(write(short))).toMatchObject({ mayBeDone: true });
  await short.close();
});

test('a cancelled activity sees its own abort', async () => {
  server.fault({ kind: 'silent' });
  const reason = new Error('the activity was cancelled');
  const gone = new AbortController();
  const call = client.read({ operation: 'read it', path: '/it', signal: gone.signal });
  await server.sawCall(/it$/);
  gone.abort(reason);
  await expect(call).rejects.toBe(reason);
});

test('a redirect is not followed: the credential goes nowhere else', async () => {
  const elsewhere = await startApiServer(() => ({ status: 200, body: {} }));
  answer = () => ({ status: 307, headers: { location: `${elsewhere.url}/stolen` } });
  expect((await failure(read())).message).toContain('redirects');
  expect(await failure(write())).toMatchObject({ status: 307, mayBeDone: false });
  expect(elsewhere.calls).toEqual([]);
  await elsewhere.stop();
});

test.each([
  ['as they are', (value: string) => value],
  ['in base64', (value: string) => Buffer.from(value).toString('base64')],
  ['percent-encoded', (value: string) => encodeURIComponent(value)],
])('a service that quotes secrets %s gets none into an error', async (_how, encode) => {
  const odd = new Secret('p&ss "wörd"/0123');
  answer = ({ headers }) => ({
    status: 400,
    body: {
      message: `bad: ${encode(token.reveal())} ${encode(odd.reveal())} ${encode('sent-secret-value')} ${String(headers['authorization'])}`,
    },
  });
  for (const as of [bearer(token), basic('robot$x', odd), bearer(new Secret('abc'))]) {
    const error = await failure(
      client.write({
        method: 'PUT',
        operation: 'write it',
        path: '/it',
        body: { a: [odd, { b: new Secret('sent-secret-value') }] },
        as,
        signal: signal(),
      }),
    );
    const said = `${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${String(error.cause)}`;
    for (const { value } of [
      { value: token.reveal() },
      { value: odd.reveal() },
      { value: 'sent-secret-value' },
    ]) {
      expect(said).not.toContain(value);
      expect(said).not.toContain(encode(value));
    }
    for (const secret of as.secrets) expect(said).not.toContain(secret.reveal());
  }
});

test('a part of a path cannot reach another endpoint', () => {
  expect(segment('../users')).toBe('..%2Fusers');
  for (const bad of ['', '.', '..']) expect(() => segment(bad)).toThrow(TypeError);
  expect(segment('a?b#c')).toBe('a%3Fb%23c');
  expect(segment(7)).toBe('7');
});
