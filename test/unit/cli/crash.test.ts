import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { leavesCoreFiles } from '../../../cli/core-files.ts';
import { Grep } from '../../../testbed/grep.ts';

const at = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../../${path}`, import.meta.url)));
const random = () => randomBytes(24).toString('base64url');

const secrets = { handled: random(), configured: random(), environment: random(), aws: random() };
const grep = new Grep(secrets);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-crash-'));
});
afterEach(async () => rm(dir, { recursive: true }));

/** Runs a process that knows the secrets, with every diagnostic report asked for; what it said and left behind, and how it ended. */
async function crash(code: string, { guarded = true, options = '' } = {}) {
  const program = `
    import { inspect } from 'node:util';
    import { Worker } from 'node:worker_threads';
    const { redactCrashes } = await import(${at('cli/crash.ts')});
    const { Secret } = await import(${at('domain/secret.ts')});
    const { readSecret } = await import(${at('worker/config/load.ts')});
    if (${guarded}) redactCrashes();
    const handled = new Secret(process.env.HANDLED).reveal();
    const configured = await readSecret('slack.signingSecret', { env: 'CONFIGURED' });
    const aws = process.env.AWS_SECRET_ACCESS_KEY;
    const timer = setTimeout(() => {}, 20_000);
    ${code}`;
  const reports = `--report-on-fatalerror --report-on-signal --report-uncaught-exception --report-dir=${dir}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: dir,
    env: {
      ...process.env,
      HANDLED: secrets.handled,
      CONFIGURED: secrets.configured,
      ENVIRONMENT: secrets.environment,
      AWS_SECRET_ACCESS_KEY: secrets.aws,
      NODE_OPTIONS: `${reports} ${options}`,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const [exit, signal] = (await once(child, 'close')) as [number | null, string | null];
  const files = await readdir(dir);
  const left = await Promise.all(files.map((file) => readFile(join(dir, file), 'utf8')));
  return { exit, signal, said, files, found: grep.in([said, ...left].join('\n')) };
}

const whole = `
  const http = Object.assign(new Error('POST failed for ' + handled + ' and ' + aws, { cause: new Error('sent ' + Buffer.from(configured).toString('base64')) }), {
    code: 'ERR_BAD_REQUEST',
    config: { headers: { Authorization: 'Bearer ' + process.env.ENVIRONMENT } },
    request: { body: { password: process.env.ENVIRONMENT } },
    bytes: Buffer.from(process.env.ENVIRONMENT),
  });
  const error = new AggregateError([http, new TypeError(encodeURIComponent(configured)), { text: process.env.ENVIRONMENT }], 'all failed');`;

test.each([
  ['an exception', 'setTimeout(() => { throw error; });', 'uncaughtException'],
  ['a rejection', 'Promise.reject(error);', 'unhandledRejection'],
])(
  '%s with secrets in message, cause, headers and bytes ends the process and leaves none',
  async (_, how, origin) => {
    const { exit, said, files, found } = await crash(`${whole}${how}`);
    expect({ exit, files, found }).toEqual({ exit: 1, files: [], found: [] });
    expect(said).toContain(`firebreak: FB6100: ended by an error that nobody caught (${origin})`);
    expect(said).toContain('AggregateError: all failed');
    expect(said).toContain('caused by: Error: POST failed for [secret] and [secret]');
    expect(said).toContain('[ERR_BAD_REQUEST]');
    expect(said).toContain('caused by: Error: sent [secret]');
  },
);

test('without the handler all of them are found: the search can see', async () => {
  const { files, found } = await crash(`${whole}setTimeout(() => { throw error; });`, { guarded: false });
  expect(files).toEqual([expect.stringMatching(/^report\..*\.json$/)]);
  expect(found).toEqual(Object.keys(secrets));
});

test.each([
  [
    'that throws when it is read',
    "Promise.reject(Object.defineProperty(new Error(), 'message', { get() { throw new Error(handled); } }))",
    'cannot be read',
  ],
  [
    'that is its own cause',
    "error = new Error('round'); error.cause = error; Promise.reject(error)",
    'round',
  ],
  [
    'of another realm',
    "const { runInNewContext } = await import('node:vm'); Promise.reject(runInNewContext('Object.assign(new Error(text), { text })', { text: handled }))",
    'Error: [secret]',
  ],
  ['that acts on a terminal', "Promise.reject(new Error('a\\u001b[2Jb'))", 'a⟨U+001B⟩[2Jb'],
])('an error %s is told all the same', async (_, how, words) => {
  const { exit, said, found } = await crash(`let error; ${how};`);
  expect({ exit, found }).toEqual({ exit: 1, found: [] });
  expect(said).toContain('firebreak: FB6100');
  expect(said).toContain(words);
});

const signalled = `
  await new Promise((resolve) => new Worker('setInterval(() => {}, 100)', { eval: true }).once('online', resolve));
  process.kill(process.pid, 'SIGUSR2');
  setTimeout(() => process.exit(0), 300);`;

test('a report on a signal would hold the environment, and is not written; the process lives on', async () => {
  const { exit, said, files, found } = await crash(signalled);
  expect({ exit, files, found }).toEqual({ exit: 0, files: [], found: [] });
  expect(said).toContain('no diagnostic report is written');
  const unguarded = await crash(signalled, { guarded: false });
  expect(unguarded.found).toEqual(Object.keys(secrets));
});

const full = 'const all = []; for (;;) all.push(handled + all.length, new Array(1_000).fill(all.length));';

test('nor is one of a fatal error, such as a heap that is full; an abort says nothing', async () => {
  const options = '--max-old-space-size=60';
  const { signal, files, found } = await crash(full, { options });
  expect({ signal, files, found }).toEqual({ signal: 'SIGABRT', files: [], found: [] });
  expect(await crash('process.abort();')).toMatchObject({ signal: 'SIGABRT', files: [], found: [] });
  const unguarded = await crash(full, { options, guarded: false });
  expect(unguarded.found).toEqual(Object.keys(secrets));
}, 60_000);

/** As much of /proc/<pid>/limits. */
const line = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax core file size        ${soft}           unlimited            bytes     \n`;

test('a core limit above 0 is noticed, where the kernel tells of it', async () => {
  const limits = join(dir, 'limits');
  for (const [soft, leaves] of [
    ['0        ', false],
    ['unlimited', true],
    ['1024     ', true],
  ] as const) {
    await writeFile(limits, line(soft));
    expect(await leavesCoreFiles(limits)).toBe(leaves);
  }
  expect(await leavesCoreFiles(join(dir, 'not-there'))).toBeUndefined();
});
