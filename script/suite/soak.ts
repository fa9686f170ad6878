import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from './process.ts';
import { soaks, summary } from './soaks.ts';
import type { Result, Soak } from './soaks.ts';
import { failed, tally } from './tally.ts';
import type { JestReport, Tally } from './tally.ts';

const usage = `script/soak [suite ...] [options]

Suites:
${soaks.map(({ name, title }) => `  ${name.padEnd(8)} ${title}`).join('\n')}
Without any: all of them, one after the other.

  --runs N      in place of the suite's own count
  --seconds N   in place of the suite's own time
  --seed N      in place of one drawn now; the same seed runs the same
  --no-record   leaves docs/soak as it is
  --help        this

A run that fails names its seed. Repeat it alone: script/soak crash --seed 4711 --runs 1 --no-record
`;

const say = (line: string) => process.stdout.write(`${line}\n`);
const results = 'docs/soak/results.jsonl';

/** The settings, or what is wrong with them. */
function settings() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      'no-record': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const unknown = positionals.filter((name) => !soaks.some((soak) => soak.name === name));
  if (unknown.length > 0) throw new RangeError(`there is no suite ${unknown.join(', ')}`);
  const number = (name: 'runs' | 'seconds' | 'seed', least: number) => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new RangeError(`--${name} is ${text}: give a whole number from ${least}`);
  };
  return {
    chosen: soaks.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    runs: number('runs', 1),
    seconds: number('seconds', 1),
    seed: number('seed', 0),
    record: !values['no-record'],
    help: values.help,
  };
}

async function soak(suite: Soak, amount: number, seed: number): Promise<Result> {
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-soak-'));
  const report = join(dir, 'report.json');
  const seen = join(dir, 'seen.json');
  const began = performance.now();
  try {
    const environment = {
      [suite.unit === 'runs' ? 'FIREBREAK_SOAK_RUNS' : 'FIREBREAK_SOAK_SECONDS']: String(amount),
      FIREBREAK_SOAK_SEED: String(seed),
      FIREBREAK_SOAK_REPORT: seen,
    };
    Object.assign(process.env, environment);
    const args = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'];
    args.push('node_modules/jest/bin/jest.js', suite.file, '--ci', '--runInBand', '--json');
    args.push(`--outputFile=${report}`);
    const { code, late } = await run(process.execPath, args, {
      live: true,
      limitMinutes: suite.limitMinutes,
    });
    const counted: Tally = late
      ? failed(suite.file, `took longer than ${suite.limitMinutes} minutes, and was ended`)
      : tally(jestReport(report), code, suite.file);
    return {
      suite: suite.name,
      at: new Date().toISOString(),
      commit: commit(),
      seed,
      [suite.unit]: amount,
      // A skipped suite has shown nothing.
      outcome: counted.failed === 0 && counted.passed > 0 && counted.skipped === 0 ? 'passed' : 'failed',
      tookSeconds: Math.round((performance.now() - began) / 1000),
      machine: `${platform()} ${arch()}, ${cpus().length} cores, Node ${process.versions.node}`,
      seen: seenIn(seen),
      // What is committed names no path of this machine.
      failures: counted.failures.map(({ where, why }) =>
        `${where}: ${why}`.replaceAll(`${process.cwd()}/`, '').slice(0, 1000),
      ),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** What a test has counted; nothing when it has not come that far. */
function seenIn(file: string): Result['seen'] {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

function jestReport(file: string): JestReport {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim();
}

/** The commit that is checked out; marked when files differ from it. */
function commit(): string {
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs/soak');
  return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : ', modified'}`;
}

async function record(result: Result): Promise<void> {
  await mkdir('docs/soak', { recursive: true });
  await appendFile(results, `${JSON.stringify(result)}\n`);
  const lines = (await readFile(results, 'utf8')).trim().split('\n');
  const all = lines.map((line) => {
    const result: Result = JSON.parse(line);
    return result;
  });
  await writeFile('docs/soak/README.md', summary(all));
}

try {
  const { chosen, help, record: isRecorded, runs, seconds, seed } = settings();
  if (help) process.stdout.write(usage);
  else {
    for (const suite of chosen) {
      const amount = (suite.unit === 'runs' ? runs : seconds) ?? suite.amount;
      const drawn = seed ?? randomInt(2 ** 31);
      say(`\n── ${suite.name}: ${amount} ${suite.unit}, seed ${drawn}`);
      const result = await soak(suite, amount, drawn);
      say(`── ${suite.name}: ${result.outcome} in ${result.tookSeconds} s`);
      for (const failure of result.failures) say(`✗ ${failure}`);
      if (result.outcome === 'failed') process.exitCode = 1;
      if (isRecorded) await record(result);
    }
  }
} catch (error) {
  process.stderr.write(`script/soak: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
