import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { slackClient } from '../../../activities/slack/index.ts';
import { createDirectory } from '../../../gateway/people.ts';
import { createAccounts } from '../../../gateway/slack/account.ts';
import { startSlack, type SlackTestbed } from '../../../testbed/slack.ts';

let slack: SlackTestbed;
let now = 0;

beforeAll(async () => {
  slack = await startSlack({
    enterprise: true,
    users: [
      { name: 'alice', enterpriseUserId: 'W0ALICE' },
      { name: 'visitor', kind: 'stranger' },
    ],
  });
});
afterAll(() => slack.stop());

const team = () => slack.teamId;
const enterprise = () => slack.enterpriseId ?? '';
const idOf = (name: string) => slack.users[name]?.id ?? '';
function accounts(people: { id: string; user: string; enterprise?: string; team?: string }[]) {
  return createAccounts({
    client: slackClient({ botToken: slack.botToken, apiUrl: slack.apiUrl }),
    directory: createDirectory(
      people.map(({ id, user, ...more }) => ({ id, name: id, slack: [{ team: team(), ...more, user }] })),
    ),
    now: () => now,
  });
}

test('in an enterprise the id of the organisation is enough, from any of its workspaces', async () => {
  const known = accounts([{ id: 'alice', user: 'W0ALICE', team: 'T0OTHER', enterprise: enterprise() }]);
  expect(await known.identify({ user: idOf('alice'), team: team() })).toMatchObject({ id: 'alice' });
  expect(await known.identify({ user: idOf('alice'), team: 'T0OTHER' })).toMatchObject({ id: 'alice' });
});

test('two ids of one account that belong to two persons are nobody', async () => {
  const known = accounts([
    { id: 'alice', user: 'W0ALICE', enterprise: enterprise() },
    { id: 'bob', user: idOf('alice') },
  ]);
  await expect(known.identify({ user: idOf('alice'), team: team() })).rejects.toMatchObject({
    code: 'FB1314',
  });
});

test("another organisation's user is nobody, though our directory has the same id", async () => {
  const known = accounts([{ id: 'alice', user: idOf('visitor') }]);
  await expect(known.identify({ user: idOf('visitor'), team: team() })).rejects.toMatchObject({
    code: 'FB1316',
  });
  await expect(known.identify({ user: 'U0UNKNOWN', team: team() })).rejects.toMatchObject({ code: 'FB1316' });
});

test('Slack is asked once for clicks in quick succession, and again after a minute or a failure', async () => {
  const known = accounts([{ id: 'alice', user: idOf('alice') }]);
  const who = { user: idOf('alice'), team: team() };
  const asked = () => slack.calls('users.info').length;
  const before = asked();
  slack.fail({ kind: 'error', error: 'internal_error', method: 'users.info' });
  await expect(known.identify(who)).rejects.toMatchObject({ code: 'FB1317' });
  await Promise.all([known.identify(who), known.identify(who), known.identify(who)]);
  expect(asked() - before).toBe(2);
  now += 60_000;
  await known.identify(who);
  expect(asked() - before).toBe(3);
});
