import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** The rule must bite: a house of small files with one import each, judged once by the project's own configuration. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Case {
  room: string;
  /** A file of the house, or a package. */
  to: string;
  code?: string;
  types?: boolean;
  rules: string[];
}

const layer = (room: string, to: string, ...rules: string[]): Case => ({ room, to, rules });
const cases: Case[] = [
  layer('domain', 'stores/b.ts', 'layers-domain'),
  layer('domain', 'test/b.ts', 'layers-domain'),
  layer('language/run', 'language/compile/b.ts', 'layers-language-run'),
  layer('language/compile', 'activities/b.ts', 'layers-language-compile'),
  layer('stores', 'worker/b.ts', 'layers-stores'),
  layer('activities', 'workflows/b.ts', 'layers-activities'),
  layer('activities', 'stores/b.ts', 'layers-activities'),
  layer('workflows', 'activities/b.ts', 'layers-workflows'),
  layer('workflows', 'language/compile/b.ts', 'layers-workflows'),
  layer('gateway', 'workflows/b.ts', 'layers-gateway'),
  layer('gateway', 'activities/b.ts', 'layers-gateway'),
  layer('audit', 'gateway/b.ts', 'layers-audit'),
  layer('worker', 'cli/b.ts', 'layers-worker'),
  layer('worker', 'testbed/b.ts', 'layers-worker'),
  layer('testbed', 'domain/b.ts', 'layers-testbed'),
  // A type drawn from above is a dependency too.
  { room: 'domain', to: 'stores/b.ts', types: true, rules: ['layers-domain'] },

  layer('language/run', 'domain/b.ts'),
  layer('gateway', 'workflows/contract.ts'),
  layer('activities', 'workflows/contract.ts'),
  layer('worker', 'activities/b.ts'),
  layer('worker', 'testbed/temporal.ts'),
  layer('testbed/demo', 'cli/b.ts'),

  { room: 'workflows', to: 'node:fs', code: 'readFileSync', rules: ['workflows-deterministic'] },
  { room: 'domain', to: 'fs', code: 'readFileSync', rules: ['workflows-deterministic'] },
  { room: 'domain', to: 'node:fs', code: 'Stats', types: true, rules: [] },
  { room: 'language/run', to: 'zod', code: 'z', rules: ['workflows-without-zod'] },
  { room: 'workflows', to: '@temporalio/client', code: 'Client', rules: ['workflows-sdk-only'] },
  {
    room: 'gateway',
    to: '@jest/globals',
    code: 'expect',
    rules: ['production-dependencies-only'],
  },
  { room: 'stores', to: 'stores/nowhere.ts', rules: ['no-unresolved'] },
];

const importer = (index: number) => `${cases[index]?.room}/case${index}.ts`;
let house: string;
let report: { summary: { violations: { from: string; rule: { name: string } }[] } };

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(house, file)), { recursive: true });
  await writeFile(join(house, file), text);
}

beforeAll(async () => {
  house = await mkdtemp(join(tmpdir(), 'firebreak-layers-'));
  for (const name of ['node_modules', 'tsconfig.json', 'package.json']) {
    await symlink(join(root, name), join(house, name));
  }
  for (const [index, { room, to, code = 'value', types = false }] of cases.entries()) {
    const local = to.endsWith('.ts');
    if (local && !to.endsWith('nowhere.ts')) await put(to, 'export const value = 1;\n');
    const specifier = local ? `${'../'.repeat(room.split('/').length)}${to}` : to;
    await put(
      importer(index),
      `import ${types ? 'type ' : ''}{ ${code} } from '${specifier}';\nexport type T = typeof ${code};\n`,
    );
  }
  await put('stores/one.ts', "import { two } from './two.ts';\nexport const one = () => two;\n");
  await put('stores/two.ts', "import { one } from './one.ts';\nexport const two = () => one;\n");
  await put('stores/alone.ts', 'export const alone = 1;\n');
  const command = join(root, 'node_modules/.bin/depcruise');
  const args = ['--config', join(root, '.dependency-cruiser.mjs'), '--output-type', 'json', '.'];
  report = await new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [command, ...args],
      { cwd: house, maxBuffer: 1 << 26 },
      (_error, stdout, stderr) => {
        // Its exit code is the number of violations; only a report that cannot be read is a failure.
        try {
          resolve(JSON.parse(stdout));
        } catch (cause) {
          reject(new Error(`no report: ${stderr}`, { cause }));
        }
      },
    );
  });
});
afterAll(() => rm(house, { recursive: true, force: true }));

const broken = (file: string) => [
  ...new Set(report.summary.violations.filter(({ from }) => from === file).map(({ rule }) => rule.name)),
];

test.each(
  cases.map((each, index) => ({
    ...each,
    index,
    answer: each.rules.join() || 'allowed',
    kind: each.types ? 'types of ' : '',
  })),
)('$room imports $kind$to: $answer', ({ index, rules }) => {
  expect(broken(importer(index))).toEqual(rules);
});

test('files that import each other are refused', () => {
  expect(broken('stores/one.ts')).toEqual(['no-cycles']);
});

test('a file that nothing uses and that uses nothing is refused', () => {
  expect(broken('stores/alone.ts')).toEqual(['no-orphans']);
});
