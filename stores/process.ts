import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * A process as named in a temporary file: host, pid and start time, so that a reused pid is not taken for the writer. In a container the
 * host name is the container's own, so that two containers on one volume do not judge each other.
 */
export interface ProcessName {
  host: string;
  pid: number;
  started: string;
}

/** This process. */
export async function thisProcess(): Promise<ProcessName> {
  return {
    host: hostname().replaceAll(/[^A-Za-z0-9-]/g, '-'),
    pid: process.pid,
    started: (await startTime(process.pid)) ?? '0',
  };
}

/** Whether the process has certainly ended: of one on another host nothing is known, and the answer is false. */
export async function hasEnded(name: ProcessName): Promise<boolean> {
  if (name.host !== (await thisProcess()).host) return false;
  return (await startTime(name.pid)) !== name.started;
}

/** Clock ticks since boot at which a process began; undefined when there is none. '0' where the system does not say. */
async function startTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name, in parentheses, may hold anything; after it come the state (field 3) … the start time (field 22).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // No /proc (not Linux), or no such process: asking for its signal permission tells which.
    return canBeSignalled(pid) ? '0' : undefined;
  }
}

function canBeSignalled(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EPERM';
  }
}
