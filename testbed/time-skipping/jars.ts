import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { errorCode } from '../errors.ts';
import { withLock } from '../lock.ts';

const run = promisify(execFile);

/** The version that `build/time-skipping/pom.xml` names. */
const VERSION = '1.32.1';
const SETTING = 'FIREBREAK_TIME_SKIPPING_JARS';
const BUILD = fileURLToPath(new URL('../build/time-skipping/', import.meta.url));

/** Java source of the server's main class; Java compiles it as it starts. */
export const mainClass = join(BUILD, 'LoopbackServer.java');

/** Why there is no time-skipping server on this machine; undefined when it is there or can be fetched. */
export async function whyNoTimeSkipping(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (!(await hasJava(env)))
    return 'there is no Java with a compiler on PATH: install a JDK, version 11 or newer';
  if (env[SETTING] || (await holdsServer(cacheFolder(env)))) return undefined;
  if (await answers('mvn', ['--version'], env)) return undefined;
  return `there is no Maven on PATH to fetch it: install mvn, or set ${SETTING} to a folder with temporal-test-server ${VERSION} and its dependencies`;
}

/**
 * The folder with the server's jars: an explicit setting (`FIREBREAK_TIME_SKIPPING_JARS`), the cache, or fetched into the cache by Maven.
 * @throws when the setting has no such jar, or Maven cannot fetch it
 */
export async function timeSkippingJars(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const setting = env[SETTING];
  if (setting) {
    if (await holdsServer(setting)) return setting;
    throw new Error(
      `${SETTING} is ${setting}, which holds no temporal-test-server-${VERSION}.jar: correct it or unset it`,
    );
  }
  const cached = cacheFolder(env);
  if (await holdsServer(cached)) return cached;
  await mkdir(join(cached, '..'), { recursive: true });
  await withLock(`${cached}.lock`, async () => {
    // Another process may have fetched it while this one waited.
    if (!(await holdsServer(cached))) await fetchJars(cached, env);
  });
  return cached;
}

/** Moves the jars to `destination` in one step: a folder there is always whole. */
async function fetchJars(destination: string, env: NodeJS.ProcessEnv): Promise<void> {
  process.stderr.write(
    `testbed: fetching the time-skipping server ${VERSION} (first time only, about 10 seconds)\n`,
  );
  const scratch = await mkdtemp(`${destination}.fetching-`);
  try {
    // Maven writes beside the file that it is given.
    const pom = join(scratch, 'pom.xml');
    await copyFile(join(BUILD, 'pom.xml'), pom);
    const jars = join(scratch, 'jars');
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${jars}`];
    await run('mvn', ['--batch-mode', '--quiet', '--file', pom, ...goal], { env, timeout: 10 * 60_000 });
    await rm(destination, { recursive: true, force: true });
    await rename(jars, destination);
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-2000) : '';
    throw new Error(`Maven could not fetch the time-skipping server ${VERSION}: ${said}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const cache = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'firebreak', `time-skipping-${VERSION}`);
}

async function holdsServer(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).includes(`temporal-test-server-${VERSION}.jar`);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String(errorCode(error)))) return false;
    throw error;
  }
}

async function hasJava(env: NodeJS.ProcessEnv): Promise<boolean> {
  // A runtime without the compiler cannot start from source.
  return answers('java', ['--list-modules'], env, /^jdk\.compiler@/m);
}

async function answers(
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  pattern = /./,
): Promise<boolean> {
  try {
    const { stdout } = await run(command, args, { env, timeout: 60_000 });
    return pattern.test(stdout);
  } catch {
    // Absent, or of no use: either way it is not to be had here.
    return false;
  }
}
