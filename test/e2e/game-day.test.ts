import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { whyNoAws } from '../../testbed/aws/moto.ts';
import type { Searched } from '../../testbed/game-day/leftovers.ts';
import type { Played } from '../../testbed/game-day/play.ts';

const main = fileURLToPath(new URL('../../testbed/game-day/main.ts', import.meta.url));
const run = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);

interface Day {
  ok: boolean;
  played: Played[];
  searched: Searched;
}

test('a game day plays FB-001 from the alert to the close, and FB-003 over its loop, and measures both', async () => {
  const { stdout, stderr } = await run('FB-001', 'FB-003', '--json');
  const { ok, played } = JSON.parse(stdout) as Day;
  expect(played.map(({ playbook, wrong }) => [playbook, wrong])).toEqual([
    ['FB-001', []],
    ['FB-003', []],
  ]);
  expect(ok).toBe(true);
  for (const { times } of played) {
    const { asked, answered, contained, evidence, closed } = times;
    const order = [0, asked, answered, contained, evidence, closed].map(Number);
    expect(order).toEqual(order.toSorted((left, right) => left - right));
  }
  expect(stderr).toContain('approves');
}, 300_000);

/** What each playbook's thieves have; one world for all, for starting it is half of the time. */
const thefts = {
  'FB-004': ['a GitHub token of ci-bot', "the registry's password of ci"],
  'FB-006': ['an access key of ci-deployer'],
  'FB-007': ['a session of function checkout'],
  'FB-008': ['a token of ServiceAccount billing/deployer'],
  'FB-009': [
    'an access token of acme/shop',
    'the token of the runner of acme/shop',
    "the password of Harbor's robot ci",
  ],
};
const noAws = await whyNoAws();
const onAws = ['FB-006', 'FB-007'];
const playable = Object.entries(thefts).filter(([id]) => noAws === undefined || !onAws.includes(id));

test(`stolen credentials are proven refused, what was pushed is listed, and no secret is left behind: ${playable.map(([id]) => id).join(', ')}`, async () => {
  const { stdout } = await run(...playable.map(([id]) => id), '--json');
  const { ok, played, searched } = JSON.parse(stdout) as Day;
  expect(played.map(({ playbook, wrong }) => [playbook, wrong])).toEqual(playable.map(([id]) => [id, []]));
  expect(played.map(({ playbook, leaks }) => [playbook, leaks.map(({ what }) => what)])).toEqual(playable);
  for (const { playbook, leaks } of played)
    for (const { what, refusedMs = 0, provenMs = 0, verdict } of leaks) {
      // AWS is tried with what was stolen, and that its denials reach all sessions is computed.
      const best = onAws.includes(playbook) ? 'evaluated' : 'verified';
      expect({ what, verdict }).toEqual({ what, verdict: best });
      expect(refusedMs).toBeGreaterThan(0);
      expect(provenMs).toBeGreaterThan(0);
    }
  const pushed = played.flatMap((one) => (one.pushed === undefined ? [] : [[one.playbook, one.pushed]]));
  const three = { digests: 3, listedMs: expect.any(Number) as unknown };
  expect(pushed).toEqual([
    ['FB-004', three],
    ['FB-009', three],
  ]);
  expect(searched).toEqual({ secrets: searched.secrets, found: [], blind: [] });
  // Of people, Slack, the engine, forges, registries and the thieves; and what was made in their place.
  expect(searched.secrets).toBeGreaterThanOrEqual(25);
  expect(ok).toBe(true);
}, 420_000);

if (noAws !== undefined) test.skip(`FB-006 and FB-007: ${noAws}`, () => undefined);

test('a playbook without a rehearsal is refused before anything is started', async () => {
  await expect(run('FB-999')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('FB-999') as unknown,
  });
}, 20_000);
