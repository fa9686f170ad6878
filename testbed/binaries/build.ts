import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logTail, startProcess } from '../process.ts';
import type { BinarySpec } from './catalogue.ts';

const WORKSPACES = fileURLToPath(new URL('../build/', import.meta.url));
const SCRATCH_PREFIX = '.building-';

/**
 * Builds `name` with Go and moves it to `destination` in one step: a file there is always whole. Progress goes to stderr.
 * The caller holds the lock of the folder of `destination`.
 *
 * @throws naming the fix when there is no Go, with the end of Go's output when the build fails.
 */
export async function buildBinary(
  name: string,
  spec: BinarySpec,
  destination: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const cache = dirname(destination);
  await requireGo(name, env);
  await removeAbandoned(cache);
  const scratch = await mkdtemp(join(cache, SCRATCH_PREFIX));
  const built = join(scratch, name);
  const logFile = join(cache, `build-${name}.log`);
  await rm(logFile, { force: true });
  const { args, cwd, produces } = command(spec, scratch, built);
  report(`building ${name} ${spec.version} from source (first time only, about ${spec.estimate} on 2 cores)`);
  const since = Date.now();
  const elapsed = (): string => `${Math.round((Date.now() - since) / 1000)} s`;
  const ticker = setInterval(() => report(`building ${name} … ${elapsed()}`), 10_000);
  try {
    const go = await startProcess({
      name: `go ${args[0]}`,
      command: 'go',
      args,
      cwd,
      logFile,
      env: { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOBIN: scratch },
    });
    const { code, signal } = await go.exited;
    if (code !== 0) {
      throw new Error(
        `building ${name} ${spec.version} failed (${signal ?? `exit code ${code}`}); the end of ${logFile}:\n${await logTail(logFile)}`,
      );
    }
    await rename(produces, destination);
    report(`built ${name} ${spec.version} in ${elapsed()}`);
  } finally {
    clearInterval(ticker);
    await rm(scratch, { recursive: true, force: true });
  }
}

function command(
  { recipe, version }: BinarySpec,
  scratch: string,
  built: string,
): { args: string[]; cwd: string; produces: string } {
  const variables = Object.entries(recipe.variables ?? {}).map(([symbol, value]) => ` -X ${symbol}=${value}`);
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w${variables.join('')}`];
  if (recipe.kind === 'workspace') {
    return {
      args: ['build', ...flags, '-o', built, recipe.package],
      cwd: join(WORKSPACES, recipe.folder),
      produces: built,
    };
  }
  // `go install` names the file after the last part of the package's path.
  const produces = join(scratch, recipe.package.slice(recipe.package.lastIndexOf('/') + 1));
  const module = `${recipe.package}@v${recipe.moduleVersion ?? version}`;
  const tags = recipe.tags === undefined ? [] : ['-tags', recipe.tags.join(',')];
  return { args: ['install', ...flags, ...tags, module], cwd: scratch, produces };
}

async function requireGo(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const found = await new Promise<boolean>((resolve) => {
    const go = spawn('go', ['version'], { env, stdio: 'ignore' });
    go.once('error', () => resolve(false));
    go.once('exit', (code) => resolve(code === 0));
  });
  if (!found) {
    throw new Error(
      `${name} is not on this machine and there is no Go to build it with: install Go 1.26 or newer and put it on PATH, ` +
        `or set ${settingOf(name)} to an executable`,
    );
  }
}

/** Builds of a process that was killed; only the holder of the lock builds, so none of them is in use. */
async function removeAbandoned(cache: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(SCRATCH_PREFIX)) await rm(join(cache, entry), { recursive: true, force: true });
  }
}

/** The environment variable that sets the path of a binary: `FIREBREAK_BIN_KUBE_APISERVER` for kube-apiserver. */
export function settingOf(name: string): string {
  return `FIREBREAK_BIN_${name.toUpperCase().replaceAll('-', '_')}`;
}

function report(line: string): void {
  process.stderr.write(`testbed: ${line}\n`);
}
