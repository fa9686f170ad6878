import { claimed } from '../claimed.ts';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReplayAnswer, ReplayRequest } from './messages.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));

/**
 * Replays one history in a process of its own, so that no history can hang, crash or exhaust the auditor's.
 * Never rejects for what a history does: that is the answer's `failure`.
 */
export function replayHistory(request: ReplayRequest, timeoutMs: number): Promise<ReplayAnswer> {
  return new Promise((resolve, reject) => {
    const replaying = fork(child, [], {
      execArgv: ['--max-old-space-size=2048', '--no-warnings'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: withoutSecrets(),
    });
    let answer: ReplayAnswer | undefined;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      replaying.kill('SIGKILL');
    }, timeoutMs);
    replaying.once('message', (message) => {
      answer = claimed<ReplayAnswer>(message);
    });
    replaying.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    replaying.once('exit', (code, signal) => {
      clearTimeout(timer);
      const why = timedOut
        ? `no end after ${timeoutMs} ms`
        : `the replaying process ended with ${signal ?? code}`;
      resolve(answer ?? { activities: [], failure: { kind: 'replay', message: why } });
    });
    replaying.send(request, (error) => {
      // The exit that follows says more.
      if (error !== null) replaying.kill('SIGKILL');
    });
  });
}

/** Workflow code runs in there: it is given nothing of the environment but where to find programs and temporary files. */
function withoutSecrets(): NodeJS.ProcessEnv {
  const { PATH, TMPDIR, HOME } = process.env;
  return { ...(PATH ? { PATH } : {}), ...(TMPDIR ? { TMPDIR } : {}), ...(HOME ? { HOME } : {}) };
}
