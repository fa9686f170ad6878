import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { clusterRegistry, createCluster, type Cluster } from '../../../activities/kubernetes/client.ts';
import { toFailure } from '../../../activities/failure.ts';
import { classify, KubernetesError } from '../../../activities/kubernetes/errors.ts';
import { pathOf, resources } from '../../../activities/kubernetes/resources.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let answer: Answer;
let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
let cluster: Cluster;
let stop: () => Promise<void>;
const token = 'secret-token-1234';

beforeEach(async () => {
  seen = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      answer(request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-client-'));
  const kubeconfig = join(dir, 'kubeconfig');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/k8s/c-1`;
  await writeFile(
    kubeconfig,
    JSON.stringify({
      'current-context': 'one',
      clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token } }],
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    }),
  );
  cluster = createCluster({ name: 'shop-1', environment: 'test', kubeconfig });
  stop = async () => {
    await cluster.close();
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true });
  };
});
afterEach(() => stop());

const pods = { ...resources.pods, namespace: 'shop' };

/** Never answers. */
function silent(): void {}

function says(status: number, body: object, headers: { [name: string]: string } = {}): Answer {
  return (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function status(reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message };
}

async function failureOf(call: Promise<unknown>): Promise<KubernetesError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KubernetesError) return error;
  throw new Error(`no KubernetesError, but ${String(error)}`);
}

test("goes to the kubeconfig's server and path, with its token, impersonation and dry run", async () => {
  answer = says(201, { kind: 'Pod' });
  await cluster.create(
    pods,
    { kind: 'Pod' },
    { dryRun: true, as: { user: 'firebreak:probe', groups: ['a', 'b'] } },
  );
  expect(seen).toMatchObject([
    {
      method: 'POST',
      url: '/k8s/c-1/api/v1/namespaces/shop/pods?dryRun=All',
      headers: {
        authorization: `Bearer ${token}`,
        'impersonate-user': 'firebreak:probe',
        'impersonate-group': 'a, b',
      },
      body: '{"kind":"Pod"}',
    },
  ]);
});

function page(items: object[], next: string): object {
  return { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '9', continue: next }, items };
}

test('reads every page, and keeps fields that nobody knows', async () => {
  answer = (request, response, body) =>
    says(
      200,
      request.url?.includes('continue=more') === true
        ? page([{ metadata: { name: 'b' }, future: [1] }], '')
        : page([{ metadata: { name: 'a' } }], 'more'),
    )(request, response, body);
  expect(await cluster.list(pods)).toEqual({
    items: [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' }, future: [1] },
    ],
    resourceVersion: '9',
  });
  expect((await failureOf(cluster.list(pods, { maxItems: 1 }))).reason).toBe('TooLarge');
});

const large = (name: number) => ({ metadata: { name: `p-${name}` }, text: 'x'.repeat(400) });

test('asks for fewer at once when objects are so large that a page of them is refused', async () => {
  answer = (request, response, body) => {
    const query = new URL(request.url ?? '', 'http://server').searchParams;
    const from = Number(query.get('continue') ?? 0);
    const to = Math.min(from + Number(query.get('limit')), 12);
    const items = Array.from({ length: to - from }, (_, index) => large(from + index));
    says(200, page(items, to === 12 ? '' : String(to)))(request, response, body);
  };
  const { items } = await cluster.list(pods, { maxBytes: 3_000 });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(
    Array.from({ length: 12 }, (_, index) => `p-${index}`),
  );
  expect((await failureOf(cluster.list(pods, { maxBytes: 300 }))).reason).toBe('TooLarge');
});

test('sends preconditions with a delete', async () => {
  answer = says(200, {});
  await cluster.delete({ ...pods, name: 'a' }, { preconditions: { uid: 'u', resourceVersion: '7' } });
  expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
    preconditions: { uid: 'u', resourceVersion: '7' },
    propagationPolicy: 'Background',
  });
});

test('a read is tried again when the server is busy, as soon as it says; a write never is', async () => {
  let calls = 0;
  answer = (request, response, body) =>
    (++calls === 1
      ? says(429, status('TooManyRequests', 'busy'), { 'retry-after': '0' })
      : says(200, { kind: 'Pod' }))(request, response, body);
  expect(await cluster.get({ ...pods, name: 'a' })).toEqual({ kind: 'Pod' });
  expect(seen).toHaveLength(2);
  answer = says(503, status('ServiceUnavailable', 'later'));
  expect(classify(await failureOf(cluster.create(pods, {})))).toBe('retryable');
  expect(seen).toHaveLength(3);
});

test.each<[code: number, reason: string, expected: string, nonRetryable: boolean]>([
  [400, 'BadRequest', 'refused', true],
  [401, 'Unauthorized', 'unauthenticated', true],
  [403, 'Forbidden', 'forbidden', true],
  [404, 'NotFound', 'gone', true],
  [405, 'MethodNotAllowed', 'unsupported', true],
  [409, 'Conflict', 'drift', false],
  [410, 'Expired', 'retryable', false],
  [422, 'Invalid', 'refused', true],
  [429, 'TooManyRequests', 'retryable', false],
  [500, 'InternalError', 'retryable', false],
  [504, 'Timeout', 'retryable', false],
])('%i %s is %s', async (code, reason, expected, nonRetryable) => {
  answer = says(code, {
    ...status(reason, `no: ${'x'.repeat(5000)}`),
    details: { causes: [{ field: 'spec', message: 'bad', reason: 'FieldValueInvalid' }] },
  });
  const error = await failureOf(cluster.create(pods, {}));
  expect(error).toMatchObject({
    status: code,
    reason,
    operation: 'create pods in namespace shop',
    causes: [{ field: 'spec' }],
  });
  expect(error.message.length).toBeLessThan(700);
  expect(classify(error)).toBe(expected);
  expect(toFailure(error)).toMatchObject({
    nonRetryable,
    message: expect.stringMatching(/^FB32\d\d: cluster shop-1: cannot create pods/),
  });
});

test('an answer that is too large, too late or no JSON is an error, and names no credential', async () => {
  answer = says(200, { large: 'x'.repeat(10_000) });
  expect(await failureOf(cluster.get({ ...pods, name: 'a' }, { maxBytes: 1000 }))).toMatchObject({
    reason: 'TooLarge',
  });
  answer = (_, response) => response.end('<html>');
  expect(await failureOf(cluster.create(pods, {}))).toMatchObject({ reason: 'Malformed' });
  answer = silent;
  const late = await failureOf(cluster.create(pods, {}, { timeoutMs: 50 }));
  expect(late).toMatchObject({ reason: 'Timeout', status: 0 });
  expect(JSON.stringify([late.message, toFailure(late)])).not.toContain(token);
});

test('a cancelled call rejects with its own abort', async () => {
  answer = silent;
  const controller = new AbortController();
  const call = cluster.get({ ...pods, name: 'a' }, { signal: controller.signal });
  controller.abort(new Error('cancelled'));
  await expect(call).rejects.toThrow('cancelled');
});

test('a stream gives the bytes as they come, and an error of the API as one', async () => {
  answer = (_, response) => response.end('line 1\nline 2\n');
  const chunks: Buffer[] = [];
  for await (const chunk of await cluster.stream(
    { ...pods, name: 'a', subresource: 'log' },
    { previous: 'true' },
  ))
    chunks.push(chunk as Buffer);
  expect(Buffer.concat(chunks).toString()).toBe('line 1\nline 2\n');
  expect(seen[0]?.url).toBe('/k8s/c-1/api/v1/namespaces/shop/pods/a/log?previous=true');
  answer = says(400, status('BadRequest', 'previous terminated container not found'));
  await expect(cluster.stream({ ...pods, name: 'a', subresource: 'log' }, {})).rejects.toMatchObject({
    status: 400,
  });
});

test.each(['../x', 'a/b', '..', '.', '', 'a b', 'a%2fb', 'a\nb', 'UPPER', 'a'.repeat(64)])(
  'namespace %j never reaches a URL',
  async (namespace) => {
    await expect(cluster.list({ ...resources.pods, namespace })).rejects.toMatchObject({ code: 'FB3209' });
    expect(seen).toEqual([]);
  },
);

test('names are encoded', () => {
  expect(
    pathOf({
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      resource: 'clusterroles',
      name: 'system:x?y#z',
    }),
  ).toBe('/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%3Fy%23z');
});

test('an unknown cluster is named with those that are configured; an unusable kubeconfig shows nothing of itself', async () => {
  expect(() => clusterRegistry([cluster])('shop-2')).toThrow(
    'FB3201: cluster "shop-2" is not configured; configured: shop-1',
  );
  expect(() => createCluster({ name: 'a', environment: 'test', kubeconfig: '/nonexistent' })).toThrow(
    'cannot be read (ENOENT)',
  );
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-client-'));
  const kubeconfig = join(dir, 'broken');
  await writeFile(kubeconfig, `users: [{name: u, user: {token: ${token}`);
  try {
    createCluster({ name: 'a', environment: 'test', kubeconfig });
    throw new Error('it was loaded');
  } catch (error) {
    expect(String(error)).toContain('FB3208: clusters.a.kubeconfig');
    expect(String(error)).not.toContain(token);
  }
  await rm(dir, { recursive: true });
});
