import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { showChannel } from '../../../testbed/sandbox/channel.ts';
import { writeEnvironment } from '../../../testbed/sandbox/environment.ts';
import { startSlack } from '../../../testbed/slack.ts';

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'firebreak-sandbox-test-'))));
afterAll(() => rm(dir, { recursive: true, force: true }));

test("a shell that sources the file has the settings to the letter, the first person's token and the programs", async () => {
  const hello = join(dir, 'hello.sh');
  await writeFile(hello, '#!/bin/sh\necho "hello $ODD"\n', { mode: 0o755 });
  const odd = `it's "$HOME" \`id\` \\ here`;
  const file = await writeEnvironment({
    dir,
    settings: { ODD: odd },
    programs: { firebreak: hello },
    tokens: { ada: 'fbt_a', ben: 'fbt_b' },
  });
  const script =
    '. "$1"; firebreak; cat "$FIREBREAK_TOKEN_FILE" "$SANDBOX/ben"; echo "${FIREBREAK_TOKEN-none}"';
  const env = { ...process.env, FIREBREAK_TOKEN: 'of another gateway' };
  expect(execFileSync('sh', ['-eu', '-c', script, 'sh', file], { encoding: 'utf8', env })).toBe(
    `hello ${odd}\nfbt_a\nfbt_b\nnone\n`,
  );
  for (const secret of ['env', 'ada', 'ben']) expect((await stat(join(dir, secret))).mode & 0o077).toBe(0);
});

test('each message of the channel is told once; its page keeps up with its edits', async () => {
  const slack = await startSlack({ channels: [{ name: 'incidents' }] });
  const over = new AbortController();
  const told: [string, string][] = [];
  const pages = join(dir, 'slack');
  const shown = showChannel({
    slack,
    channel: 'incidents',
    dir: pages,
    show: (text, page) => told.push([text, page]),
    signal: over.signal,
  });
  try {
    const call = async (method: string, body: object) => {
      const response = await fetch(`${slack.apiUrl}${method}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${slack.botToken}` },
        body: JSON.stringify({ channel: slack.channels['incidents'], ...body }),
      });
      return (await response.json()) as { ok: boolean; ts: string };
    };
    const { ok, ts } = await call('chat.postMessage', { text: 'One' });
    expect(ok).toBe(true);
    await until(() => Promise.resolve(told.length === 1));
    await call('chat.update', { ts, text: 'One, decided' });
    await until(async () => (await readFile(join(pages, '1.html'), 'utf8')).includes('One, decided'));
    await call('chat.postMessage', { text: 'Two' });
    await until(() => Promise.resolve(told.length === 2));
    expect(told).toEqual([
      ['One', join(pages, '1.html')],
      ['Two', join(pages, '2.html')],
    ]);
  } finally {
    over.abort();
    await shown;
    await slack.stop();
  }
}, 30_000);

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
