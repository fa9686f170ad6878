import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { App, HTTPReceiver } from '@slack/bolt';
import type {
  AckFn,
  RespondArguments,
  RespondFn,
  ViewResponseAction,
  ViewSubmitAction,
  types,
} from '@slack/bolt';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSlack } from '../../../testbed/slack.ts';
import type { SlackTestbed, Told } from '../../../testbed/slack.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { postMessage } from '../../support/slack-post.ts';

/** A Bolt app over HTTP, as the gateway is: Slack's own code checks our signatures and reads our payloads. */
let slack: SlackTestbed;
let app: App;
let appUrl: string;
let clicks: { body: Record<string, unknown>; headers: Record<string, unknown>; respond?: RespondFn }[];
let submit: (ack: AckFn<ViewResponseAction>) => Promise<void>;

function portOf(server: { address(): string | AddressInfo | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}
const plain = (text: string): types.PlainTextElement => ({ type: 'plain_text', text });

const reasonView = (change: Partial<types.ModalView> = {}): types.ModalView => ({
  type: 'modal',
  callback_id: 'reason',
  title: plain('Reject'),
  submit: plain('Send'),
  notify_on_close: true,
  private_metadata: 'incident-1',
  blocks: [
    {
      type: 'input',
      block_id: 'why',
      label: plain('Why?'),
      element: { type: 'plain_text_input', action_id: 'text' },
    },
  ],
  ...change,
});

beforeAll(async () => {
  slack = await startSlack({
    users: [{ name: 'ana' }, { name: 'bo' }, { name: 'eve', kind: 'stranger' }],
    channels: [{ name: 'ops' }, { name: 'shared', external: true }],
  });
  const receiver = new HTTPReceiver({
    signingSecret: slack.signingSecret,
    logger: quietLogger,
    customPropertiesExtractor: (request) => ({ headers: request.headers }),
  });
  app = new App({
    token: slack.botToken,
    clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } },
    logger: quietLogger,
    receiver,
  });
  app.action('approve', async ({ ack, body, respond, context }) => {
    await ack();
    clicks.push({ body: { ...body }, headers: context['headers'], respond });
  });
  app.action('reject', async ({ ack, body, client }) => {
    await ack();
    if ('trigger_id' in body) await client.views.open({ trigger_id: body.trigger_id, view: reasonView() });
  });
  app.view<ViewSubmitAction>('reason', async ({ ack }) => submit(ack));
  app.view({ callback_id: 'reason', type: 'view_closed' }, async ({ ack, body }) => {
    await ack();
    clicks.push({ body: { ...body }, headers: {} });
  });
  appUrl = `http://127.0.0.1:${portOf(await receiver.start({ port: 0, host: '127.0.0.1' }))}/slack/events`;
});
beforeEach(() => {
  clicks = [];
  submit = (ack) => ack();
  slack.setInteractivityUrl(appUrl);
});
afterAll(async () => {
  await app.stop();
  await slack.stop();
});

async function prompt(channel = 'ops'): Promise<string> {
  return postMessage(app.client, {
    channel: slack.channels[channel] ?? '',
    text: 'Quarantine?',
    blocks: [
      { type: 'section', block_id: 'what', text: { type: 'mrkdwn', text: '*Quarantine* `shop`?' } },
      {
        type: 'actions',
        block_id: 'decide',
        elements: [
          {
            type: 'button',
            action_id: 'approve',
            style: 'primary',
            value: 'digest-1',
            text: plain('Approve'),
          },
          { type: 'button', action_id: 'reject', style: 'danger', value: 'digest-1', text: plain('Reject') },
        ],
      },
    ],
  });
}

const clickOn = async (actionId: string, user = 'ana'): Promise<Told> =>
  slack.click({ user, channel: 'ops', ts: await prompt(), actionId });

const open = async (): Promise<void> => {
  await clickOn('reject');
  await slack.waitForView('ana');
};

const trigger = async (): Promise<string> =>
  String((await clickOn('approve')).interaction.payload['trigger_id']);

const responseUrl = async (): Promise<string> =>
  String((await clickOn('approve')).interaction.payload['response_url']);

async function respond(answer: RespondArguments): Promise<void> {
  const last = clicks.at(-1)?.respond;
  if (!last) throw new Error('nobody has clicked');
  await last(answer);
}

const send = (url: string, body: object): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

// docs.slack.dev/reference/interaction-payloads/block_actions-payload
describe('a click', () => {
  test("passes Bolt's signature check and carries what Slack documents", async () => {
    const ts = await prompt();
    const { delivery, interaction } = await slack.click({
      user: 'ana',
      channel: 'ops',
      ts,
      actionId: 'approve',
    });
    expect(delivery).toEqual({ transport: 'http', failure: undefined, status: 200, body: '' });
    expect(clicks[0]?.body).toEqual(interaction.payload);
    expect(clicks[0]?.body).toEqual({
      type: 'block_actions',
      user: { id: slack.users['ana']?.id, username: 'ana', name: 'ana', team_id: slack.teamId },
      api_app_id: slack.appId,
      token: expect.any(String),
      container: { type: 'message', message_ts: ts, channel_id: slack.channels['ops'], is_ephemeral: false },
      trigger_id: expect.stringMatching(/^\d+\.\d+\.[0-9a-f]{32}$/),
      team: { id: slack.teamId, domain: expect.any(String) },
      enterprise: null,
      is_enterprise_install: false,
      channel: { id: slack.channels['ops'], name: 'ops' },
      message: expect.objectContaining({ ts, bot_id: expect.any(String), blocks: expect.any(Array) }),
      state: { values: {} },
      response_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/actions\//),
      actions: [
        {
          action_id: 'approve',
          block_id: 'decide',
          text: plain('Approve'),
          value: 'digest-1',
          style: 'primary',
          type: 'button',
          action_ts: expect.stringMatching(/^\d+\.\d{6}$/),
        },
      ],
    });
  });

  test('on a button that is not shown is impossible', async () => {
    const ts = await prompt();
    const click = { user: 'ana', channel: 'ops', ts, actionId: 'approve' };
    await app.client.chat.update({ channel: slack.channels['ops'] ?? '', ts, text: 'Done', blocks: [] });
    await expect(slack.click(click)).rejects.toThrow('no element with action_id approve');
    // A client that has not yet seen the update can still click.
    const [shown] = slack.versions('ops', ts);
    if (!shown) throw new Error('the version before the update was not kept');
    expect((await slack.click({ ...click, shown })).delivery.status).toBe(200);
  });

  test('in an ephemeral message carries no message, and its response_url replaces what that person sees', async () => {
    const message = {
      channel: slack.channels['ops'] ?? '',
      user: slack.users['bo']?.id ?? '',
      text: 'Sure?',
      blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'approve', text: plain('Yes') }] }],
    };
    await app.client.apiCall('chat.postEphemeral', message);
    const { ts } = await slack.waitForEphemeral('bo');
    const click = { channel: 'ops', ts, actionId: 'approve' };
    await expect(slack.click({ ...click, user: 'ana' })).rejects.toThrow('ana sees no message');
    await slack.click({ ...click, user: 'bo' });
    expect(clicks[0]?.body).toMatchObject({ container: { is_ephemeral: true, message_ts: ts } });
    expect(clicks[0]?.body).not.toHaveProperty('message');
    await respond({ text: 'Thanks', replace_original: true });
    expect(slack.ephemeral('bo')).toMatchObject([{ ts, text: 'Thanks' }]);
    await respond({ text: '', delete_original: true });
    expect(slack.ephemeral('bo')).toEqual([]);
  });

  test('of a stranger comes from their own workspace, and only out of a shared channel', async () => {
    const click = { user: 'eve', actionId: 'approve' };
    await expect(slack.click({ ...click, channel: 'ops', ts: await prompt() })).rejects.toThrow('stranger');
    await slack.click({ ...click, channel: 'shared', ts: await prompt('shared') });
    expect(clicks[0]?.body['user']).toMatchObject({ team_id: slack.users['eve']?.teamId });
    expect(slack.users['eve']?.teamId).not.toBe(slack.teamId);
  });
});

// docs.slack.dev/authentication/verifying-requests-from-slack and docs.slack.dev/apis/events-api
describe('another delivery', () => {
  test('an exact replay has the same bytes and signature, and Bolt takes it', async () => {
    const { interaction } = await clickOn('approve');
    expect(await slack.redeliver(interaction)).toMatchObject({ status: 200 });
    expect(clicks).toHaveLength(2);
    expect(clicks[1]?.headers['x-slack-signature']).toBe(clicks[0]?.headers['x-slack-signature']);
  });

  test('a fresh signature covers the same body; retry headers say which retry and why', async () => {
    const { interaction } = await clickOn('approve');
    const at = Math.floor(Date.now() / 1000) - 60;
    await slack.redeliver(interaction, { at, retry: { num: 1, reason: 'http_timeout' } });
    expect(clicks[1]?.headers).toMatchObject({
      'x-slack-request-timestamp': String(at),
      'x-slack-retry-num': '1',
      'x-slack-retry-reason': 'http_timeout',
    });
    expect(clicks[1]?.headers['x-slack-signature']).not.toBe(clicks[0]?.headers['x-slack-signature']);
    expect(clicks[1]?.body).toEqual(clicks[0]?.body);
  });

  test('a forged or stale one is refused', async () => {
    const { interaction } = await clickOn('approve');
    const refused = { failure: 'status', status: 401 };
    expect(await slack.redeliver(interaction, { signingSecret: 'guess' })).toMatchObject(refused);
    expect(await slack.redeliver(interaction, { at: Math.floor(Date.now() / 1000) - 600 })).toMatchObject(
      refused,
    );
    expect(clicks).toHaveLength(1);
  });
});

describe('an app that does not answer well', () => {
  let server: Server | undefined;
  const answerWith = async (listener: RequestListener): Promise<void> => {
    const started = createServer(listener);
    server = started;
    await new Promise<void>((resolve) => void started.listen(0, '127.0.0.1', resolve));
    slack.setInteractivityUrl(`http://127.0.0.1:${portOf(started)}/`);
  };
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  test('within three seconds has timed out', async () => {
    await answerWith(() => undefined);
    const started = performance.now();
    expect((await clickOn('approve')).delivery).toMatchObject({ failure: 'timeout', status: 0 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(2_900);
  });

  test('with 500 has failed', async () => {
    await answerWith((_request, response) => void response.writeHead(500).end());
    expect((await clickOn('approve')).delivery).toMatchObject({ failure: 'status', status: 500 });
  });

  test('by redirecting is not followed', async () => {
    await answerWith((_request, response) => void response.writeHead(302, { location: appUrl }).end());
    expect((await clickOn('approve')).delivery).toMatchObject({ failure: 'status', status: 302 });
    expect(clicks).toEqual([]);
  });

  test('to a submission, with what is not JSON, has failed and the view stays', async () => {
    await open();
    await answerWith((_request, response) => void response.end('ok'));
    const values = { why: { text: 'x' } };
    expect(await slack.submitView({ user: 'ana', values })).toMatchObject({
      delivery: { status: 200 },
      outcome: 'failed',
    });
    expect(slack.views('ana')).toHaveLength(1);
    slack.setInteractivityUrl(appUrl);
    await slack.closeView({ user: 'ana' });
  });

  test('at all could not be reached', async () => {
    await answerWith(() => undefined);
    server?.close();
    expect((await clickOn('approve')).delivery).toMatchObject({ failure: 'connection' });
  });
});

// docs.slack.dev/surfaces/modals and docs.slack.dev/reference/interaction-payloads/view-interactions-payload
describe('a modal', () => {
  afterEach(async () => {
    while (slack.views('ana').length > 0) await slack.closeView({ user: 'ana', all: true });
  });

  test('opens by the trigger of a click, and its submission carries what was typed', async () => {
    await open();
    let seen: unknown;
    submit = async (ack) => {
      seen = 'submitted';
      await ack();
    };
    const submitted = await slack.submitView({ user: 'ana', values: { why: { text: 'not us' } } });
    expect(submitted).toMatchObject({ outcome: 'closed', errors: {} });
    expect(seen).toBe('submitted');
    expect(submitted.interaction.payload).toMatchObject({
      type: 'view_submission',
      user: { id: slack.users['ana']?.id },
      view: {
        callback_id: 'reason',
        private_metadata: 'incident-1',
        state: { values: { why: { text: { type: 'plain_text_input', value: 'not us' } } } },
      },
    });
    expect(slack.views('ana')).toEqual([]);
  });

  test('stays open with the errors that the app answers', async () => {
    await open();
    submit = (ack) => ack({ response_action: 'errors', errors: { why: 'Say more' } });
    expect(await slack.submitView({ user: 'ana', values: { why: { text: 'no' } } })).toMatchObject({
      outcome: 'errors',
      errors: { why: 'Say more' },
    });
    expect(slack.views('ana')).toHaveLength(1);
    submit = (ack) => ack({ response_action: 'errors', errors: { nowhere: 'x' } });
    expect(await slack.submitView({ user: 'ana', values: { why: { text: 'no' } } })).toMatchObject({
      outcome: 'failed',
    });
  });

  test('is updated, has another on top, and is cleared as the app answers', async () => {
    await open();
    const values = { why: { text: 'x' } };
    submit = (ack) => ack({ response_action: 'update', view: reasonView({ title: plain('Again') }) });
    expect(await slack.submitView({ user: 'ana', values })).toMatchObject({ outcome: 'updated' });
    expect(slack.views('ana')).toMatchObject([{ title: { text: 'Again' } }]);
    submit = (ack) => ack({ response_action: 'push', view: reasonView({ title: plain('Top') }) });
    expect(await slack.submitView({ user: 'ana', values })).toMatchObject({ outcome: 'pushed' });
    expect(slack.views('ana')).toMatchObject([{ title: { text: 'Again' } }, { title: { text: 'Top' } }]);
    submit = (ack) => ack({ response_action: 'clear' });
    expect(await slack.submitView({ user: 'ana', values })).toMatchObject({ outcome: 'cleared' });
    expect(slack.views('ana')).toEqual([]);
  });

  test('is not submitted without its required input, nor with one that it lacks', async () => {
    await open();
    await expect(slack.submitView({ user: 'ana' })).rejects.toThrow('why/text is required');
    await expect(
      slack.submitView({ user: 'ana', values: { why: { text: 'x' }, no: { such: 'y' } } }),
    ).rejects.toThrow('no input no/such');
  });

  test('takes clicks too: with the view, without a message or response_url', async () => {
    await clickOn('approve');
    const element = { type: 'button' as const, action_id: 'approve', value: '2', text: plain('More') };
    await app.client.views.open({
      trigger_id: String(clicks[0]?.body['trigger_id']),
      view: reasonView({ blocks: [{ type: 'actions', elements: [element] }] }),
    });
    const { delivery, interaction } = await slack.clickView({ user: 'ana', actionId: 'approve' });
    expect(delivery.status).toBe(200);
    expect(clicks[1]?.body).toMatchObject({
      container: { type: 'view', view_id: slack.views('ana')[0]?.id },
      actions: [{ action_id: 'approve', value: '2' }],
    });
    for (const absent of ['message', 'channel', 'response_url']) {
      expect(interaction.payload).not.toHaveProperty(absent);
    }
  });

  test('tells of its closing when it asked to', async () => {
    await open();
    await slack.closeView({ user: 'ana' });
    expect(clicks.at(-1)?.body).toMatchObject({ type: 'view_closed', is_cleared: false });
  });

  test('needs a trigger that is known, unused and at most three seconds old', async () => {
    const openWith = (trigger_id: string, view = reasonView()): Promise<unknown> =>
      app.client.views.open({ trigger_id, view }).then(
        () => 'opened',
        (error: { data?: { error?: string } }) => error.data?.error,
      );
    const once = await trigger();
    expect(await openWith(once, reasonView({ title: plain('x'.repeat(25)) }))).toBe('invalid_arguments');
    expect(await openWith(once)).toBe('opened');
    expect(await openWith(once)).toBe('exchanged_trigger_id');
    expect(await openWith('1.2.abc')).toBe('invalid_trigger_id');
    const late = await trigger();
    slack.advance(3_001);
    expect(await openWith(late)).toBe('expired_trigger_id');
  });
});

// docs.slack.dev/interactivity/handling-user-interaction#message_responses
describe('a response_url', () => {
  test("answers the clicker alone unless told otherwise; Bolt's respond uses it", async () => {
    await clickOn('approve', 'bo');
    await respond({ text: 'You cannot approve your own request' });
    expect(slack.ephemeral('bo').at(-1)).toMatchObject({ text: 'You cannot approve your own request' });
    await respond({ text: 'Approved by bo', response_type: 'in_channel' });
    expect((await slack.messages('ops')).at(-1)).toMatchObject({ text: 'Approved by bo' });
  });

  test('replaces and deletes the message of the click', async () => {
    const ts = await prompt();
    await slack.click({ user: 'ana', channel: 'ops', ts, actionId: 'approve' });
    await respond({ text: 'Approved', replace_original: true });
    expect((await slack.messages('ops')).find((one) => one.ts === ts)?.text).toBe('Approved');
    expect(slack.versions('ops', ts)).toHaveLength(1);
    await respond({ delete_original: true });
    expect((await slack.messages('ops')).find((one) => one.ts === ts)).toBeUndefined();
  });

  test('works five times', async () => {
    const url = await responseUrl();
    for (let use = 1; use <= 5; use += 1) expect((await send(url, { text: `${use}` })).status).toBe(200);
    const sixth = await send(url, { text: '6' });
    expect([sixth.status, await sixth.json()]).toEqual([404, { ok: false, error: 'used_url' }]);
    expect(slack.ephemeral('ana').map((one) => one.text)).not.toContain('6');
  });

  test('works for thirty minutes, and only as issued', async () => {
    const url = await responseUrl();
    slack.advance(30 * 60_000 + 1);
    expect(await (await send(url, { text: 'late' })).json()).toEqual({ ok: false, error: 'expired_url' });
    expect((await send(`${url}x`, { text: 'guess' })).status).toBe(404);
  });

  test('refuses what chat.postMessage would', async () => {
    const url = await responseUrl();
    expect((await send(url, { blocks: [{ type: 'sektion' }] })).status).toBe(400);
    expect((await send(url, {})).status).toBe(400);
  });
});
