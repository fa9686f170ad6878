import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whyNoTimeSkipping } from '../../testbed/time-skipping.ts';
import { checks, tiers } from './parts.ts';
import type { Check, Tier } from './parts.ts';
import { answers, run } from './process.ts';
import { failed, passed, skipped, sum, tally } from './tally.ts';
import type { JestReport, Tally } from './tally.ts';

const usage = `script/test [part ...] [-- arguments for jest]

Parts: check, containers, ${tiers.map(({ name }) => name).join(', ')}. Without any: all of them.
  --list   what each part is
  --help   this

script/test unit -- -t "canonical"    one tier, filtered by name
`;

const say = (line: string) => process.stdout.write(`${line}\n`);
const reports = mkdtempSync(join(tmpdir(), 'firebreak-test-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));

/** Says how one part went, with its time, and hands its tally on. */
async function timed(title: string, work: () => Promise<Tally>): Promise<Tally> {
  say(`\n── ${title}`);
  const began = performance.now();
  const minutes = setInterval(() => say(`   ${title}: ${elapsed(began)} so far`), 60_000);
  try {
    const result = await work();
    say(`── ${title}: ${counts(result)} in ${elapsed(began)}`);
    return result;
  } finally {
    clearInterval(minutes);
  }
}

function elapsed(began: number): string {
  const seconds = (performance.now() - began) / 1_000;
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

const counts = (total: Tally) => `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`;

function skip(why: string): Tally {
  say(`   skipped: ${why}`);
  return skipped();
}

async function check({ command: [program, ...args], limitMinutes, name }: Check): Promise<Tally> {
  const { code, output, late } = await run(program, args, { limitMinutes });
  if (code === 0) return passed();
  process.stdout.write(output);
  return failed(`check ${name}`, late ? `took longer than ${limitMinutes} minutes` : output);
}

/** Building the image needs an engine; what can be judged without one is in test/unit/project. */
async function containers(): Promise<Tally> {
  if (!(await answers('docker', 'version'))) return skip('no container engine answers `docker version`');
  if (!(await answers('docker', 'compose', 'version'))) return skip('`docker compose` is not installed');
  const env = ['--env-file', '.env.example'];
  for (const args of [
    ['compose', ...env, 'config', '--quiet'],
    ['build', '--tag', 'firebreak:test', '.'],
    ['run', '--rm', '--read-only', 'firebreak:test', '--version'],
  ]) {
    const { code } = await run('docker', args, { live: true, limitMinutes: 15 });
    if (code !== 0) return failed('containers', `docker ${args.join(' ')} ended with exit code ${code}`);
  }
  return passed();
}

/** Why a tier cannot run here; undefined when its programs are there. Builds those that are not: minutes, the first time. */
async function missing(programs: readonly string[]): Promise<Tally | undefined> {
  if (programs.length === 0) return undefined;
  const { code } = await run(process.execPath, ['testbed/main.ts', 'build', ...programs], {
    live: true,
    limitMinutes: 30,
  });
  if (code === 0) return undefined;
  const why = `the testbed's programs (${programs.join(', ')}) are neither here nor can they be built`;
  if (await answers('go', 'version')) return failed('testbed', `${why}: see Go's output above`);
  return skip(`${why}: install Go 1.26 or newer, or set FIREBREAK_BIN_<NAME> for each`);
}

/** Fetches the time-skipping server ahead of the tests. Where it cannot be fetched though its tools are there, the tests fail of it. */
async function prepareTimeSkipping(): Promise<void> {
  const why = await whyNoTimeSkipping();
  if (why === undefined)
    await run(process.execPath, ['testbed/main.ts', 'build', 'time-skipping'], {
      live: true,
      limitMinutes: 15,
    });
  else say(`   tests on the time-skipping server are skipped: ${why}`);
}

async function tier(
  { name, programs, obstacle, timeSkipping, workers, limitMinutes }: Tier,
  extra: readonly string[],
): Promise<Tally> {
  const why = await obstacle?.();
  if (why !== undefined) return skip(why);
  const lacking = await missing(programs);
  if (lacking !== undefined) return lacking;
  if (timeSkipping === true) await prepareTimeSkipping();
  const file = join(reports, `${name}.json`);
  const { code, late } = await run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      `--roots=<rootDir>/test/${name}`,
      '--ci',
      '--json',
      `--outputFile=${file}`,
      workers === 1 ? '--runInBand' : `--maxWorkers=${workers}`,
      ...extra,
    ],
    { live: true, limitMinutes },
  );
  if (late) return failed(`test/${name}`, `took longer than ${limitMinutes} minutes, and was ended`);
  let report: JestReport;
  try {
    report = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return failed(
      `test/${name}`,
      `jest ended with exit code ${code} and left no report: see its output above`,
    );
  }
  return tally(report, code, `test/${name}`);
}

/** Arguments after `--` are jest's. */
const separator = process.argv.indexOf('--');
const ours = process.argv.slice(2, separator === -1 ? undefined : separator);
const extra = separator === -1 ? [] : process.argv.slice(separator + 1);

const wanted = ours.filter((argument) => !argument.startsWith('-'));
const options = ours.filter((argument) => argument.startsWith('-'));
const known = ['check', 'containers', ...tiers.map(({ name }) => name)];
const unknown = [
  ...wanted.filter((name) => !known.includes(name)),
  ...options.filter((name) => !['--help', '-h', '--list'].includes(name)),
];
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);

if (options.includes('--help') || options.includes('-h')) {
  process.stdout.write(usage);
} else if (unknown.length > 0) {
  process.stderr.write(`script/test: there is no ${unknown.join(', ')}\n${usage}`);
  process.exitCode = 2;
} else if (options.includes('--list')) {
  for (const { name, title } of checks) say(`check       ${name.padEnd(11)} ${title}`);
  say('containers              compose file and image, when a container engine is there');
  for (const { name, title } of tiers) say(`${name.padEnd(11)} ${`test/${name}`.padEnd(11)} ${title}`);
} else {
  const chosen = tiers.filter(({ name }) => isWanted(name));
  const results: Tally[] = [];
  for (const each of isWanted('check') ? checks : [])
    results.push(await timed(`check ${each.name}`, () => check(each)));
  if (isWanted('containers')) results.push(await timed('containers', containers));
  for (const each of chosen) results.push(await timed(`test/${each.name}`, () => tier(each, extra)));
  const total = sum(results);
  for (const { where, why } of total.failures)
    say(`\n✗ ${where}\n${why.trimEnd().split('\n').slice(0, 60).join('\n')}`);
  say(`\n${counts(total)}`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}
