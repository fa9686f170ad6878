import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { App, SocketModeReceiver } from '@slack/bolt';
import { WebClient } from '@slack/web-api';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { startSlack } from '../../../testbed/slack.ts';
import type { SlackTestbed } from '../../../testbed/slack.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { postMessage } from '../../support/slack-post.ts';

// docs.slack.dev/apis/events-api/using-socket-mode
let slack: SlackTestbed;
let app: App;
let receiver: SocketModeReceiver;
let acknowledge: boolean;
let seen: unknown[];

beforeAll(async () => {
  slack = await startSlack({ users: [{ name: 'ana' }], channels: [{ name: 'ops' }] });
  const clientOptions = { slackApiUrl: slack.apiUrl };
  receiver = new SocketModeReceiver({
    appToken: slack.appToken,
    installerOptions: { clientOptions },
    logger: quietLogger,
    // The client waits this long before it connects anew.
    clientPingTimeout: 200,
  });
  app = new App({ token: slack.botToken, clientOptions, logger: quietLogger, receiver });
  app.action('approve', async ({ ack, body }) => {
    seen.push(body);
    if (acknowledge) await ack();
  });
  app.view('reason', async ({ ack }) => ack({ response_action: 'errors', errors: { why: 'Say more' } }));
  app.action('reject', async ({ ack, body, client }) => {
    await ack();
    if (!('trigger_id' in body)) throw new Error('a click carries a trigger');
    await client.views.open({
      trigger_id: body.trigger_id,
      view: {
        type: 'modal',
        callback_id: 'reason',
        title: { type: 'plain_text', text: 'Reject' },
        submit: { type: 'plain_text', text: 'Send' },
        blocks: [
          {
            type: 'input',
            block_id: 'why',
            label: { type: 'plain_text', text: 'Why?' },
            element: { type: 'plain_text_input', action_id: 'text' },
          },
        ],
      },
    });
  });
  await app.start();
});
beforeEach(() => {
  seen = [];
  acknowledge = true;
});
afterAll(async () => {
  await app.stop();
  await slack.stop();
});

const prompt = async (): Promise<string> => {
  return postMessage(app.client, {
    channel: slack.channels['ops'] ?? '',
    text: 'Quarantine?',
    blocks: [
      {
        type: 'actions',
        elements: ['approve', 'reject'].map((action_id) => ({
          type: 'button',
          action_id,
          text: { type: 'plain_text', text: action_id },
        })),
      },
    ],
  });
};

test('a click arrives in an envelope and is acknowledged by its id', async () => {
  const { delivery, interaction } = await slack.click({
    user: 'ana',
    channel: 'ops',
    ts: await prompt(),
    actionId: 'approve',
  });
  expect(delivery).toEqual({ transport: 'socket', failure: undefined, status: 200, body: '' });
  expect(seen).toEqual([interaction.payload]);
});

test('a submission is answered in the acknowledgement', async () => {
  await slack.click({ user: 'ana', channel: 'ops', ts: await prompt(), actionId: 'reject' });
  await slack.waitForView('ana');
  expect(await slack.submitView({ user: 'ana', values: { why: { text: 'no' } } })).toMatchObject({
    outcome: 'errors',
    errors: { why: 'Say more' },
  });
});

test('an envelope that is not acknowledged in three seconds has failed, and can come again', async () => {
  acknowledge = false;
  const { delivery, interaction } = await slack.click({
    user: 'ana',
    channel: 'ops',
    ts: await prompt(),
    actionId: 'approve',
  });
  expect(delivery).toMatchObject({ transport: 'socket', failure: 'timeout' });
  acknowledge = true;
  expect(await slack.redeliver(interaction, { retry: { num: 1, reason: 'http_timeout' } })).toMatchObject({
    status: 200,
  });
  expect(seen).toHaveLength(2);
});

test('asked to refresh, the client connects anew and goes on', async () => {
  const opened = slack.calls('apps.connections.open').length;
  const connected = new Promise((resolve) => void receiver.client.once('connected', resolve));
  slack.refreshSockets();
  await connected;
  expect(slack.calls('apps.connections.open')).toHaveLength(opened + 1);
  const { delivery } = await slack.click({
    user: 'ana',
    channel: 'ops',
    ts: await prompt(),
    actionId: 'approve',
  });
  expect(delivery).toMatchObject({ transport: 'socket', failure: undefined });
});

test('a WebSocket URL connects once, and only as issued', async () => {
  const { url } = await new WebClient(slack.appToken, { slackApiUrl: slack.apiUrl }).apps.connections.open();
  const first = new WebSocket(url ?? '');
  const [hello]: unknown[] = await once(first, 'message');
  expect(JSON.parse(String(hello))).toMatchObject({
    type: 'hello',
    connection_info: { app_id: slack.appId },
  });
  const second = new WebSocket(url ?? '');
  expect(String(await once(second, 'error'))).toContain('403');
  first.close();
  await once(first, 'close');
});
