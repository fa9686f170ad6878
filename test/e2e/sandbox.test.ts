import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const main = fileURLToPath(new URL('../../testbed/sandbox/main.ts', import.meta.url));
const run = promisify(execFile);

test('a playbook is planned and run in a sandbox by a shell that sources its file; Slack is shown; Ctrl-C leaves nothing', async () => {
  const sandbox = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'inherit'] });
  let seen = '';
  sandbox.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
  const ended = new Promise<number | null>((resolve) => void sandbox.on('close', resolve));
  const until = async (what: RegExp) => {
    for (;;) {
      const match = what.exec(seen);
      if (match !== null) return match;
      if (sandbox.exitCode !== null) throw new Error(`the sandbox has ended: ${seen}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  let file = '';
  try {
    [, file = ''] = await until(/In another terminal: {2}\. (\S+)/);
    const firebreak = async (args: string) =>
      (await run('sh', ['-c', `. "$1"; firebreak ${args}`, 'sh', file])).stdout;
    const target = '-i cluster=shop -i namespace=storefront';
    expect(await firebreak(`playbook plan FB-001 ${target}`)).toContain(
      '- delete NetworkPolicy storefront/temporary-allow-all',
    );
    const opened = await firebreak(`playbook run FB-001 ${target} --reason Drill`);
    const [incident = ''] = /inc-\S+/.exec(opened) ?? [];
    await until(
      /Quarantine namespace storefront in shop ==[^]*Who decides: one person of responders: Ben, Dana/,
    );
    await expect(firebreak(`incident approve ${incident} --yes`)).rejects.toThrow('FB4007');
    await firebreak(`incident approve ${incident} --yes --token-file "$SANDBOX/ben"`);
    await until(/Collect evidence of namespace storefront in shop: verified/);
    sandbox.stdin.write('\n');
    await until(/firebreak up[^]*firebreak up/);
    expect(await firebreak(`incident show ${incident}`)).toContain('HOLDING');
  } finally {
    sandbox.kill('SIGINT');
  }
  expect(await ended).toBe(130);
  expect(existsSync(dirname(file))).toBe(false);
}, 300_000);

test('a flag that is not there is named, with the usage', async () => {
  await expect(run(process.execPath, [main, '--frob'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^Unknown option '--frob'\n\nUsage: script\/sandbox/) as unknown,
  });
  const { stdout } = await run(process.execPath, [main, '--help']);
  expect(stdout).toMatch(/^Usage: script\/sandbox/);
}, 20_000);
