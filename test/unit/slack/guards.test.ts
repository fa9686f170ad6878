import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { boltLogger } from '../../../gateway/slack/bolt-logger.ts';
import { createReplayMemory } from '../../../gateway/slack/replay-memory.ts';
import { verifyRequest } from '../../../gateway/slack/request-guard.ts';
import pino from 'pino';

const secret = 'a'.repeat(32);
const second = 1_772_334_000;
const now = second * 1000;
const body = Buffer.from('payload=%7B%7D');
const hash = (stamp: string | number) =>
  createHmac('sha256', secret).update(`v0:${stamp}:${body.toString()}`).digest('hex');
const verify = (stamp: string | number, signature = `v0=${hash(stamp)}`, of = body) =>
  verifyRequest(
    { headers: { 'x-slack-request-timestamp': String(stamp), 'x-slack-signature': signature }, body: of },
    secret,
    now,
  );

test('what Slack signed just now passes', () => {
  expect(verify(second)).toEqual({ ok: true, signature: `v0=${hash(second)}`, timestamp: second });
});

test.each([-300, 300])('%i s off still passes', (off) => {
  expect(verify(second + off)).toMatchObject({ ok: true });
});

test.each([-301, 301, 86_400, -86_400])('%i s off does not', (off) => {
  expect(verify(second + off)).toMatchObject({ ok: false, code: 'FB1311' });
});

test.each([
  ['another hash', `v0=${'0'.repeat(64)}`],
  ['another version', `v1=${hash(second)}`],
  ['a second part, which Bolt ignores', `v0=${hash(second)}=x`],
  ['capitals', `v0=${hash(second).toUpperCase()}`],
  ['nothing', ''],
])('a signature with %s does not pass', (_what, signature) => {
  expect(verify(second, signature)).toMatchObject({ ok: false, code: 'FB1310' });
});

test.each([`0${second}`, ` ${second}`, `${second}.0`, '1e9', '0x69a3b0f0', 'NaN', ''])(
  'the timestamp %j, which could stand for another, does not pass',
  (stamp) => {
    expect(verify(stamp, `v0=${hash(Number(stamp))}`)).toMatchObject({ ok: false, code: 'FB1310' });
  },
);

test('changed or missing bytes and headers do not pass', () => {
  expect(verify(second, `v0=${hash(second)}`, Buffer.from('payload=%7B%7D '))).toMatchObject({ ok: false });
  expect(verifyRequest({ headers: {}, body }, secret, now)).toMatchObject({ ok: false, code: 'FB1310' });
});

const folder = mkdtempSync(join(tmpdir(), 'replay-'));
afterAll(() => rmSync(folder, { recursive: true }));
const request = (n: number, at = second) => ({
  signature: `v0=${n.toString(16).padStart(64, '0')}`,
  timestamp: at,
});

test('a request is new once', () => {
  const memory = createReplayMemory({ now });
  expect(memory.admit(request(1), now)).toBe('new');
  expect(memory.admit(request(1), now)).toBe('replay');
  expect(memory.admit(request(2), now)).toBe('new');
});

test('one from the future is remembered until it is stale', () => {
  const memory = createReplayMemory({ now, capacity: 1 });
  memory.admit(request(1, second + 300), now);
  // Still within the window at 599 s: to forget it to make room would let it in again.
  expect(memory.admit(request(2, second + 599), now + 599_000)).toBe('full');
  expect(memory.admit(request(1, second + 300), now + 599_000)).toBe('replay');
});

test('when it is full nobody is let in, until the oldest are stale', () => {
  const memory = createReplayMemory({ now, capacity: 2 });
  memory.admit(request(1), now);
  memory.admit(request(2), now);
  expect(memory.admit(request(3), now)).toBe('full');
  expect(memory.admit(request(3, second + 601), now + 601_000)).toBe('new');
});

test('with a file it outlives the process, a half-written line and an unreadable one', () => {
  const file = join(folder, 'seen');
  createReplayMemory({ file, now }).admit(request(1), now);
  writeFileSync(file, `${readFileSync(file, 'utf8')}garbage\n${second} v0=00`);
  const memory = createReplayMemory({ file, now });
  expect(memory.admit(request(1), now)).toBe('replay');
  expect(memory.admit(request(2), now)).toBe('new');
  expect(createReplayMemory({ file, now }).admit(request(2), now)).toBe('replay');
  createReplayMemory({ file, now: now + 700_000 });
  expect(readFileSync(file, 'utf8')).toBe('');
});

test('the file stays small', () => {
  const file = join(folder, 'small');
  const memory = createReplayMemory({ file, now, capacity: 3 });
  for (let n = 1; n <= 60; n += 1) memory.admit(request(n, second + n * 700), now + n * 700_000);
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThanOrEqual(8);
});

test("Bolt's lines reach our log without tokens or response addresses", () => {
  const lines: string[] = [];
  const logger = boltLogger(pino({ level: 'trace' }, { write: (line) => void lines.push(line) }));
  logger.debug('Bearer xoxb-1-2-secret');
  logger.warn('call failed', new Error('with xoxb-1-2-secret and xapp-1-A-secret'));
  logger.error('https://hooks.slack.com/actions/T01/2/secret');
  expect(lines).toHaveLength(2);
  expect(lines.join()).not.toContain('secret');
  expect(lines.join()).toContain('call failed Error: with [removed] and [removed]');
});
