import { randomUUID } from 'node:crypto';
import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import { errorCode } from './errors.ts';

const run = promisify(execFile);

/** What a lock file says about its holder. The nonce tells one holding of the lock from the next. */
const holderSchema = z.object({
  pid: z.int(),
  /** When that process started, so that a reused pid is not taken for the holder. */
  started: z.string(),
  nonce: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/**
 * Runs `work` while holding the lock file `path`, waiting for other processes as long as they live. A holder that
 * crashed is found by its pid and start time, and its lock is broken.
 *
 * @param onWait called once, with the pid of the holder, if the lock is not free at once.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait?: (pid: number) => void,
): Promise<T> {
  const nonce = await acquire(path, onWait);
  try {
    return await work();
  } finally {
    await release(path, nonce);
  }
}

async function acquire(path: string, onWait?: (pid: number) => void): Promise<string> {
  const nonce = randomUUID();
  const self: Holder = { pid: process.pid, started: (await startTime(process.pid)) ?? '', nonce };
  // Written in full first and then linked: a lock file is never seen empty or half written.
  const draft = `${path}.${nonce}`;
  await writeFile(draft, JSON.stringify(self));
  try {
    let told = false;
    for (;;) {
      if (await tryLink(draft, path)) return nonce;
      const holder = await readHolder(path);
      if (!holder) continue;
      if (!(await isAlive(holder))) {
        await breakLock(path, holder.nonce);
        continue;
      }
      if (!told) onWait?.(holder.pid);
      told = true;
      await sleep(100);
    }
  } finally {
    await unlink(draft);
  }
}

/**
 * Removes the lock of a dead holder. Two waiters may both see it dead; without care the slower one would remove the
 * faster one's fresh lock. So breaking a holding needs a lock of its own, named after that one holding.
 */
async function breakLock(path: string, staleNonce: string): Promise<void> {
  await withLock(`${path}.break-${staleNonce}`, async () => {
    if ((await readHolder(path))?.nonce === staleNonce) await unlink(path);
  });
}

async function release(path: string, nonce: string): Promise<void> {
  if ((await readHolder(path))?.nonce === nonce) await unlink(path);
}

async function tryLink(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return holderSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new Error(`the lock file ${path} cannot be read: remove it and run again`, { cause: error });
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const started = await startTime(holder.pid);
  return started !== undefined && started === holder.started;
}

/** A value that differs between two processes that had the same pid; undefined when there is no such process. */
async function startTime(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The command name, in parentheses, may hold anything; after it come the state (field 3) … the start time (field 22).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
      throw error;
    }
  }
  try {
    return (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim();
  } catch (error) {
    // ps exits with 1 when there is no such process.
    if (errorCode(error) === 1) return undefined;
    throw error;
  }
}
