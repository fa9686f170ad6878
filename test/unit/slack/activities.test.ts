import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { slackActivities, slackClient, type SlackActivities } from '../../../activities/slack/index.ts';
import { startSlack, type SlackTestbed } from '../../../testbed/slack.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { attempt } from './attempt.ts';
import { incident, notice } from './notices.ts';

let slack: SlackTestbed;
let channel: string;
let activities: SlackActivities;

beforeAll(async () => {
  slack = await startSlack({ users: [{ name: 'alice' }], channels: [{ name: 'incidents' }] });
  channel = slack.channels['incidents'] ?? '';
  activities = of(slack.botToken);
});
afterAll(() => slack.stop());

const of = (botToken: string) =>
  slackActivities({
    client: slackClient({ botToken, apiUrl: slack.apiUrl, timeoutMs: 2_000, logger: quietLogger }),
    groups: { responders: 'S012AB3CD' },
  });
const gateCalled = (id: string) => ({ ...notice, gate: { ...notice.gate, id } });
const posted = async (dedupe: string) =>
  (await slack.messages('incidents')).filter(
    ({ metadata }) => metadata?.event_payload?.['dedupe'] === dedupe,
  );
const news = {
  incident,
  title: 'Contained',
  lines: ['14 pods isolated'],
  level: 'good' as const,
  mention: [],
  offerRelease: false,
};

test('nothing is posted when Slack is not configured', async () => {
  const none = slackActivities({ client: null });
  expect(await attempt(1, none['slack.ask'], { channel, notice })).toBeNull();
  expect(await attempt(1, none['slack.tell'], { ...news, channel, message: null, dedupe: 'x' })).toBeNull();
  await attempt(1, none['slack.update'], {
    message: { channel, ts: '1.1' },
    notice,
    state: { state: 'open', decisions: [] },
  });
});

test('a question whose answer was lost is adopted by the next attempt', async () => {
  const lost = gateCalled('lost');
  slack.fail({ kind: 'lost', method: 'chat.postMessage' });
  await expect(attempt(1, activities['slack.ask'], { channel, notice: lost })).rejects.toMatchObject({
    type: 'Slack',
    nonRetryable: false,
    message: expect.stringContaining('FB1302'),
  });
  const ref = await attempt(2, activities['slack.ask'], { channel, notice: lost });
  const [message, ...others] = await posted('lost');
  expect(others).toEqual([]);
  expect(ref).toEqual({ channel, ts: message?.ts });
});

test('a reply whose answer was lost is adopted by the next attempt', async () => {
  const root = await attempt(1, activities['slack.ask'], { channel, notice: gateCalled('root') });
  const told = { ...news, channel, message: root, dedupe: 'contained' };
  slack.fail({ kind: 'lost', method: 'chat.postMessage' });
  await expect(attempt(1, activities['slack.tell'], told)).rejects.toThrow('FB1302');
  await attempt(2, activities['slack.tell'], told);
  const replies = await posted('tell/contained');
  expect(replies).toHaveLength(1);
  expect(replies[0]?.thread_ts).toBe(root?.ts);
});

test("another app's copy of our metadata is not adopted", async () => {
  // The same metadata by somebody else: the testbed's bot cannot post as another, so a client that names another bot stands for it.
  const copied = gateCalled('copied');
  const own = await attempt(1, activities['slack.ask'], { channel, notice: copied });
  const client = slackClient({ botToken: slack.botToken, apiUrl: slack.apiUrl });
  client.auth.test = () => Promise.resolve({ ok: true, user_id: 'U0SOMEBODY' });
  const other = slackActivities({ client });
  const again = await attempt(2, other['slack.ask'], { channel, notice: copied });
  expect(again?.ts).not.toBe(own?.ts);
});

test('a retry that finds nothing posts', async () => {
  await attempt(2, activities['slack.ask'], { channel, notice: gateCalled('new') });
  expect(await posted('new')).toHaveLength(1);
});

test('an update replaces the question, and takes its buttons away', async () => {
  const gate = gateCalled('updated');
  const message = await attempt(1, activities['slack.ask'], { channel, notice: gate });
  const decisions = [
    { person: 'alice', name: 'Alice Ash', verdict: 'approve' as const, at: '2026-03-01T03:13:09Z' },
  ];
  await attempt(1, activities['slack.update'], {
    message,
    notice: gate,
    state: { state: 'approved', decisions },
  });
  const [now] = await posted('updated');
  expect(JSON.stringify(now?.blocks)).toContain('Approved by ');
  expect(JSON.stringify(now?.blocks)).not.toContain('firebreak.approve');
});

test('danger is shown in the channel too, and calls the configured group', async () => {
  const root = await attempt(1, activities['slack.ask'], { channel, notice: gateCalled('danger') });
  const told = { ...news, level: 'danger' as const, mention: ['responders', 'lawyers'], offerRelease: true };
  await attempt(1, activities['slack.tell'], { ...told, channel, message: root, dedupe: 'failed' });
  const call = slack.calls('chat.postMessage').at(-1);
  expect(call?.args).toMatchObject({ thread_ts: root?.ts, mrkdwn: 'false', parse: 'none' });
  expect(String(call?.args['reply_broadcast'])).toBe('true');
  const said = JSON.stringify(await posted('tell/failed'));
  expect(said).toContain('<!subteam^S012AB3CD>');
  expect(said).toContain('no Slack group is configured for: lawyers');
  expect(said).toContain('firebreak.release');
});

test('news of a question that somebody has deleted is told in the channel', async () => {
  slack.fail({ kind: 'error', error: 'thread_not_found', method: 'chat.postMessage' });
  const told = { ...news, channel, message: { channel, ts: '1700000000.000001' }, dedupe: 'orphan' };
  await attempt(1, activities['slack.tell'], told);
  const [message] = await posted('tell/orphan');
  expect(message).toBeDefined();
  expect(message?.thread_ts).toBeUndefined();
});

test('a rate limit is waited for by Temporal, not by the process', async () => {
  slack.rateLimit({ method: 'chat.postMessage', retryAfter: 7 });
  await expect(
    attempt(1, activities['slack.ask'], { channel, notice: gateCalled('limited') }),
  ).rejects.toMatchObject({
    nonRetryable: false,
    nextRetryDelay: 7_000,
    message: expect.stringContaining('FB1303'),
  });
});

test.each([
  [
    'channel_not_found',
    () => attempt(1, activities['slack.ask'], { channel: 'C0NOWHERE', notice }),
    'invite the app',
  ],
  ['invalid_auth', () => attempt(1, of('xoxb-0-secret')['slack.ask'], { channel, notice }), 'bot token'],
])('%s says what to do, once, and never the token', async (code, call, fix) => {
  const failure: unknown = await call().catch((error: unknown) => error);
  expect(failure).toMatchObject({
    nonRetryable: true,
    message: expect.stringMatching(`FB1301.*${code}.*${fix}`),
  });
  expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('xoxb-');
});

test("Slack's own trouble is worth another try", async () => {
  slack.fail({ kind: 'error', error: 'internal_error', method: 'chat.postMessage' });
  await expect(attempt(1, activities['slack.ask'], { channel, notice })).rejects.toMatchObject({
    nonRetryable: false,
  });
  slack.fail({ kind: 'status', status: 503, method: 'chat.postMessage' });
  await expect(attempt(1, activities['slack.ask'], { channel, notice })).rejects.toMatchObject({
    nonRetryable: false,
  });
});

test('an app that may not read the channel asks twice rather than not at all', async () => {
  const blind = await startSlack({ channels: [{ name: 'incidents' }], scopes: ['chat:write'] });
  try {
    const client = slackClient({ botToken: blind.botToken, apiUrl: blind.apiUrl });
    const there = blind.channels['incidents'] ?? '';
    const ref = await attempt(2, slackActivities({ client })['slack.ask'], { channel: there, notice });
    expect(ref?.channel).toBe(there);
  } finally {
    await blind.stop();
  }
});

test('a group that is not mapped to Slack ids is refused at the start', () => {
  expect(() => slackActivities({ client: null, groups: { responders: '!channel>' } })).toThrow(
    'slack.groups',
  );
});
