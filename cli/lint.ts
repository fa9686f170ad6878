import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ActionSignature } from '../domain/action.ts';
import { FirebreakError, systemCode } from '../domain/errors.ts';
import { compilePlaybook } from '../language/compile/compile.ts';
import type { Problem } from '../language/compile/problem.ts';
import { catalogue } from '../worker/catalogue.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { libraryAround, loadPlaybooks, playbookFiles } from '../worker/playbooks.ts';
import { exists } from './exists.ts';
import { usage } from './failure.ts';
import { safe } from './output.ts';

export interface Linted {
  /** How many playbooks were read. */
  files: number;
  /** Errors and warnings, by file and place. */
  problems: Problem[];
}

/**
 * Checks playbook files, and all below directories; those of the configuration when none are named.
 * @throws FirebreakError FB6005 for a path that cannot be read, FB6101 when there is no playbook at all
 */
export async function lintPlaybooks(paths: readonly string[], config: string): Promise<Linted> {
  const { signatures } = catalogue();
  const linted: Linted = { files: 0, problems: [] };
  const wanted = paths.length > 0 ? paths : [await defaultDirectory(config)];
  for (const path of wanted) {
    const { files, problems } = await lintPath(path, signatures);
    linted.files += files;
    linted.problems.push(...problems);
  }
  if (linted.files === 0)
    throw usage(`there is no playbook in ${wanted.join(', ')}: one lies in <folder>/playbook.yaml`);
  linted.problems.sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : 0));
  return linted;
}

async function lintPath(path: string, signatures: readonly ActionSignature[]): Promise<Linted> {
  try {
    if ((await stat(path)).isDirectory()) {
      const own = join(path, 'playbook.yaml');
      if (await exists(own)) return await lintPath(own, signatures);
      const { problems, warnings } = await loadPlaybooks(path, signatures);
      return { files: (await playbookFiles(path)).length, problems: [...problems, ...warnings] };
    }
    const text = await readFile(path, 'utf8');
    const library = await libraryAround(path);
    const compiled = compilePlaybook({ file: path, text }, signatures, library);
    return { files: 1, problems: 'ok' in compiled ? compiled.warnings : compiled.problems };
  } catch (error) {
    const code = systemCode(error);
    if (error instanceof FirebreakError || !/^E[A-Z0-9]+$/.test(code)) throw error;
    throw new FirebreakError('FB6005', `${safe(path)} cannot be read (${code})`);
  }
}

/** The playbooks of a configuration; ./playbooks without one. */
export async function defaultDirectory(config: string): Promise<string> {
  if (await exists(config)) return (await loadConfiguration(config)).playbooks;
  return join(dirname(config), 'playbooks');
}
