import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findInHarbor } from '../../../activities/credentials/find-use/harbor.ts';
import { outputsOf, recordOf } from '../../../activities/credentials/find-use/summary.ts';
import { Uses } from '../../../activities/credentials/find-use/use.ts';
import { Secret } from '../../../domain/secret.ts';

/** A Harbor's audit log and artefacts, by its API description and its parser of queries (src/lib/q/builder.go). */
interface Entry {
  id: number;
  username: string;
  operation: string;
  resource_type: string;
  resource: string;
  op_time: string;
}
const window = { since: new Date('2026-01-01T00:00:00.500Z'), until: new Date('2026-01-01T01:00:00.500Z') };
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const password = 'a-password-of-harbor';

let server: Server;
let url: string;
let logs: { [path: string]: unknown[] | number };
let artifacts: { [path: string]: { digest: string; push_time: string }[] };
let asked: URL[];

beforeEach(async () => {
  logs = {};
  artifacts = {};
  asked = [];
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://harbor');
    asked.push(new URL(request.url ?? '/', 'http://harbor'));
    const pair = Buffer.from(`admin:${password}`).toString('base64');
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Basic ${pair}`) return send(401, { errors: [{ message: 'no' }] });
    const page = Number(searchParams.get('page'));
    const size = Number(searchParams.get('page_size'));
    const query = keywordsOf(searchParams.get('q') ?? '');
    const of = (all: unknown[]) => all.slice((page - 1) * size, page * size);
    const log = logs[pathname.replace('/api/v2.0/', '')];
    if (typeof log === 'number') return send(log, { errors: [{ code: 'X', message: 'cannot' }] });
    if (log !== undefined) {
      const [min = '', max = ''] = /^\[(.*)~(.*)\]$/.exec(query['op_time'] ?? '')?.slice(1) ?? [];
      const matching = log.filter((one) => {
        const { username, op_time = '' } = (one ?? {}) as Partial<Entry>;
        // An entry that is none is no database's: it is let through to be judged.
        if (op_time === '') return true;
        return username === query['username'] && op_time >= `${min}Z` && op_time <= `${max}Z`;
      });
      return send(200, of(matching));
    }
    const listed = artifacts[pathname];
    return listed === undefined ? send(404, { errors: [{ message: 'not found' }] }) : send(200, of(listed));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

/** Harbor decodes `q` once more, then splits it. */
function keywordsOf(q: string): { [key: string]: string } {
  const decoded = decodeURIComponent(q.replaceAll('+', ' '));
  return Object.fromEntries(
    decoded.split(',').map((pair) => [pair.split('=')[0] ?? '', pair.split('=').slice(1).join('=')]),
  );
}

const entry = (id: number, given: Partial<Entry>): Entry => ({
  id,
  username: 'robot$shop+ci',
  operation: 'create',
  resource_type: 'artifact',
  resource: `acme/shop@${digest('a')}`,
  op_time: '2026-01-01T00:30:00.000Z',
  ...given,
});

async function find(user = 'robot$shop+ci', secret = password) {
  const uses = new Uses();
  const config = {
    kind: 'harbor' as const,
    name: 'images',
    environment: 'production',
    url,
    username: 'admin',
  };
  const options = { ...config, password: () => Promise.resolve(new Secret(secret)) };
  await findInHarbor(options, user, window, uses, AbortSignal.timeout(20_000));
  const { unavailable, left } = uses;
  return {
    uses: uses.list(),
    outputs: outputsOf(recordOf('x', window, { uses: uses.list(), left, unavailable }), ''),
  };
}

test('pushes by digest, old and new forms, pulls and deletions; a robot’s name with all its signs', async () => {
  logs['auditlog-exts'] = [
    entry(1, {}),
    entry(2, { resource: `acme/shop:${digest('b')}`, op_time: '2026-01-01T00:31:00.000Z' }),
    entry(3, { operation: 'pull', resource: 'acme/shop:v1' }),
    entry(4, { operation: 'delete', resource: `acme/shop@${digest('c')}` }),
    entry(5, { username: 'robot$shop ci', resource: `acme/other@${digest('d')}` }),
    // Within the whole seconds that Harbor can be asked for, and not within the window.
    entry(6, { op_time: '2026-01-01T00:00:00.100Z', resource: `acme/early@${digest('e')}` }),
    { ...entry(7, { resource: `acme/failed@${digest('f')}` }), is_successful: false },
  ];
  logs['audit-logs'] = 404;
  const { uses, outputs } = await find();
  expect(outputs).toMatchObject({
    events: 5,
    digests: [digest('a'), digest('b')],
    principals: ['robot$shop+ci'],
    first: '2026-01-01T00:30:00.000Z',
    last: '2026-01-01T00:31:00.000Z',
    complete: true,
  });
  expect(uses.map(({ action, outcome }) => `${action}: ${outcome}`)).toContain('create artifact: failed');
});

test('a push by tag has the digest of the one artefact of that moment; none or two are told', async () => {
  logs['auditlog-exts'] = [
    entry(1, { resource: 'acme/team/shop:v1', op_time: '2026-01-01T00:30:00.000Z' }),
    entry(2, { resource: 'acme/team/shop:v2', op_time: '2026-01-01T00:40:00.000Z' }),
  ];
  const path = '/api/v2.0/projects/acme/repositories/team%252Fshop/artifacts';
  artifacts[path] = [
    { digest: digest('a'), push_time: '2026-01-01T00:29:59.900Z' },
    { digest: digest('b'), push_time: '2026-01-01T00:40:01.000Z' },
    { digest: digest('c'), push_time: '2026-01-01T00:40:01.500Z' },
  ];
  const { outputs } = await find();
  expect(outputs['digests']).toEqual([digest('a')]);
  expect(outputs['tags']).toEqual([
    { repository: 'acme/team/shop', tag: 'v2', digest: '', at: '2026-01-01T00:40:00.000Z' },
    { repository: 'acme/team/shop', tag: 'v1', digest: digest('a'), at: '2026-01-01T00:30:00.000Z' },
  ]);
  expect(outputs['complete']).toBe(false);
});

test('every page is read, of both logs', async () => {
  logs['auditlog-exts'] = Array.from({ length: 250 }, (_, at) => entry(at, { operation: 'pull' }));
  logs['audit-logs'] = Array.from({ length: 101 }, (_, at) => entry(at, { operation: 'pull' }));
  expect((await find()).outputs).toMatchObject({ events: 351, complete: true });
  expect(asked.length).toBe(5);
});

test('an entry that is none, and a log that is refused, are told', async () => {
  logs['auditlog-exts'] = [entry(1, {}), { id: 'x' }, null];
  logs['audit-logs'] = 403;
  expect((await find()).outputs).toMatchObject({
    events: 1,
    complete: false,
    unavailable: [{ why: 'an entry is not as expected' }, { what: 'audit-logs of registry images' }],
  });
});

test('when neither log answers nothing is known: the step fails, without the password', async () => {
  logs['auditlog-exts'] = 403;
  logs['audit-logs'] = 404;
  const failure = await find().then(String, (error: Error) => error);
  expect(failure).toMatchObject({ name: 'ServiceError', status: expect.any(Number) });
  const wrong = await find('ci', 'another-password').then(String, (error: Error) => error.message);
  expect(wrong).toContain('401');
  expect(wrong).not.toContain('another-password');
});
