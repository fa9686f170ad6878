import { readFile } from 'node:fs/promises';

/**
 * Whether the kernel would write this process's memory, secrets and all, to a file when it aborts. Undefined where that cannot be read: on other systems
 * than Linux.
 */
export async function leavesCoreFiles(limits = '/proc/self/limits'): Promise<boolean | undefined> {
  const text = await readFile(limits, 'utf8').catch(() => '');
  const soft = /^Max core file size\s+(\S+)/m.exec(text)?.[1];
  return soft === undefined ? undefined : soft !== '0';
}
