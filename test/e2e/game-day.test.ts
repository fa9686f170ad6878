import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
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

test('stolen credentials are proven refused, what was pushed is listed, and no secret is left behind: FB-004 and FB-008', async () => {
  const { stdout } = await run('FB-004', 'FB-008', '--json');
  const { ok, played, searched } = JSON.parse(stdout) as Day;
  expect(played.map(({ playbook, wrong }) => [playbook, wrong])).toEqual([
    ['FB-004', []],
    ['FB-008', []],
  ]);
  const leaks = played.flatMap((one) => one.leaks);
  expect(leaks.map(({ what }) => what)).toEqual([
    'a GitHub token of ci-bot',
    "the registry's password of ci",
    'a token of ServiceAccount billing/deployer',
  ]);
  for (const { refusedMs = 0, provenMs = 0, verdict } of leaks) {
    expect(verdict).toBe('verified');
    expect(refusedMs).toBeGreaterThan(0);
    expect(provenMs).toBeGreaterThan(0);
  }
  expect(played[0]?.pushed).toEqual({ digests: 3, listedMs: expect.any(Number) as unknown });
  expect(searched).toEqual({ secrets: searched.secrets, found: [], blind: [] });
  // Of people, Slack, the engine, the registry and the thieves; and what was made in their place.
  expect(searched.secrets).toBeGreaterThanOrEqual(15);
  expect(ok).toBe(true);
}, 300_000);

test('a playbook without a rehearsal is refused before anything is started', async () => {
  await expect(run('FB-999')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('FB-999') as unknown,
  });
}, 20_000);
