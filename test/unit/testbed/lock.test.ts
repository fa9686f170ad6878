import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from '../../../testbed/lock.ts';
import { waitFor } from '../../../testbed/process.ts';

const LOCK_MODULE = pathToFileURL(join(process.cwd(), 'testbed/lock.ts')).href;

let dir: string;
let lock: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-test-'));
  lock = join(dir, 'lock');
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(dir, { recursive: true });
});

/** Another process that runs `body` while it holds the lock. */
function holder(body: string): ChildProcess {
  const source = `
    import { appendFileSync } from 'node:fs';
    import { withLock } from ${JSON.stringify(LOCK_MODULE)};
    const note = (text) => appendFileSync(${JSON.stringify(join(dir, 'notes'))}, text + '\\n');
    await withLock(${JSON.stringify(lock)}, async () => { ${body} });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
  children.push(child);
  return child;
}

const notes = async (): Promise<string[]> =>
  (await readFile(join(dir, 'notes'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

test('processes take turns', async () => {
  const turn = `note('in'); await new Promise((done) => setTimeout(done, 20)); note('out');`;
  const running = Array.from({ length: 4 }, () => once(holder(turn), 'exit'));
  expect((await Promise.all(running)).map(([code]) => code)).toEqual([0, 0, 0, 0]);
  expect((await notes()).join(' ')).toBe('in out in out in out in out');
});

test('the lock of a killed holder is broken by exactly one of many waiters at a time', async () => {
  const dead = holder(`note('held'); await new Promise((done) => setTimeout(done, 60_000));`);
  await waitFor('the holder', async () => (await notes()).length === 1);
  let inside = 0;
  let most = 0;
  let waited: number | undefined;
  const waiters = Array.from({ length: 8 }, () =>
    withLock(
      lock,
      async () => {
        most = Math.max(most, ++inside);
        await new Promise((done) => setImmediate(done));
        inside--;
      },
      (pid) => (waited = pid),
    ),
  );
  await waitFor('a waiter', async () => waited !== undefined);
  expect(waited).toBe(dead.pid);
  expect(most).toBe(0);
  dead.kill('SIGKILL');
  await Promise.all(waiters);
  expect(most).toBe(1);
  expect(await readdir(dir)).toEqual(['notes']);
});

test('a pid that now belongs to another process does not hold the lock', async () => {
  await writeFile(lock, JSON.stringify({ pid: process.pid, started: 'another time', nonce: 'old' }));
  expect(await withLock(lock, async () => 'mine')).toBe('mine');
});

test('work that fails frees the lock', async () => {
  await expect(
    withLock(lock, async () => {
      throw new Error('broken');
    }),
  ).rejects.toThrow('broken');
  expect(await readdir(dir)).toEqual([]);
});

test('a lock file that is not one is an error that names it', async () => {
  await writeFile(lock, 'something else');
  await expect(withLock(lock, async () => 'mine')).rejects.toThrow(`the lock file ${lock} cannot be read`);
});
