import { spawn } from 'node:child_process';

/** How a program ended, and, unless it wrote straight to the terminal, what it said. */
export interface Ended {
  code: number;
  output: string;
  /** Its time was up, and it was ended. */
  late: boolean;
}

export interface RunOptions {
  /** Passes the program's output through instead of keeping it. */
  live?: boolean;
  limitMinutes: number;
}

/** Between SIGTERM and SIGKILL. Milliseconds. */
const graceMs = 10_000;

/**
 * Runs a program to its end. SIGINT and SIGTERM to this process go on to it, and this process then exits with 130.
 * It stays in this process group, so that whoever ends the group ends everything.
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: options.live === true ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    let late = false;
    let interrupted = false;
    let kill: NodeJS.Timeout | undefined;
    const end = () => {
      child.kill('SIGTERM');
      kill ??= setTimeout(() => child.kill('SIGKILL'), graceMs);
    };
    const interrupt = () => {
      interrupted = true;
      end();
    };
    const limit = setTimeout(() => {
      late = true;
      end();
    }, options.limitMinutes * 60_000);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, interrupt);
    const settle = () => {
      clearTimeout(limit);
      clearTimeout(kill);
      for (const signal of signals) process.off(signal, interrupt);
    };
    child.on('error', (error) => {
      settle();
      reject(error);
    });
    child.on('close', (code) => {
      settle();
      if (interrupted) process.exit(130);
      resolve({ code: code ?? 1, output, late });
    });
  });
}

/** Whether a program can be started and says that all is well. */
export async function answers(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await run(command, args, { limitMinutes: 1 })).code === 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
