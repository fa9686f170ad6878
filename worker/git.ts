import { execFile } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Milliseconds that one Git command may take: provenance is worth a moment, and no more. */
const patienceMs = 5_000;
/** Most bytes of one answer. */
const maxBytes = 16 * 1024 * 1024;

/** Git said no, or is not there. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

/**
 * What a Git command prints. No shell reads its arguments, it asks nothing, takes no locks and runs no hooks or file-system monitors of
 * the repository.
 * @throws GitError
 */
export async function git(dir: string, args: readonly string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const env = {
    ...Object.fromEntries(own),
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    LC_ALL: 'C',
  };
  try {
    const { stdout } = await run('git', ['-c', 'core.fsmonitor=false', '--literal-pathspecs', ...args], {
      cwd: dir,
      env,
      timeout: patienceMs,
      maxBuffer: maxBytes,
    });
    return stdout;
  } catch (error) {
    throw new GitError(reason(error));
  }
}

/**
 * The last commit that touched a file, and whether the file differs from it; undefined outside a work tree, without Git, and for a file that
 * no commit has.
 */
export async function commitOf(file: string): Promise<{ id: string; modified: boolean } | undefined> {
  const path = resolve(file);
  const [dir, name] = [dirname(path), basename(path)];
  try {
    const id = (await git(dir, ['log', '-1', '--format=%H', '--', name])).trim();
    if (id === '') return undefined;
    const status = await git(dir, ['status', '--porcelain', '--', name]);
    return { id, modified: status.trim() !== '' };
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  if ('killed' in error && error.killed === true) return `git took longer than ${patienceMs / 1000} s`;
  return said === '' ? error.message : said;
}
