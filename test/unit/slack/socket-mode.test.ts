import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { attempt } from './attempt.ts';
import { startHouse, type House } from './house.ts';
import { incident, notice } from './notices.ts';

let house: House;

beforeAll(async () => {
  house = await startHouse({ socketMode: true, channels: [{ name: 'incidents' }] });
});
afterAll(() => house.stop());

test('the same listeners decide over Socket Mode, and no address is open', async () => {
  const channel = house.slack.channels['incidents'] ?? '';
  const ref = await attempt(1, house.activities['slack.ask'], { channel, notice });
  const { delivery } = await house.slack.click({
    user: 'alice',
    channel,
    ts: ref?.ts ?? '',
    actionId: 'firebreak.approve',
  });
  expect(delivery).toMatchObject({ transport: 'socket', status: 200 });
  expect((await house.slack.waitForEphemeral('alice')).text).toBe('Your approval is recorded.');
  expect([...house.decisions.values()]).toMatchObject([{ incident, person: 'alice', verdict: 'approve' }]);
  const closed = await house.app.inject({ method: 'POST', url: '/slack/interactions', payload: '' });
  expect(closed.statusCode).toBe(404);
});

test('a denial over Socket Mode carries its reason', async () => {
  const channel = house.slack.channels['incidents'] ?? '';
  const ref = await attempt(1, house.activities['slack.ask'], { channel, notice });
  await house.slack.click({ user: 'bob', channel, ts: ref?.ts ?? '', actionId: 'firebreak.deny' });
  await house.slack.waitForView('bob');
  const { outcome } = await house.slack.submitView({ user: 'bob', values: { reason: { text: 'planned' } } });
  expect(outcome).toBe('closed');
  expect(
    house.decisions.get(
      `quarantine/bob/deny/${house.slack.users['bob']?.teamId}:${house.slack.users['bob']?.id}`,
    ),
  ).toMatchObject({ reason: 'planned' });
});
