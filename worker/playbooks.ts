import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { ActionSignature } from '../domain/action.ts';
import { FirebreakError, systemCode } from '../domain/errors.ts';
import { compilePlaybook, playbookId, type Library, type PlaybookText } from '../language/compile/compile.ts';
import type { Problem } from '../language/compile/problem.ts';
import type { CompiledPlaybook } from '../language/run/playbook.ts';
import { commitOf } from './git.ts';

export interface LoadedPlaybooks {
  /** By id. */
  playbooks: Map<string, CompiledPlaybook>;
  problems: Problem[];
  warnings: Problem[];
}

/** Playbooks that must not be run: every problem, a line each. */
export class PlaybooksInvalid extends FirebreakError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const lines = problems.map(
      ({ file, line, column, code, field, message, fix }) =>
        `${file}:${line}:${column}: ${code} ${field}: ${message} (${fix})`,
    );
    super('FB6007', `playbooks cannot be used:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Compiles `<dir>/<folder>/playbook.yaml` of every folder, in the order of their names. They may run each other.
 * @throws FirebreakError FB6005 when the directory cannot be read
 */
export async function loadPlaybooks(
  dir: string,
  signatures: readonly ActionSignature[],
): Promise<LoadedPlaybooks> {
  const loaded: LoadedPlaybooks = { playbooks: new Map(), problems: [], warnings: [] };
  const texts = await playbookTexts(dir);
  const library = libraryOf(texts);
  for (const text of texts) {
    const { file } = text;
    const compiled = compilePlaybook(text, signatures, library);
    if ('problems' in compiled) {
      loaded.problems.push(...compiled.problems);
      continue;
    }
    loaded.warnings.push(...compiled.warnings);
    const { id } = compiled.ok.playbook;
    const twin = loaded.playbooks.get(id);
    if (twin === undefined) loaded.playbooks.set(id, await withCommit(compiled.ok));
    else loaded.problems.push(duplicate(file, id, twin.file));
  }
  return loaded;
}

async function withCommit(compiled: CompiledPlaybook): Promise<CompiledPlaybook> {
  const commit = await commitOf(compiled.file);
  return commit === undefined ? compiled : { ...compiled, commit };
}

async function playbookTexts(dir: string): Promise<PlaybookText[]> {
  const files = await playbookFiles(dir);
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(file, 'utf8') })));
}

/** By the id that each file gives; of two with the same id the first, as when they are loaded. */
function libraryOf(texts: readonly PlaybookText[]): Library {
  const byId = new Map<string, PlaybookText>();
  for (const text of texts) {
    const id = playbookId(text.text);
    if (id !== undefined && !byId.has(id)) byId.set(id, text);
  }
  return { get: (id) => byId.get(id), ids: () => byId.keys() };
}

/** The playbooks that one may run as steps: those in the folders beside its own, when it lies in `<folder>/playbook.yaml`. */
export async function libraryAround(file: string): Promise<Library | undefined> {
  if (basename(file) !== 'playbook.yaml') return undefined;
  return libraryOf(await playbookTexts(dirname(dirname(resolve(file)))));
}

/** The playbook files below a directory. @throws FirebreakError FB6005 */
export async function playbookFiles(dir: string): Promise<string[]> {
  try {
    const folders = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const files: string[] = [];
    for (const { name } of folders.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const inside = await readdir(join(dir, name));
      if (inside.includes('playbook.yaml')) files.push(join(dir, name, 'playbook.yaml'));
    }
    return files;
  } catch (error) {
    throw new FirebreakError('FB6005', `playbooks: ${dir} cannot be read (${systemCode(error)})`);
  }
}

function duplicate(file: string, id: string, other: string): Problem {
  return {
    code: 'FB2028',
    severity: 'error',
    file,
    line: 1,
    column: 1,
    field: 'id',
    message: `the id ${id} is that of ${other} as well`,
    fix: 'give each playbook an id of its own',
  };
}
