import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { debuglog, promisify } from 'node:util';
import { buildBinary, settingOf } from './binaries/build.ts';
import { BINARIES } from './binaries/catalogue.ts';
import type { BinaryName, BinarySpec } from './binaries/catalogue.ts';
import { errorCode } from './errors.ts';
import { withLock } from './lock.ts';

const run = promisify(execFile);
/** Shown with NODE_DEBUG=firebreak. */
const debug = debuglog('firebreak');

/** What the file system says of a path that is no file we may run. */
const NOT_EXECUTABLE = new Set<unknown>(['ENOENT', 'ENOTDIR', 'EACCES']);

const resolved = new Map<BinaryName, Promise<string>>();

/**
 * The path of an executable of the pinned version, looked for in this order: an explicit setting (`FIREBREAK_BIN_<NAME>`),
 * PATH (only the pinned version), the cache, a build from source into the cache.
 *
 * @throws when the setting is not an executable, or when the program must be built and cannot be.
 */
export function binary(name: BinaryName): Promise<string> {
  let path = resolved.get(name);
  if (!path) {
    path = resolveBinary(name, BINARIES[name], process.env);
    resolved.set(name, path);
    // A failure is not remembered: the person may install Go and try again.
    path.catch(() => resolved.delete(name));
  }
  return path;
}

/** {@link binary} for a program of any table, with the environment given. */
export async function resolveBinary(name: string, spec: BinarySpec, env: NodeJS.ProcessEnv): Promise<string> {
  const setting = env[settingOf(name)];
  if (setting) {
    if (await isExecutable(setting)) return setting;
    throw new Error(
      `${settingOf(name)} is ${setting}, which is not an executable file: correct it or unset it`,
    );
  }
  return (await onPath(name, spec, env)) ?? (await inCache(name, spec, env));
}

async function onPath(name: string, spec: BinarySpec, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder, name);
    // An empty or relative entry of PATH would run whatever lies in the current folder.
    if (!isAbsolute(folder) || !(await isExecutable(candidate))) continue;
    const version = await versionOf(candidate, spec);
    if (version === spec.version) return candidate;
    debug('%s skipped: it is version %s, not %s', candidate, version ?? 'unknown', spec.version);
  }
  return undefined;
}

/** The version that a program reports; undefined when it reports none. */
async function versionOf(path: string, spec: BinarySpec): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(path, [...spec.versionArgs], { timeout: 10_000 });
    return spec.versionPattern.exec(`${stdout}\n${stderr}`)?.[1];
  } catch (error) {
    debug('%s does not report a version: %s', path, error);
    return undefined;
  }
}

async function inCache(name: string, spec: BinarySpec, env: NodeJS.ProcessEnv): Promise<string> {
  const cache = cacheFolder(env);
  const cached = join(cache, `${name}-${spec.version}`);
  if (await isExecutable(cached)) return cached;
  await mkdir(cache, { recursive: true });
  await withLock(
    join(cache, 'build.lock'),
    async () => {
      // Another process may have built it while this one waited.
      if (!(await isExecutable(cached))) await buildBinary(name, spec, cached, env);
    },
    (pid) => process.stderr.write(`testbed: ${name} waits for process ${pid}, which is building\n`),
  );
  return cached;
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'firebreak', 'bin');
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch (error) {
    if (NOT_EXECUTABLE.has(errorCode(error))) return false;
    throw error;
  }
}
