import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import type { Played } from '../../testbed/game-day/play.ts';

const main = fileURLToPath(new URL('../../testbed/game-day/main.ts', import.meta.url));
const run = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);

test('a game day plays FB-001 from the alert to the close, and FB-003 over its loop, and measures both', async () => {
  const { stdout, stderr } = await run('FB-001', 'FB-003', '--json');
  const { ok, played } = JSON.parse(stdout) as { ok: boolean; played: Played[] };
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

test('a playbook without a rehearsal is refused before anything is started', async () => {
  await expect(run('FB-999')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('FB-999') as unknown,
  });
}, 20_000);
