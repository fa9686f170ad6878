import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import type { Played } from '../../testbed/game-day/play.ts';

const main = fileURLToPath(new URL('../../testbed/game-day/main.ts', import.meta.url));
const folder = fileURLToPath(new URL('rollback', import.meta.url));

interface Day {
  ok: boolean;
  played: Played[];
}

/** On real parts: a control plane, Temporal, Slack's contract, a registry with images that cosign signed, a Prometheus. One world for all: starting it takes as long as two of them. */
test('workloads go back to signed images; and whatever goes wrong with that, it ends undone or held, never half-way', async () => {
  const whole = ['FB-010', 'FB-011', 'FB-012'];
  const files = (await readdir(folder)).toSorted();
  const rehearsals = files.flatMap((file) => ['--rehearsal', `FB-010=${join(folder, file)}`]);
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...whole, ...rehearsals, '--json']);
  const { played, ok } = JSON.parse(stdout) as Day;
  const names = [...whole, ...files.map((file) => basename(file, '.yaml'))];
  expect(names.map((name, at) => [name, played[at]?.wrong])).toEqual(names.map((name) => [name, []]));
  expect(ok).toBe(true);
}, 900_000);
