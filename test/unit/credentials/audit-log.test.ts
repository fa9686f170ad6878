import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAuditLine, type Wanted } from '../../../activities/credentials/find-use/audit-event.ts';
import { findInAuditLog, rotatedAt } from '../../../activities/credentials/find-use/audit-log.ts';
import { linesOf } from '../../../activities/credentials/find-use/lines.ts';
import { Uses } from '../../../activities/credentials/find-use/use.ts';

const jti = '0c9e7c9a-6b1b-4a5e-9c61-2a5c1d0e4f11';
const account = 'system:serviceaccount:shop:web';
const byName: Wanted = { username: account };
const byId: Wanted = { credentialId: `JTI=${jti}` };
const window = { since: new Date('2026-01-01T00:00:00Z'), until: new Date('2026-01-02T00:00:00Z') };
const signal = new AbortController().signal;

let dir: string;
let log: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-audit-log-'));
  log = join(dir, 'audit.log');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const event = (auditID: string, at: string, given: object = {}) => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID,
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/shop/secrets?limit=500',
  verb: 'list',
  user: {
    username: account,
    uid: 'u',
    groups: ['system:serviceaccounts'],
    extra: {
      'authentication.kubernetes.io/credential-id': [`JTI=${jti}`],
      'authentication.kubernetes.io/pod-name': ['web-1'],
    },
  },
  sourceIPs: ['198.51.100.7', '10.0.0.9'],
  userAgent: 'kubectl/v1.34',
  objectRef: { resource: 'secrets', namespace: 'shop', apiVersion: 'v1' },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: at,
  stageTimestamp: at,
  ...given,
});
const line = (...given: Parameters<typeof event>) => `${JSON.stringify(event(...given))}\n`;
const noon = '2026-01-01T12:00:00.123456Z';
const before = line('start', '2025-12-31T00:00:00.000000Z', { user: { username: 'system:apiserver' } });

async function read(wanted: Wanted, given: { maxBytes?: number; within?: typeof window } = {}) {
  const uses = new Uses();
  const { within = window, ...options } = given;
  await findInAuditLog(log, wanted, within, { uses, signal, ...options });
  return uses;
}
const ids = (uses: Uses) => uses.list().map(({ id }) => id);

test('a use is told with who, what, where from and by which credential', async () => {
  await writeFile(log, before + line('1', noon));
  const uses = await read(byName);
  expect(uses.unavailable).toEqual([]);
  expect(uses.list()).toEqual([
    {
      id: '1',
      at: '2026-01-01T12:00:00.123Z',
      principal: `${account} (pod web-1)`,
      action: 'list secrets',
      on: 'shop',
      // The connection's own end; what a client says of itself is told apart.
      address: '10.0.0.9',
      forwardedFor: '198.51.100.7',
      agent: 'kubectl/v1.34',
      outcome: 'done',
      through: `JTI=${jti}`,
    },
  ]);
});

test('by its id one token alone, by its name every token; a name in a path or a body is no use', async () => {
  const other = { 'authentication.kubernetes.io/credential-id': ['JTI=another'] };
  await writeFile(
    log,
    before +
      line('mine', noon) +
      line('its-other-token', noon, { user: { username: account, extra: other } }) +
      line('impersonated', noon, { user: { username: 'eve' }, impersonatedUser: { username: account } }) +
      line('named', noon, { user: { username: 'eve' }, requestURI: `/x?${account}&JTI=${jti}` }) +
      line('longer', noon, { user: { username: `${account}-2`, extra: {} } }) +
      line('received', noon, { stage: 'RequestReceived' }) +
      line('early', '2025-12-31T23:59:59Z') +
      line('late', '2026-01-02T00:00:01Z'),
  );
  expect(ids(await read(byName))).toEqual(['its-other-token', 'mine']);
  expect(ids(await read(byId))).toEqual(['mine']);
});

test('the stages of one request are one use, refusals are told', async () => {
  await writeFile(
    log,
    before +
      line('watch', noon, { stage: 'ResponseStarted', responseStatus: { code: 200 } }) +
      line('watch', noon) +
      line('denied', noon, { responseStatus: { code: 403 } }),
  );
  expect((await read(byId)).list().map(({ id, outcome }) => [id, outcome])).toEqual([
    ['denied', 'HTTP 403'],
    ['watch', 'done'],
  ]);
});

test('rotated files beside it are read, compressed or not; others are not', async () => {
  await writeFile(
    join(dir, 'audit-2026-01-01T10-00-00.000.log.gz'),
    gzipSync(before + line('a', '2026-01-01T09:00:00Z')),
  );
  await writeFile(join(dir, 'audit-2026-01-01T11-00-00.000.log'), line('b', '2026-01-01T10:30:00Z'));
  await writeFile(join(dir, 'audit-notes.log'), line('c', noon));
  await writeFile(join(dir, 'audit-2026-01-01T11-00-00.000.log.bak'), line('d', noon));
  await writeFile(log, line('e', noon));
  const uses = await read(byName);
  expect(ids(uses)).toEqual(['a', 'b', 'e']);
  expect(uses.unavailable).toEqual([]);
});

test('a log that begins within the window does not say what was before', async () => {
  await writeFile(log, line('e', noon));
  expect((await read(byName)).unavailable).toEqual([
    { what: 'audit log audit.log', why: 'it begins at 2026-01-01T12:00:00.123Z' },
  ]);
});

test('what was put aside before the window is not read, but says that the log goes back', async () => {
  await writeFile(join(dir, 'audit-2025-12-01T00-00-00.000.log'), 'must not be read\n');
  await writeFile(join(dir, 'audit-2025-12-31T00-00-00.000.log'), line('x', '2025-12-30T00:00:00Z'));
  await writeFile(log, line('e', noon));
  expect(await read(byName)).toMatchObject({ unavailable: [] });
});

test('damaged lines are counted, and hide nothing; a line on its way is none', async () => {
  const whole = line('1', noon);
  await writeFile(log, before + whole.slice(0, 300) + '\nodd\n' + line('2', noon) + '{"user":[]}\n\n');
  await appendFile(log, `{"auditID":"3","user":{"username":"${account}"`);
  const uses = await read(byName);
  expect(ids(uses)).toEqual(['2']);
  expect(uses.unavailable).toEqual([{ what: 'audit log audit.log', why: '2 lines could not be read' }]);
});

test('a file that is not there is an error, one that breaks off is told', async () => {
  await expect(read(byName)).rejects.toThrow(/^FB3703: the audit log .* \(ENOENT\)/);
  const packed = gzipSync(before.repeat(1) + line('1', noon) + line('2', noon).repeat(5_000));
  await writeFile(join(dir, 'audit-2026-01-01T10-00-00.000.log.gz'), packed.subarray(0, packed.length - 20));
  await writeFile(log, line('e', noon));
  const uses = await read(byName);
  expect(ids(uses)).toContain('e');
  expect(uses.unavailable.map(({ why }) => why)).toContainEqual(expect.stringContaining('breaks off'));
});

test('the cap on bytes leaves the newest, and is told', async () => {
  await writeFile(
    join(dir, 'audit-2026-01-01T10-00-00.000.log'),
    before + line('old', '2026-01-01T09:00:00Z'),
  );
  const newest = line('new', noon);
  await writeFile(log, newest + line('newer', noon));
  const uses = await read(byName, { maxBytes: newest.length });
  expect(ids(uses)).toEqual(['new']);
  expect(uses.unavailable.map(({ why }) => why)).toContainEqual(
    expect.stringContaining('newest files first'),
  );
});

test('a rotation while it is read takes nothing away', async () => {
  await writeFile(log, before + line('1', noon));
  const reading = read(byName);
  await rename(log, join(dir, 'audit-2026-01-01T13-00-00.000.log'));
  await writeFile(log, line('2', noon));
  const found = ids(await reading);
  expect(found).toContain('1');
});

const at = (file: string) => rotatedAt(file, '/var/log/audit.log')?.toISOString();
test('names of rotated files', () => {
  expect(at('audit-2026-01-02T03-04-05.678.log')).toBe('2026-01-02T03:04:05.678Z');
  expect(at('audit-2026-01-02T03-04-05.678.log.gz')).toBe('2026-01-02T03:04:05.678Z');
  for (const odd of [
    'audit.log',
    'audit-.log',
    'audit-2026-13-02T03-04-05.678.log',
    'other-2026-01-02T03-04-05.678.log',
  ])
    expect(at(odd)).toBeUndefined();
});

test('lines of any stream, cut anywhere, are those of its text', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 30 }).map((text) => text.replaceAll('\n', ' '))),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      async (texts, size, ends) => {
        const bytes = Buffer.from(texts.join('\n') + (ends ? '\n' : ''));
        const chunks: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
        const found: string[] = [];
        let total = 0;
        for await (const one of linesOf(Readable.from(chunks))) {
          found.push(one.bytes?.toString() ?? '');
          total += one.size;
        }
        expect(found).toEqual(texts.filter((text) => text !== ''));
        expect(total).toBeLessThanOrEqual(bytes.length);
      },
    ),
  );
});

test('a line of a gigabyte costs no gigabyte', async () => {
  const piece = Buffer.alloc(1024 * 1024, 0x61);
  async function* huge() {
    for (let at = 0; at < 64; at++) yield piece;
    yield Buffer.from('\nshort\n');
  }
  const found = [];
  for await (const one of linesOf(Readable.from(huge()))) found.push([one.bytes?.toString(), one.size]);
  expect(found).toEqual([
    [undefined, 64 * 1024 * 1024 + 1],
    ['short', 6],
  ]);
});

test('whatever a line holds, it is read, passed over or told', () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .record(
        { user: fc.jsonValue(), sourceIPs: fc.jsonValue(), objectRef: fc.jsonValue() },
        { requiredKeys: [] },
      )
      .map((given) => JSON.stringify(event('x', noon, given))),
    fc.nat(500).map((length) => JSON.stringify(event('x', noon)).slice(0, length)),
  );
  fc.assert(
    fc.property(odd, (text) => {
      const uses = new Uses();
      const found = readAuditLine(text, byName);
      if (typeof found === 'string') expect(['other', 'unreadable']).toContain(found);
      else uses.add(found);
      for (const use of uses.list()) expect(JSON.stringify(use)).not.toMatch(/\p{Cc}|\u202e/u);
    }),
  );
});
