import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { copyOf, makeSpecimen, readText, writeText, type Specimen } from '../support/bundles.ts';
import { active, configuration, createHouse, firebreak, type Ran } from '../support/cli.ts';

let specimen: Specimen;
let house: Awaited<ReturnType<typeof createHouse>>;
const key = 'ledger.pub.pem';

beforeAll(async () => {
  [specimen, house] = await Promise.all([makeSpecimen(), createHouse()]);
  const text = configuration.replace('state: state', `state: ${specimen.engine.dir}`);
  await writeFile(join(house.dir, 'firebreak.yaml'), text);
}, 120_000);

afterAll(async () => {
  await specimen.engine.stop();
  await house.remove();
});

const run = (...args: string[]): Promise<Ran> => firebreak(['audit', ...args], { cwd: house.dir });

test('an incident is exported, and proved from its directory and the printed key alone', async () => {
  const { incident } = specimen.incident;
  await writeFile(join(house.dir, key), (await run('public-key')).stdout);
  expect(await readFile(join(house.dir, key), 'utf8')).toBe(specimen.key);
  const exported = await run('export', incident, '--out', 'bundle');
  expect(exported.code).toBe(0);
  expect(exported.stdout).toContain(`Exported ${incident} to bundle`);
  const again = await run('export', incident, '--out', 'bundle');
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('FB5005');

  // From here on there is nothing but the bundle and the key.
  await rm(join(house.dir, 'firebreak.yaml'));
  const verified = await run('verify', 'bundle', '--key', key, '--json');
  expect(verified.code).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, count: 0, facts: { incident } });

  const replayed = await run('replay', 'bundle', '--key', key);
  expect(replayed.code).toBe(0);
  expect(replayed.stdout).toContain('Verified');
  const timeline = await run('timeline', 'bundle', '--key', key);
  expect(timeline.code).toBe(0);
  expect(timeline.stdout).toContain(incident);
  for (const { stdout } of [replayed, timeline]) expect(stdout).not.toMatch(active);
}, 120_000);

test('one changed byte, or another key: named, and ends with 1', async () => {
  const dir = await copyOf(specimen.dir);
  const ledger = await readText(dir, 'ledger.jsonl');
  await writeText(dir, 'ledger.jsonl', ledger.replace('"ada"', '"adb"'));
  await writeFile(join(house.dir, key), specimen.key);
  for (const command of ['verify', 'replay', 'timeline']) {
    const { code, stdout } = await run(command, dir, '--key', key, '--json');
    expect(code).toBe(1);
    expect(stdout).toContain('FB5103');
  }
  const other = await createHouse();
  const stranger = await firebreak(['token', 'create', '--owner', 'ada', '--scope', 'read'], {
    cwd: other.dir,
  });
  expect(stranger.code).toBe(0);
  const theirs = join(other.dir, 'state/keys/ledger.pub.pem');
  const { code, stdout } = await run('verify', specimen.dir, '--key', theirs);
  await other.remove();
  expect(code).toBe(1);
  expect(stdout).toContain('FB5201');
}, 120_000);

test('what is no bundle, no key or no incident is said so', async () => {
  await writeFile(join(house.dir, key), specimen.key);
  const nothing = await run('verify', 'nowhere', '--key', key);
  expect(nothing.stderr).toContain('FB5001');
  const noKey = await run('verify', specimen.dir, '--key', 'nowhere');
  expect(noKey.code).toBe(2);
  expect(noKey.stderr).toContain('FB6005');
  const privateKey = await run('verify', specimen.dir, '--key', join(specimen.engine.dir, 'keys/ledger.pem'));
  expect(privateKey.stderr).toContain('FB5002');
  expect(privateKey.stderr).not.toContain('BEGIN');
});
