import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { errorCode } from '../errors.ts';
import { withLock } from '../lock.ts';
import { freePort } from '../ports.ts';
import { startService } from '../process.ts';
import type { RunningProcess } from '../process.ts';

const run = promisify(execFile);

const SETTING = 'FIREBREAK_MOTO_PYTHON';
const REQUIREMENTS = fileURLToPath(new URL('../build/aws/requirements.txt', import.meta.url));

/** Why there is no AWS to test against on this machine; undefined when it is there or can be installed. */
export async function whyNoAws(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (env[SETTING]) return undefined;
  try {
    await run('python3', ['-c', 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))'], {
      env,
    });
    return undefined;
  } catch {
    return `there is no python3 with venv on PATH, version 3.10 or newer: install it, or set ${SETTING} to a Python that has moto[server]`;
  }
}

/**
 * A Python that has moto: an explicit setting (`FIREBREAK_MOTO_PYTHON`), the cache, or installed into the cache by pip.
 * @throws when pip cannot install it
 */
async function motoPython(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const setting = env[SETTING];
  if (setting) return setting;
  const requirements = await readFile(REQUIREMENTS);
  const version = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const cache = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'firebreak');
  const folder = join(cache, `moto-${version}`);
  const python = join(folder, 'bin', 'python');
  if (await exists(python)) return python;
  await mkdir(cache, { recursive: true });
  await withLock(
    `${folder}.lock`,
    async () => {
      // Another process may have installed it while this one waited.
      if (!(await exists(python))) await install(folder, env);
    },
    (pid) => process.stderr.write(`testbed: moto waits for process ${pid}, which is installing it\n`),
  );
  return python;
}

/** Python finds its packages beside its executable, so the folder may be moved once it is whole. */
async function install(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const reason = await whyNoAws(env);
  if (reason !== undefined) throw new Error(reason);
  process.stderr.write(
    'testbed: installing moto, the AWS of the tests (first time only, about 30 seconds)\n',
  );
  const scratch = `${folder}.installing`;
  await rm(scratch, { recursive: true, force: true });
  try {
    await run('python3', ['-m', 'venv', scratch], { env, timeout: 120_000 });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run(join(scratch, 'bin', 'python'), [...pip, '--requirement', REQUIREMENTS], {
      env,
      timeout: 10 * 60_000,
    });
    await rename(scratch, folder);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-2000) : '';
    throw new Error(`pip could not install moto: ${said}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

export interface Moto {
  /** Takes any call unchecked: only the front talks to it. */
  endpoint: string;
  process: RunningProcess;
}

/** Starts moto's server with an empty account. Its own check of policies stays off: the front's is the whole one. */
export async function startMoto(options: { accountId: string; logFile: string }): Promise<Moto> {
  const python = await motoPython();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = await startService({
    name: 'moto',
    command: python,
    args: ['-m', 'moto.server', '--host', '127.0.0.1', '--port', String(port)],
    env: {
      ...process.env,
      MOTO_ACCOUNT_ID: options.accountId,
      MOTO_IAM_LOAD_MANAGED_POLICIES: 'true',
      PYTHONUNBUFFERED: '1',
    },
    logFile: options.logFile,
    ready: async () => {
      const answer = await fetch(`${endpoint}/moto-api/data.json`, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      return answer.ok;
    },
  });
  return { endpoint, process: server };
}
