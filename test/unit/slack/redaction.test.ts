import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { slackActivities, slackClient, type SlackActivities } from '../../../activities/slack/index.ts';
import { Secret } from '../../../domain/secret.ts';
import { said } from '../../../gateway/slack/view.ts';
import { Grep } from '../../../testbed/grep.ts';
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
  const { apiUrl, botToken } = slack;
  activities = slackActivities({ client: slackClient({ botToken, apiUrl, logger: quietLogger }) });
});
afterAll(() => slack.stop());

const value = randomBytes(24).toString('base64');
const secret = new Secret(value);

test('no secret gets into a message, and a question keeps its buttons', async () => {
  const { alert } = notice;
  if (alert === null) throw new Error('the notice has no alert');
  const leaky = {
    ...notice,
    title: `Rotate ${secret.reveal()}`,
    ifApproved: [`It is ${encodeURIComponent(value)}`],
    changes: [`update ${Buffer.from(value).toString('hex')}`],
    alert: { ...alert, summary: `Authorization: Bearer ${'tok3n'.repeat(5)}` },
  };
  const message = await attempt(1, activities['slack.ask'], { channel, notice: leaky });
  if (message === null) throw new Error('nothing was posted');
  await attempt(1, activities['slack.update'], {
    message,
    notice: leaky,
    state: { state: 'open', decisions: [] },
  });
  await attempt(1, activities['slack.tell'], {
    incident,
    title: `Failed: ${value}`,
    lines: [`with ${value.slice(0, 25)}…`],
    level: 'danger',
    mention: [],
    offerRelease: false,
    channel,
    message: null,
    dedupe: 'x',
  });
  const posted = JSON.stringify(await slack.messages('incidents'));
  expect(new Grep({ value, token: 'tok3n'.repeat(5) }).in(posted)).toEqual([]);
  expect(posted).not.toContain(value.slice(0, 25));
  expect(posted).toContain('Rotate [secret]');
  expect(posted).toContain(notice.digest);
});

test('no secret gets into a form', () => {
  expect(JSON.stringify(said(`It is ${value}`, 100))).toContain('It is [secret]');
  // What was cut off is known from half of it on.
  expect(JSON.stringify(said(`It is ${value}`, 60))).not.toContain(value.slice(0, 20));
});
