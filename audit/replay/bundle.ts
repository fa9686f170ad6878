import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { FirebreakError } from '../../domain/errors.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const interceptors = ['audit/replay/interceptor.ts', 'workflows/anchor.ts'].map((file) => join(root, file));
/** Everything whose text goes into the bundle, dependencies through their exact versions. */
const sources = ['workflows', 'domain', 'language/run', 'audit/replay', 'audit/claimed.ts', 'package.json'];

/**
 * The workflows bundled with the capturing interceptor, as a file that is kept in the cache under the digest of all that went into it: bundling
 * takes seconds, and an auditor verifies many incidents.
 * @param workflowsPath module that exports the workflows; Firebreak's own when absent
 * @throws FirebreakError FB5008 when the workflows cannot be bundled
 */
export async function replayBundle(workflowsPath = join(root, 'workflows/index.ts')): Promise<string> {
  const hash = createHash('sha256').update(workflowsPath);
  for (const file of [...(await Promise.all(sources.map(filesUnder))).flat(), workflowsPath]) {
    hash.update(`\n${relative(root, file)}\n`).update(await readFile(file));
  }
  const dir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'firebreak', 'replay');
  const path = join(dir, `${hash.digest('hex')}.js`);
  if (await exists(path)) return path;
  let code: string;
  try {
    ({ code } = await bundleWorkflowCode({
      workflowsPath,
      workflowInterceptorModules: interceptors,
      logger: new DefaultLogger('ERROR', () => undefined),
    }));
  } catch (error) {
    throw new FirebreakError(
      'FB5008',
      'the workflows cannot be bundled for a replay: reinstall Firebreak',
      {},
      error,
    );
  }
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, code, { mode: 0o600 });
  await rename(draft, path);
  return path;
}

async function filesUnder(name: string): Promise<string[]> {
  const path = join(root, name);
  if (!(await isDirectory(path))) return [path];
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function isDirectory(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
