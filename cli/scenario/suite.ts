import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FirebreakError, systemCode } from '../../domain/errors.ts';
import type { CompiledPlaybook } from '../../language/run/playbook.ts';
import { catalogue } from '../../worker/catalogue.ts';
import {
  loadPlaybooks,
  playbookFiles,
  PlaybooksInvalid,
  type LoadedPlaybooks,
} from '../../worker/playbooks.ts';
import { exists } from '../exists.ts';
import { usage } from '../failure.ts';
import { safe } from '../output.ts';
import { differences, type Difference } from './compare.ts';
import { play, type Played } from './play.ts';
import { readScenario, type ScenarioProblem } from './read.ts';

/** One scenario's verdict. */
export interface ScenarioResult {
  file: string;
  name: string;
  ok: boolean;
  problems: ScenarioProblem[];
  differences: Difference[];
  /** What the playbook did; absent when the file could not be read. */
  got?: Omit<Played, 'problems'>;
}

export interface PlaybookResult {
  playbook: string;
  file: string;
  scenarios: ScenarioResult[];
}

export interface Tested {
  ok: boolean;
  passed: number;
  failed: number;
  playbooks: PlaybookResult[];
}

/**
 * Plays the scenarios of playbooks: of a directory of them, of one folder or file, or one scenario alone.
 * @throws FirebreakError FB6005 for a path that cannot be read, FB6007 for a playbook that does not compile, FB6101 when there is no scenario at all
 */
export async function testPlaybooks(paths: readonly string[]): Promise<Tested> {
  const loaded = new Map<string, Promise<LoadedPlaybooks>>();
  const playbooks: PlaybookResult[] = [];
  for (const path of paths)
    for (const { file, scenarios } of await targets(path)) {
      const found = await compiled(file, loaded);
      const results: ScenarioResult[] = [];
      for (const scenario of scenarios) results.push(await testScenario(scenario, found));
      playbooks.push({ playbook: found.playbook.id, file, scenarios: results });
    }
  const all = playbooks.flatMap(({ scenarios }) => scenarios);
  if (all.length === 0)
    throw usage(
      `there is no scenario in ${safe(paths.join(', '))}: one lies in <folder>/scenarios/<name>.yaml, beside playbook.yaml`,
    );
  const passed = all.filter(({ ok }) => ok).length;
  return { ok: passed === all.length, passed, failed: all.length - passed, playbooks };
}

async function testScenario(file: string, { playbook }: CompiledPlaybook): Promise<ScenarioResult> {
  const scenario = readScenario(file, await readFile(file, 'utf8'));
  if ('problems' in scenario)
    return { file, name: basename(file), ok: false, problems: scenario.problems, differences: [] };
  const { problems, ...got } = play(scenario, playbook);
  // Without an end there is nothing to compare: the problem says why.
  const found = got.outcome === undefined ? [] : differences(scenario, { ...got, problems });
  const ok = problems.length === 0 && found.length === 0;
  return { file, name: scenario.name, ok, problems, differences: found, got };
}

/** The playbook of a file, with its neighbours as its children. */
async function compiled(
  file: string,
  loaded: Map<string, Promise<LoadedPlaybooks>>,
): Promise<CompiledPlaybook> {
  const place = resolve(file);
  const dir = dirname(dirname(place));
  const loading = loaded.get(dir) ?? loadPlaybooks(dir, catalogue().signatures);
  loaded.set(dir, loading);
  const { playbooks, problems } = await loading;
  const found = [...playbooks.values()].find((one) => one.file === place);
  if (found !== undefined) return found;
  const own = problems.filter((problem) => problem.file === place);
  throw new PlaybooksInvalid(own.length > 0 ? own : problems);
}

async function targets(path: string): Promise<{ file: string; scenarios: string[] }[]> {
  try {
    const file = join(path, 'playbook.yaml');
    if ((await stat(path)).isDirectory()) {
      const files = (await exists(file)) ? [file] : await playbookFiles(path);
      return await Promise.all(files.map(async (one) => ({ file: one, scenarios: await scenariosOf(one) })));
    }
    if (basename(path) === 'playbook.yaml') return [{ file: join(path), scenarios: await scenariosOf(path) }];
    if (basename(dirname(path)) === 'scenarios')
      return [{ file: join(dirname(dirname(path)), 'playbook.yaml'), scenarios: [path] }];
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof FirebreakError || !/^E[A-Z0-9]+$/.test(code)) throw error;
    throw new FirebreakError('FB6005', `${safe(path)} cannot be read (${code})`);
  }
  throw usage(`${safe(path)} is neither a playbook.yaml nor a file in a folder named scenarios`);
}

async function scenariosOf(file: string): Promise<string[]> {
  const dir = join(dirname(file), 'scenarios');
  if (!(await exists(dir))) return [];
  const names = (await readdir(dir)).filter((name) => name.endsWith('.yaml'));
  return names.toSorted().map((name) => join(dir, name));
}
