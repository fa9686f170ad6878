import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { WebClient } from '@slack/web-api';
import type { WebAPICallResult } from '@slack/web-api';
import { startSlack } from '../../../testbed/slack.ts';
import type { SlackTestbed } from '../../../testbed/slack.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { postMessage } from '../../support/slack-post.ts';

let slack: SlackTestbed;
let client: WebClient;
let ops: string;

const NO_RETRIES = { retryConfig: { retries: 0 }, logger: quietLogger };

beforeAll(async () => {
  slack = await startSlack({
    users: [
      { name: 'ana', realName: 'Ana', admin: true },
      { name: 'gus', kind: 'guest' },
      { name: 'sol', kind: 'single-channel-guest' },
      { name: 'old', kind: 'deactivated' },
      { name: 'rob', kind: 'bot' },
      { name: 'eve', kind: 'stranger' },
    ],
    channels: [
      { name: 'ops', private: true },
      { name: 'shared', external: true },
    ],
  });
  client = new WebClient(slack.botToken, { slackApiUrl: slack.apiUrl, ...NO_RETRIES });
  ops = slack.channels['ops'] ?? '';
});
afterAll(() => slack.stop());
afterEach(() => slack.clearFaults());

/** Posts as the bot; untyped, so that a test can also post what Slack refuses. */
const post = (args: object): Promise<WebAPICallResult> =>
  client.apiCall('chat.postMessage', { channel: ops, ...args });

const posted = (args: object): Promise<string> => postMessage(client, { channel: ops, ...args });

const refusal = (error: string): object => ({ data: { error } });

const outcomes = (method: string, from: number): string[] =>
  slack
    .calls(method)
    .slice(from)
    .map((one) => one.outcome);

const info = async (name: string): Promise<unknown> =>
  (await client.users.info({ user: slack.users[name]?.id ?? '' })).user;

const read = async (args: object): Promise<(string | undefined)[]> =>
  (
    (await client.conversations.history({ channel: slack.channels['random'] ?? '', ...args })).messages ?? []
  ).map((one) => one.text);

const shared = async (channel: string): Promise<boolean | undefined> =>
  (await client.conversations.info({ channel })).channel?.is_ext_shared;

const as = (token: string | undefined): WebClient =>
  new WebClient(token, { slackApiUrl: slack.apiUrl, ...NO_RETRIES });

const button = (change: object = {}): object => ({
  type: 'button',
  action_id: 'go',
  value: '1',
  text: { type: 'plain_text', text: 'Go' },
  ...change,
});
const actions = (...elements: object[]): object => ({ type: 'actions', block_id: 'b', elements });
const section = (text: string): object => ({ type: 'section', text: { type: 'mrkdwn', text } });

// docs.slack.dev/reference/methods/auth.test
describe('tokens', () => {
  test('only the bot token of this start opens the Web API', async () => {
    expect(await client.auth.test()).toMatchObject({
      ok: true,
      user_id: slack.botUserId,
      team_id: slack.teamId,
    });
    await expect(as('xoxb-1-2-wrong').auth.test()).rejects.toMatchObject(refusal('invalid_auth'));
    await expect(as(undefined).auth.test()).rejects.toMatchObject(refusal('not_authed'));
    await expect(as(slack.appToken).auth.test()).rejects.toMatchObject(refusal('not_allowed_token_type'));
    await expect(client.apps.connections.open()).rejects.toMatchObject(refusal('not_allowed_token_type'));
  });

  test('a scope that was not granted is missing', async () => {
    await expect(
      client.reactions.add({ channel: ops, name: 'eyes', timestamp: '1.0' }),
    ).rejects.toMatchObject(refusal('missing_scope'));
  });

  test('two starts share no secret, and the log of calls holds none', async () => {
    const other = await startSlack();
    await other.stop();
    for (const secret of ['botToken', 'appToken', 'signingSecret'] as const) {
      expect(other[secret]).not.toBe(slack[secret]);
      expect(JSON.stringify(slack.calls())).not.toContain(slack[secret]);
    }
  });

  test('a method that only the emulator has does not exist', async () => {
    await expect(client.apiCall('views.generateTriggerId')).rejects.toMatchObject(refusal('unknown_method'));
    await expect(client.apiCall('no.suchMethod')).rejects.toMatchObject(refusal('unknown_method'));
  });
});

test('waiting ends with what was waited for, or says that it did not come', async () => {
  const waiting = slack.waitForMessage('ops', (message) => message.text === 'awaited');
  await post({ text: 'awaited' });
  expect(await waiting).toMatchObject({ text: 'awaited' });
  await expect(slack.waitForView('ana', 20)).rejects.toThrow('a view for ana did not appear within 20 ms');
});

// docs.slack.dev/reference/methods/conversations.history and docs.slack.dev/messaging/message-metadata
describe('messages', () => {
  test('metadata is returned in full only when it is asked for', async () => {
    const metadata = { event_type: 'firebreak_prompt', event_payload: { incident: 'i-1' } };
    const ts = await posted({ text: 'hello', metadata });
    const history = await client.conversations.history({ channel: ops, include_all_metadata: true });
    expect(history.messages?.find((one) => one.ts === ts)).toMatchObject({ text: 'hello', metadata });
    const bare = await client.conversations.history({ channel: ops });
    expect(bare.messages?.find((one) => one.ts === ts)?.metadata).toEqual({ event_type: 'firebreak_prompt' });
    const thread = await client.conversations.replies({
      channel: ops,
      ts,
      include_all_metadata: true,
    });
    expect(thread.messages?.[0]).toMatchObject({ metadata });
    await expect(post({ text: 'x', metadata: { event_type: 'y' } })).rejects.toMatchObject(
      refusal('invalid_metadata_format'),
    );
  });

  test('an update replaces what people see; the version before stays known', async () => {
    const ts = await posted({ text: 'one', blocks: [actions(button())] });
    await client.apiCall('chat.update', { channel: ops, ts, text: 'two', blocks: [section('done')] });
    const now = (await slack.messages('ops')).find((one) => one.ts === ts);
    expect(now).toMatchObject({ text: 'two', blocks: [{ type: 'section' }] });
    expect(slack.versions('ops', ts)).toMatchObject([{ text: 'one', blocks: [{ type: 'actions' }] }]);
  });

  test('oldest, latest, inclusive, limit and cursor bound what is read', async () => {
    const times: string[] = [];
    for (const text of ['1', '2', '3', '4']) {
      times.push(await posted({ channel: slack.channels['random'], text }));
    }
    expect(await read({ oldest: times[1] })).toEqual(['4', '3']);
    expect(await read({ oldest: times[1], latest: times[2], inclusive: true })).toEqual(['3', '2']);
    const pages: unknown[] = [];
    for await (const page of client.paginate('conversations.history', {
      channel: slack.channels['random'],
      limit: 3,
    })) {
      pages.push(page);
    }
    expect(pages).toMatchObject([
      { messages: [{ text: '4' }, { text: '3' }, { text: '2' }] },
      { messages: [{ text: '1' }] },
    ]);
    await expect(read({ cursor: 'nonsense' })).rejects.toMatchObject(refusal('invalid_cursor'));
  });

  test('a thread is its parent and its replies; without a parent there is none', async () => {
    const ts = await posted({ text: 'parent' });
    await posted({ text: 'reply', thread_ts: ts });
    const { messages } = await client.conversations.replies({ channel: ops, ts });
    expect(messages?.map((one) => one.text)).toEqual(['parent', 'reply']);
    expect((await slack.messages('ops')).map((one) => one.text)).toEqual(
      expect.arrayContaining(['parent', 'reply']),
    );
    await expect(client.conversations.replies({ channel: ops, ts: '1.000001' })).rejects.toMatchObject(
      refusal('thread_not_found'),
    );
  });

  test('an ephemeral message is for one person and in no history', async () => {
    const ana = slack.users['ana']?.id ?? '';
    await client.chat.postEphemeral({ channel: ops, user: ana, text: 'only you' });
    expect(slack.ephemeral('ana')).toMatchObject([{ text: 'only you', user: ana }]);
    expect(slack.ephemeral('gus')).toEqual([]);
    expect((await slack.messages('ops')).map((one) => one.text)).not.toContain('only you');
  });
});

// docs.slack.dev/reference/block-kit: the limits on the pages of each block, element and composition object
describe('Block Kit limits', () => {
  const blocks: [string, unknown[], string | undefined][] = [
    ['50 blocks', Array.from({ length: 50 }, () => ({ type: 'divider' })), undefined],
    [
      '51 blocks',
      Array.from({ length: 51 }, () => ({ type: 'divider' })),
      'no more than 50 items allowed [json-pointer:/blocks]',
    ],
    ['section of 3000', [section('x'.repeat(3_000))], undefined],
    [
      'section of 3001',
      [section('x'.repeat(3_001))],
      'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
    ],
    ['empty section', [section('')], 'must be more than 0 characters [json-pointer:/blocks/0/text/text]'],
    ['section without text', [{ type: 'section' }], 'missing required field [json-pointer:/blocks/0/text]'],
    ['header of 150', [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(150) } }], undefined],
    [
      'header of 151',
      [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }],
      'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
    ],
    [
      'header in mrkdwn',
      [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }],
      'must be one of plain_text [json-pointer:/blocks/0/text/type]',
    ],
    ['value of 2000', [actions(button({ value: 'x'.repeat(2_000) }))], undefined],
    [
      'value of 2001',
      [actions(button({ value: 'x'.repeat(2_001) }))],
      'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
    ],
    [
      'action_id of 256',
      [actions(button({ action_id: 'x'.repeat(256) }))],
      'must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]',
    ],
    [
      'label of 76',
      [actions(button({ text: { type: 'plain_text', text: 'x'.repeat(76) } }))],
      'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
    ],
    [
      'unknown style',
      [actions(button({ style: 'warning' }))],
      'must be one of primary, danger [json-pointer:/blocks/0/elements/0/style]',
    ],
    [
      '26 buttons',
      [actions(...Array.from({ length: 26 }, (_, i) => button({ action_id: `a${i}` })))],
      'no more than 25 items allowed [json-pointer:/blocks/0/elements]',
    ],
    [
      '11 fields',
      [{ type: 'section', fields: Array.from({ length: 11 }, () => ({ type: 'mrkdwn', text: 'x' })) }],
      'no more than 10 items allowed [json-pointer:/blocks/0/fields]',
    ],
    [
      'same action_id twice',
      [actions(button(), button())],
      'action_id already in use [json-pointer:/blocks/0/elements]',
    ],
    [
      'same block_id twice',
      [actions(button()), actions(button())],
      'block_id already in use [json-pointer:/blocks/1/block_id]',
    ],
    ['unknown block', [{ type: 'sektion' }], 'unsupported type: sektion [json-pointer:/blocks/0/type]'],
    [
      'confirm title of 101',
      [
        actions(
          button({
            confirm: {
              title: { type: 'plain_text', text: 'x'.repeat(101) },
              text: { type: 'plain_text', text: 'y' },
              confirm: { type: 'plain_text', text: 'y' },
              deny: { type: 'plain_text', text: 'n' },
            },
          }),
        ),
      ],
      'must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]',
    ],
  ];

  test.each(blocks)('%s', async (_name, given, fault) => {
    const answer = post({ text: 'blocks', blocks: given });
    if (fault === undefined) expect(await answer).toMatchObject({ ok: true });
    else {
      await expect(answer).rejects.toMatchObject({
        data: {
          error: 'invalid_blocks',
          response_metadata: { messages: expect.arrayContaining([`[ERROR] ${fault}`]) },
        },
      });
    }
  });

  test('text beyond 40,000 characters is cut, with a warning', async () => {
    expect(await post({ text: 'x'.repeat(40_001) })).toMatchObject({
      warning: 'message_truncated',
      message: { text: 'x'.repeat(40_000) },
    });
  });
});

// docs.slack.dev/reference/objects/user-object
describe('people', () => {
  test('each kind of account shows as Slack shows it', async () => {
    expect(await info('ana')).toMatchObject({
      is_restricted: false,
      deleted: false,
      is_admin: true,
      team_id: slack.teamId,
    });
    expect(await info('ana')).not.toHaveProperty('is_stranger');
    expect(await info('gus')).toMatchObject({ is_restricted: true, is_ultra_restricted: false });
    expect(await info('sol')).toMatchObject({ is_restricted: true, is_ultra_restricted: true });
    expect(await info('old')).toMatchObject({ deleted: true });
    expect(await info('rob')).toMatchObject({ is_bot: true });
    expect(await info('eve')).toMatchObject({ is_stranger: true });
    expect(slack.users['eve']?.teamId).not.toBe(slack.teamId);
  });

  test('the list has the deactivated and not the strangers', async () => {
    const names = (await client.users.list({})).members?.map((one) => one.name);
    expect(names).toEqual(expect.arrayContaining(['ana', 'gus', 'sol', 'old', 'rob']));
    expect(names).not.toContain('eve');
  });

  test('an account can be deactivated while the app runs', async () => {
    slack.setUserKind('sol', 'deactivated');
    expect(await info('sol')).toMatchObject({ deleted: true, is_ultra_restricted: false });
  });

  test('a channel says whether it is shared with others', async () => {
    expect(await shared(slack.channels['shared'] ?? '')).toBe(true);
    expect(await shared(ops)).toBe(false);
  });

  test('in an Enterprise Grid every account names its organisation', async () => {
    const grid = await startSlack({ enterprise: true, users: [{ name: 'ana', enterpriseUserId: 'W0ANA' }] });
    try {
      const web = new WebClient(grid.botToken, { slackApiUrl: grid.apiUrl });
      expect(
        (await web.users.info({ user: grid.users['ana']?.id ?? '' })).user?.enterprise_user,
      ).toMatchObject({
        id: 'W0ANA',
        enterprise_id: grid.enterpriseId,
      });
      const blocks = [actions(button())];
      const ts = await postMessage(web, { channel: grid.channels['general'], text: 'go', blocks });
      // Nobody listens there: what was said is of interest, not that it was heard.
      grid.setInteractivityUrl('http://127.0.0.1:1/');
      const { interaction } = await grid.click({ user: 'ana', channel: 'general', ts, actionId: 'go' });
      expect(interaction.payload).toMatchObject({
        enterprise: { id: grid.enterpriseId },
        is_enterprise_install: false,
      });
    } finally {
      await grid.stop();
    }
  });
});

// docs.slack.dev/apis/web-api/rate-limits
describe('faults', () => {
  test("WebClient's own retry waits out a 429 and then posts once", async () => {
    const patient = new WebClient(slack.botToken, { slackApiUrl: slack.apiUrl, logger: quietLogger });
    const before = slack.calls('chat.postMessage').length;
    slack.rateLimit({ method: 'chat.postMessage', retryAfter: 1 });
    const started = performance.now();
    await patient.apiCall('chat.postMessage', { channel: ops, text: 'after the limit' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(950);
    expect(outcomes('chat.postMessage', before)).toEqual(['http 429', 'ok']);
  });

  test('a 429 says when to come back', async () => {
    slack.rateLimit({ retryAfter: 7 });
    const response = await fetch(`${slack.apiUrl}auth.test`, { method: 'POST' });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.json()).toEqual({ ok: false, error: 'ratelimited' });
  });

  test('a fault meets only its method, and only as often as planned', async () => {
    slack.fail({ kind: 'status', status: 503, method: 'users.info', calls: 2 });
    expect(await client.auth.test()).toMatchObject({ ok: true });
    const user = slack.users['ana']?.id ?? '';
    await expect(client.users.info({ user })).rejects.toThrow('503');
    await expect(client.users.info({ user })).rejects.toThrow('503');
    expect(await client.users.info({ user })).toMatchObject({ ok: true });
  });

  test('a refused call did nothing; a lost answer belongs to a message that is there', async () => {
    slack.fail({ kind: 'refused', method: 'chat.postMessage' });
    await expect(post({ text: 'refused' })).rejects.toThrow();
    slack.fail({ kind: 'lost', method: 'chat.postMessage' });
    const metadata = { event_type: 'once', event_payload: { key: 'k1' } };
    await expect(post({ text: 'lost', metadata })).rejects.toThrow();
    const texts = (await slack.messages('ops')).map((one) => one.text);
    expect(texts).not.toContain('refused');
    expect(texts.filter((one) => one === 'lost')).toHaveLength(1);
    const { messages } = await client.conversations.history({ channel: ops, include_all_metadata: true });
    expect(messages?.find((one) => one.metadata?.event_type === 'once')?.text).toBe('lost');
  });

  test('a silent Slack leaves the call to its own timeout', async () => {
    slack.fail({ kind: 'silent', method: 'auth.test' });
    const call = fetch(`${slack.apiUrl}auth.test`, { method: 'POST', signal: AbortSignal.timeout(50) });
    await expect(call).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(outcomes('auth.test', 0).at(-1)).toBe('no answer');
  });

  test("an error of Slack's own choice", async () => {
    slack.fail({ kind: 'error', error: 'token_revoked' });
    await expect(client.auth.test()).rejects.toMatchObject(refusal('token_revoked'));
  });

  test('one message a second in a channel, when that limit is on', async () => {
    const strict = await startSlack({ limitPosts: true });
    try {
      const web = new WebClient(strict.botToken, {
        slackApiUrl: strict.apiUrl,
        rejectRateLimitedCalls: true,
      });
      const [general = '', random = ''] = [strict.channels['general'], strict.channels['random']];
      await web.apiCall('chat.postMessage', { channel: general, text: '1' });
      await expect(web.apiCall('chat.postMessage', { channel: general, text: '2' })).rejects.toThrow(
        'rate-limit',
      );
      await web.apiCall('chat.postMessage', { channel: random, text: 'another channel' });
      strict.advance(1_000);
      await web.apiCall('chat.postMessage', { channel: general, text: '3' });
    } finally {
      await strict.stop();
    }
  });
});
