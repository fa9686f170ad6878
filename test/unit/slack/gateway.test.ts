import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Told } from '../../../testbed/slack.ts';
import { Refused, TemporalUnavailable, WorkerUnavailable } from '../../../gateway/temporal-port.ts';
import { attempt } from './attempt.ts';
import { startHouse, type House } from './house.ts';
import { incident, notice } from './notices.ts';

let house: House;
let ts: string;

beforeAll(async () => {
  house = await startHouse({
    users: [
      { name: 'alice' },
      { name: 'alice2' },
      { name: 'bob' },
      { name: 'guest', kind: 'guest' },
      { name: 'visitor', kind: 'single-channel-guest' },
      { name: 'gone', kind: 'deactivated' },
      { name: 'robot', kind: 'bot' },
      { name: 'stranger', kind: 'stranger' },
      { name: 'nobody' },
      { name: 'leaver' },
      { name: 'barred' },
    ],
    unlisted: ['nobody'],
    channels: [{ name: 'incidents', external: true }],
  });
});
afterAll(() => house.stop());

beforeEach(async () => {
  house.decisions.clear();
  house.commands.clear();
  house.calls = 0;
  house.access.length = 0;
  house.refuse.with = undefined;
  house.refuse.afterMs = 0;
  house.clock.offsetMs = 0;
  house.slack.clearFaults();
  for (const { id } of house.slack.views(idOf('bob')))
    await house.slack.closeView({ user: 'bob', viewId: id });
  const channel = house.slack.channels['incidents'] ?? '';
  const ref = await attempt(1, house.activities['slack.ask'], { channel, notice });
  ts = ref?.ts ?? '';
});

const click = (user: string, button: 'approve' | 'deny'): Promise<Told> =>
  house.slack.click({ user, channel: 'incidents', ts, actionId: `firebreak.${button}` });
/** What the person was told after the first `already` messages. */
const told = async (user: string, already: number): Promise<string> => {
  const deadline = Date.now() + 8_000;
  while (house.slack.ephemeral(idOf(user)).length <= already) {
    if (Date.now() > deadline) throw new Error(`${user} was not told anything`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return house.slack.ephemeral(idOf(user)).at(-1)?.text ?? '';
};
const idOf = (user: string): string => house.slack.users[user]?.id ?? '';
const accountOf = (user: string): string => `${house.slack.users[user]?.teamId}:${idOf(user)}`;
const heard = (user: string): number => house.slack.ephemeral(idOf(user)).length;
const refusals = () => house.access.filter(({ outcome }) => outcome === 'refused').map(({ code }) => code);

test('an approval is signed for what the message showed, by the person behind the account', async () => {
  const before = heard('alice');
  const { delivery } = await click('alice', 'approve');
  expect(delivery).toMatchObject({ status: 200, failure: undefined });
  expect(await told('alice', before)).toBe('Your approval is recorded.');
  expect([...house.decisions]).toEqual([
    [
      `quarantine/alice/approve/${accountOf('alice')}`,
      {
        type: 'firebreak/decision/v1',
        incident,
        gate: 'quarantine',
        digest: notice.digest,
        verdict: 'approve',
        person: 'alice',
        via: 'slack',
        at: expect.any(String),
      },
    ],
  ]);
});

test('two accounts of one person say two things in one name: the incident refuses the second', async () => {
  const before = [heard('alice'), heard('alice2')];
  await click('alice', 'approve');
  await click('alice2', 'approve');
  await told('alice', before[0] ?? 0);
  await told('alice2', before[1] ?? 0);
  expect([...house.decisions.keys()]).toEqual(
    ['alice', 'alice2'].map((user) => `quarantine/alice/approve/${accountOf(user)}`),
  );
  expect([...house.decisions.values()].map(({ person }) => person)).toEqual(['alice', 'alice']);
});

test('a denial asks for a reason, and carries it', async () => {
  await click('bob', 'deny');
  await house.slack.waitForView('bob');
  const before = heard('bob');
  const { outcome } = await house.slack.submitView({
    user: 'bob',
    values: { reason: { text: 'planned test <!here>' } },
  });
  expect(outcome).toBe('closed');
  expect(await told('bob', before)).toBe('Your denial is recorded.');
  expect(house.decisions.get(`quarantine/bob/deny/${accountOf('bob')}`)).toMatchObject({
    person: 'bob',
    reason: 'planned test <!here>',
  });
});

test('what the incident says against a denial is shown in its form, which stays open', async () => {
  await click('bob', 'deny');
  await house.slack.waitForView('bob');
  house.refuse.with = new Refused('you have already decided', 'FB4007');
  const submitted = await house.slack.submitView({ user: 'bob', values: { reason: { text: 'no' } } });
  expect(submitted).toMatchObject({
    outcome: 'errors',
    errors: { reason: 'Your denial was refused: you have already decided. (FB4007)' },
  });
});

test('a slow denial is answered in time, and its outcome told later', async () => {
  await click('bob', 'deny');
  await house.slack.waitForView('bob');
  house.refuse.afterMs = 2_600;
  const before = heard('bob');
  const { outcome } = await house.slack.submitView({ user: 'bob', values: { reason: { text: 'slow' } } });
  expect(outcome).toBe('closed');
  expect(await told('bob', before)).toBe('Your denial is recorded.');
});

test('a refusal of the incident is told to the person alone', async () => {
  house.refuse.with = new Refused('the requester cannot approve', 'FB4008');
  const before = heard('alice');
  await click('alice', 'approve');
  expect(await told('alice', before)).toBe(
    'Your approval was refused: the requester cannot approve. (FB4008)',
  );
  expect(refusals()).toEqual(['FB4008']);
});

test('with Temporal down the person learns that nothing changed', async () => {
  house.refuse.with = new TemporalUnavailable();
  const before = heard('alice');
  await click('alice', 'approve');
  expect(await told('alice', before)).toMatch(
    /could not be recorded.*nothing was recorded.*firebreak command/,
  );
});

test('when no worker answers the person learns that it is not known', async () => {
  house.refuse.with = new WorkerUnavailable();
  const before = heard('alice');
  await click('alice', 'approve');
  expect(await told('alice', before)).toMatch(
    /^It is not known yet whether your approval was recorded: .*counts once/,
  );
});

test('somebody who is barred between opening a form and submitting it is refused in the form', async () => {
  await click('barred', 'deny');
  await house.slack.waitForView('barred');
  house.slack.setUserKind('barred', 'deactivated');
  house.clock.offsetMs = 200_000;
  const submitted = await house.slack.submitView({ user: 'barred', values: { reason: { text: 'no' } } });
  expect(submitted.outcome).toBe('errors');
  expect(submitted.errors['reason']).toContain('(FB1315)');
  expect(house.calls).toBe(0);
  expect(house.access).toMatchObject([{ code: 'FB1315', incident }]);
});

test.each([
  ['guest', 'FB1315'],
  ['visitor', 'FB1315'],
  ['gone', 'FB1315'],
  ['robot', 'FB1315'],
  ['stranger', 'FB1316'],
  ['nobody', 'FB1314'],
])('%s is refused, told why, and recorded: %s', async (user, code) => {
  for (const button of ['approve', 'deny'] as const) {
    const before = heard(user);
    await click(user, button);
    expect(await told(user, before)).toContain(`(${code})`);
  }
  expect(house.calls).toBe(0);
  expect(house.slack.views(user)).toEqual([]);
  expect(house.access).toEqual(
    [0, 1].map(() => ({
      outcome: 'refused',
      kind: 'slack',
      code,
      actor: `slack:${house.slack.users[user]?.teamId}/${idOf(user)}`,
      incident,
      detail: { why: expect.any(String) },
    })),
  );
});

test('somebody who is deactivated is refused within a minute', async () => {
  const before = heard('leaver');
  await click('leaver', 'approve');
  await told('leaver', before);
  house.slack.setUserKind('leaver', 'deactivated');
  house.clock.offsetMs = 61_000;
  await click('leaver', 'approve');
  expect(await told('leaver', before + 1)).toContain('(FB1315)');
});

test('when Slack cannot be asked about an account nobody is let in', async () => {
  house.clock.offsetMs = 130_000;
  house.slack.fail({ kind: 'error', error: 'internal_error', method: 'users.info' });
  const before = heard('bob');
  await click('bob', 'approve');
  expect(await told('bob', before)).toContain('(FB1317)');
  expect(house.calls).toBe(0);
});

test('an exact replay changes nothing; a redelivery with a new signature is the same decision', async () => {
  const before = heard('alice');
  const { interaction } = await click('alice', 'approve');
  await told('alice', before);
  const replay = await house.slack.redeliver(interaction);
  expect(replay.status).toBe(409);
  expect(refusals()).toEqual(['FB1312']);
  expect(house.calls).toBe(1);
  // A second later: the same second would give the same signature.
  const again = await house.slack.redeliver(interaction, {
    at: Number(interaction.request.headers['x-slack-request-timestamp']) + 1,
    retry: { num: 1, reason: 'http_timeout' },
  });
  expect(again.status).toBe(200);
  await told('alice', before + 1);
  expect(house.decisions.size).toBe(1);
});

test.each([
  ['signed with another secret', { signingSecret: '0'.repeat(32) }, 'FB1310'],
  ['ten minutes old', { at: Math.floor(Date.now() / 1000) - 600 }, 'FB1311'],
  ['from tomorrow', { at: Math.floor(Date.now() / 1000) + 86_400 }, 'FB1311'],
])('a request %s is refused and recorded without its body', async (_what, how, code) => {
  const before = heard('alice');
  const { interaction } = await click('alice', 'approve');
  await told('alice', before);
  house.access.length = 0;
  const { status } = await house.slack.redeliver(interaction, how);
  expect(status).toBe(401);
  expect(house.access).toEqual([
    {
      outcome: 'refused',
      kind: 'slack',
      code,
      actor: 'ip:127.0.0.1',
      detail: { why: expect.any(String), path: '/slack/interactions' },
    },
  ]);
  expect(house.calls).toBe(1);
});

test('a forged request is not remembered: the true one with its signature still counts', async () => {
  const { interaction } = await click('bob', 'deny');
  await house.slack.waitForView('bob');
  await house.slack.closeView({ user: 'bob' });
  const forged = {
    ...interaction,
    request: { ...interaction.request, body: `${interaction.request.body}&x=1` },
  };
  const later = Number(interaction.request.headers['x-slack-request-timestamp']) + 2;
  expect((await house.slack.redeliver(forged)).status).toBe(401);
  expect((await house.slack.redeliver(interaction, { at: later })).status).toBe(200);
});

test.each([
  ['a digest that is none', { i: incident, g: 'quarantine', d: 'sha256:00' }],
  ['a field too many', { i: incident, g: 'quarantine', d: notice.digest, person: 'bob' }],
  ['no JSON', undefined],
])('a button with %s is refused', async (_what, value) => {
  const shown = (await house.slack.messages('incidents')).find((message) => message.ts === ts);
  const text = value === undefined ? '{' : JSON.stringify(value);
  const blocks = shown?.blocks?.map((block) =>
    block['type'] === 'actions'
      ? { ...block, elements: [{ type: 'button', action_id: 'firebreak.approve', value: text }] }
      : block,
  );
  const before = heard('alice');
  await house.slack.click({
    user: 'alice',
    channel: 'incidents',
    ts,
    actionId: 'firebreak.approve',
    shown: { ...shown, ts, text: '', ...(blocks === undefined ? {} : { blocks }) },
  });
  expect(await told('alice', before)).toContain('(FB1313)');
  expect(house.calls).toBe(0);
  expect(refusals()).toEqual(['FB1313']);
});

test('a release is requested with a reason, once for one form', async () => {
  const channel = house.slack.channels['incidents'] ?? '';
  const ref = await attempt(1, house.activities['slack.tell'], {
    channel,
    message: { channel, ts },
    incident,
    dedupe: 'holding',
    title: 'Held',
    lines: [],
    level: 'good' as const,
    mention: [],
    offerRelease: true,
  });
  await house.slack.click({ user: 'bob', channel, ts: ref?.ts ?? '', actionId: 'firebreak.release' });
  const view = await house.slack.waitForView('bob');
  const before = heard('bob');
  const { interaction } = await house.slack.submitView({
    user: 'bob',
    values: { reason: { text: 'clean again' } },
  });
  await told('bob', before);
  await house.slack.redeliver(interaction, {
    at: Number(interaction.request.headers['x-slack-request-timestamp']) + 1,
  });
  expect([...house.commands]).toEqual([
    [
      `slack-${view.id}`,
      expect.objectContaining({ command: 'release', person: 'bob', reason: 'clean again', incident }),
    ],
  ]);
});

test('a click on what no listener knows is refused', async () => {
  const shown = (await house.slack.messages('incidents')).find((message) => message.ts === ts);
  const blocks = [
    { type: 'actions', block_id: 'x', elements: [{ type: 'button', action_id: 'other.app', value: '{}' }] },
  ];
  const { delivery } = await house.slack.click({
    user: 'alice',
    channel: 'incidents',
    ts,
    actionId: 'other.app',
    shown: { ...shown, ts, text: '', blocks },
  });
  expect(delivery.status).toBe(404);
  expect(refusals()).toEqual(['FB1313']);
});

const post = (payload: string, headers: { [name: string]: string }) =>
  house.app.inject({ method: 'POST', url: '/slack/events', payload, headers });

test('bodies beyond the limit, and requests without a signature, get nowhere', async () => {
  expect((await post('x'.repeat(600_000), { 'content-type': 'text/plain' })).statusCode).toBe(413);
  expect((await post('{}', { 'content-type': 'application/json' })).statusCode).toBe(401);
  expect(refusals()).toEqual(['FB1313', 'FB1310']);
});

test('no secret gets into the log', () => {
  const all = house.logs.join('\n');
  expect(all).not.toContain(house.slack.signingSecret);
  expect(all).not.toContain(house.slack.botToken);
  expect(all).not.toContain('/actions/');
});
