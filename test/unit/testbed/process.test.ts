import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../../testbed/ports.ts';
import { startProcess, startService, waitFor } from '../../../testbed/process.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-test-'));
});

afterEach(() => rm(dir, { recursive: true }));

/** A script run by /bin/sh, with its log in `dir`. */
const script = (source: string): { name: string; command: string; args: string[]; logFile: string } => ({
  name: 'script',
  command: '/bin/sh',
  args: ['-c', source],
  logFile: join(dir, 'logs', 'script.log'),
});

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether it runs no more. One whose parent has ended may be a zombie for as long as init takes its time: that is init's affair. */
async function hasEnded(pid: number): Promise<boolean> {
  if (!exists(pid)) return true;
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]);
    return stdout.trim().startsWith('Z');
  } catch (error) {
    // What `ps` ends with when there is no such process any more.
    if ((error as { code?: unknown }).code === 1) return true;
    throw error;
  }
}
const gone = (pid: number): Promise<void> => waitFor(`the end of ${pid}`, () => hasEnded(pid), 20_000);

async function logOf(name: string): Promise<string> {
  return readFile(join(dir, 'logs', `${name}.log`), 'utf8').catch(() => '');
}

test('a process that ends on SIGTERM is stopped by it, and stopping again is harmless', async () => {
  const started = await startProcess(
    script(`trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.05; done`),
  );
  await waitFor('its first line', async () => (await logOf('script')) === 'hello\n');
  await started.stop();
  await started.stop();
  expect(started.running()).toBe(false);
  expect(await started.exited).toEqual({ code: 0, signal: null });
  expect(await logOf('script')).toBe('hello\nbye\n');
});

test('one that ignores SIGTERM is killed with its children when the grace is over', async () => {
  const started = await startProcess(script(`trap '' TERM; sleep 100 & echo $!; while :; do wait; done`));
  await waitFor('its first line', async () => (await logOf('script')).endsWith('\n'));
  const grandchild = Number(await logOf('script'));
  expect(exists(grandchild)).toBe(true);
  await started.stop(50);
  expect(await started.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await gone(grandchild);
});

test('a service that ends early is an error with the end of its log', async () => {
  const failing = startService({ ...script('echo the disk is full; exit 7'), ready: async () => false });
  await expect(failing).rejects.toThrow(
    /script ended before it was ready \(exit code 7\)[^]*the disk is full/,
  );
});

test('however short a program lives, its end is noticed', async () => {
  const exits = Array.from({ length: 20 }, async () => (await startProcess(script('exit 3'))).exited);
  expect(new Set((await Promise.all(exits)).map(({ code }) => code))).toEqual(new Set([3]));
});

test('a service that misses its deadline is stopped', async () => {
  const failing = startService({
    ...script('echo $$; exec sleep 100'),
    ready: () => Promise.reject(new Error('refused')),
    readyWithinMs: 100,
  });
  await expect(failing).rejects.toThrow('script was not ready within 0.1 s');
  await gone(Number(await logOf('script')));
});

test('a program that is not there is an error that names it', async () => {
  await expect(startProcess({ ...script(''), command: join(dir, 'absent') })).rejects.toThrow(
    `script: ${join(dir, 'absent')} cannot be started`,
  );
});

test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
  '%s of the parent ends what it started',
  async (signal) => {
    const module = pathToFileURL(join(process.cwd(), 'testbed/process.ts')).href;
    const source = `
    import { startProcess } from ${JSON.stringify(module)};
    const options = ${JSON.stringify(script('trap "" TERM INT HUP; sleep 100 & echo $$ $!; wait; wait'))};
    await startProcess(options);
    setInterval(() => {}, 1000);
  `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
    try {
      await waitFor('the script', async () => (await logOf('script')).endsWith('\n'));
      const pids = (await logOf('script')).trim().split(' ').map(Number);
      expect(pids.map(exists)).toEqual([true, true]);
      parent.kill(signal);
      await Promise.all(pids.map(gone));
    } finally {
      parent.kill('SIGKILL');
    }
  },
);

test('a parent with nothing left to do ends, and what it started with it', async () => {
  const module = pathToFileURL(join(process.cwd(), 'testbed/process.ts')).href;
  const source = `
    import { startProcess } from ${JSON.stringify(module)};
    console.log((await startProcess(${JSON.stringify(script('exec sleep 100'))})).pid);
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  parent.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await new Promise<[number | null]>((resolve) =>
    parent.once('close', (value) => resolve([value])),
  );
  expect(code).toBe(0);
  await gone(Number(output));
});

test('free ports are distinct, below the ephemeral range, and free', async () => {
  const ports: number[] = [];
  while (ports.length < 20) ports.push(await freePort());
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) {
    expect(port).toBeLessThan(32_768);
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  }
});
