import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, open, readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessOptions {
  /** For messages. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Receives stdout and stderr; appended to. */
  logFile: string;
}

export interface ServiceOptions extends ProcessOptions {
  /** True once the service answers on its real health endpoint; a rejection counts as "not yet". */
  ready: () => Promise<boolean>;
  /** Default 60 s: a loaded two-core machine is slow. */
  readyWithinMs?: number;
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, with what it ended by. */
  readonly exited: Promise<Exit>;
  running(): boolean;
  /** SIGTERM, then SIGKILL to its whole process group after `graceMs` (default 5 s). Returns when it is gone; may be repeated. */
  stop(graceMs?: number): Promise<void>;
}

const LOG_TAIL_LINES = 20;

/**
 * Is told a process group, and ends it when its standard input closes. The kernel closes that pipe however this process ends, by SIGKILL
 * too, and whichever thread did the spawning (a parent-death signal is tied to the thread).
 */
const WATCHDOG = 'read -r group || exit 0; read -r _; kill -s KILL -- "-$group"';

/** Becomes the program once it is told to, which is when the watchdog knows of it: whoever is killed before leaves nothing running. */
const LAUNCHER = 'read -r _ <&3 || exit 1; exec 3<&-; exec "$@"';

/**
 * Starts a program that cannot outlive this process. It does not keep this process's event loop alive.
 *
 * It has a process group of its own: Ctrl-C in a terminal reaches only this process, which can then stop things in order.
 * @throws when the program cannot be started.
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  await mkdir(dirname(options.logFile), { recursive: true });
  if (options.command.includes('/'))
    await access(options.command, constants.X_OK).catch((cause: unknown) => {
      throw new Error(`${options.name}: ${options.command} cannot be started`, { cause });
    });
  const log = await open(options.logFile, 'a');
  const watchdog = startWatchdog();
  const child = spawn('/bin/sh', ['-c', LAUNCHER, options.name, options.command, ...options.args], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'pipe'],
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // Everything that listens is in place before the first await: a short-lived program may end during any.
  let running = true;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      running = false;
      // At once, while the pid is ours: later the group could be somebody else's.
      watchdog.kill('SIGKILL');
      resolve({ code, signal });
    });
  });
  const spawned = once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) watchdog.kill('SIGKILL');
  else {
    watchdog.stdin.write(`${pid}\n`);
    const [, , , launch] = child.stdio;
    if (launch instanceof Socket) launch.end('\n');
  }
  child.unref();
  let cause: unknown;
  await spawned.catch((error: unknown) => (cause = error));
  await log.close();
  if (pid === undefined) {
    throw new Error(`${options.name}: ${options.command} cannot be started`, { cause });
  }
  return {
    name: options.name,
    pid,
    logFile: options.logFile,
    exited,
    running: () => running,
    async stop(graceMs = 5_000) {
      if (!running) return;
      child.ref();
      child.kill('SIGTERM');
      const timer = new AbortController();
      await Promise.race([
        exited,
        sleep(graceMs, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
      if (running) process.kill(-pid, 'SIGKILL');
      await exited;
    },
  };
}

function startWatchdog(): ChildProcessByStdio<Writable, null, null> {
  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.unref();
  // Node types the pipe as a stream; it is a socket, and would keep the event loop alive.
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  return watchdog;
}

/**
 * Starts a service and waits until it is ready; on failure nothing is left running.
 * @throws with the end of its log, when it ends early or misses the deadline.
 */
export async function startService(options: ServiceOptions): Promise<RunningProcess> {
  const started = await startProcess(options);
  const within = options.readyWithinMs ?? 60_000;
  const deadline = Date.now() + within;
  for (;;) {
    if (!started.running()) {
      const { code, signal } = await started.exited;
      throw await failure(started, `ended before it was ready (${signal ?? `exit code ${code}`})`);
    }
    if (await options.ready().catch(() => false)) return started;
    if (Date.now() > deadline) {
      await started.stop();
      throw await failure(started, `was not ready within ${within / 1000} s`);
    }
    await sleep(20);
  }
}

async function failure(service: RunningProcess, what: string): Promise<Error> {
  return new Error(
    `${service.name} ${what}; the end of ${service.logFile}:\n${await logTail(service.logFile)}`,
  );
}

/** The last lines of a log, for an error message. */
export async function logTail(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
}

/** Waits until `condition` holds, asking again every 20 ms. @throws after `withinMs`, naming `what` and the last error. */
export async function waitFor(
  what: string,
  condition: () => Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `${what}: not within ${withinMs / 1000} s`,
        lastError === undefined ? {} : { cause: lastError },
      );
    }
    await sleep(20);
  }
}
