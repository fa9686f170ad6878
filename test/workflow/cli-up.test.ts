import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { bin, configuration, createHouse, firebreak } from '../support/cli.ts';

let house: Awaited<ReturnType<typeof createHouse>>;
let started: ChildProcess[] = [];

beforeEach(async () => {
  house = await createHouse();
  // Without an address it starts a Temporal of its own.
  await writeFile(join(house.dir, 'firebreak.yaml'), configuration.replace(/^temporal:.*\n/m, ''));
});
afterEach(async () => {
  for (const child of started)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  started = [];
  await house.remove();
});

interface Up {
  child: ChildProcess;
  /** What it has said on standard error. */
  said(): string;
  logged(): string;
  /** Resolves once standard error holds a text; rejects when the process ends before. */
  says(text: string): Promise<void>;
  /** Exit code, or the signal. */
  ended: Promise<number | string | null>;
}

function up(node: string = process.execPath): Up {
  const child = spawn(node, [bin, 'up'], { cwd: house.dir, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let said = '';
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => (logged += text));
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal)),
  );
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => said.includes(text) && resolve();
      child.stderr.on('data', look);
      void ended.then((how) =>
        reject(new Error(`ended with ${how} before it said "${text}": ${said}${logged}`)),
      );
      look();
    });
  return { child, said: () => said, logged: () => logged, says, ended };
}

/** The processes whose command line names the house: those that `up` started, and itself. */
async function processesOfHouse(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(house.dir));
}

/** What doctor says of the Temporal that `up` has started, told of it as of somebody else's. */
async function temporalCheck(said: string): Promise<unknown> {
  const address = /Temporal +(127\S+)/.exec(said)?.[1] ?? '';
  const text = configuration.replace('127.0.0.1:1', address);
  await writeFile(join(house.dir, 'other.yaml'), text);
  const { stdout } = await firebreak(['doctor', '--json', '--config', 'other.yaml'], { cwd: house.dir });
  const { checks }: { checks: { name: string }[] } = JSON.parse(stdout);
  return checks.find(({ name }) => name === 'temporal');
}

const systemNode = existsSync('/usr/bin/node') ? '/usr/bin/node' : process.execPath;

test.each([
  ['SIGTERM', process.execPath],
  // On a machine with an older Node, the one that was called hands the signal on.
  ['SIGINT', systemNode],
] as const)(
  'up serves until %s (%s), stops in order and leaves nothing running',
  async (signal, node) => {
    const running = up(node);
    await running.says('Ready');
    const url = /Gateway +(\S+)/.exec(running.said())?.[1] ?? '';
    expect((await fetch(new URL('/readyz', url))).status).toBe(200);
    expect(running.said()).toMatch(/Temporal UI +http:\/\/127\.0\.0\.1:\d+/);
    expect(await processesOfHouse()).not.toEqual([]);
    expect(await temporalCheck(running.said())).toMatchObject({ state: 'ok' });
    running.child.kill(signal);
    expect(await running.ended).toBe(0);
    expect(running.said()).toContain(`Stopping on ${signal}`);
    expect(running.said()).toContain('Stopped.');
    expect(await processesOfHouse()).toEqual([]);
    for (const line of running.logged().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
  },
  120_000,
);

test('a second signal ends it on the spot, with what it has started', async () => {
  const running = up();
  await running.says('Firebreak starts');
  running.child.kill('SIGTERM');
  // Longer than the time within which a runner may hand on the same signal again.
  await wait(350);
  running.child.kill('SIGTERM');
  expect(await running.ended).toBe(143);
  for (let left = 50; left > 0 && (await processesOfHouse()).length > 0; left--) await wait(100);
  expect(await processesOfHouse()).toEqual([]);
}, 60_000);

test('up says what is wrong before anything listens', async () => {
  await writeFile(join(house.dir, 'routes.yaml'), '- { name: a, match: "true", playbook: FB-0001 }\n');
  const running = up();
  expect(await running.ended).toBe(2);
  expect(running.said()).toContain('routes.yaml:1:');
  expect(running.said()).toContain('did you mean');
  expect(running.said()).not.toContain('Gateway ');
}, 60_000);
