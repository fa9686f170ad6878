import { join } from 'node:path';

/**
 * Takes an exclusive lock that ends with its holder, however that ends. Node offers no lock of the kernel's; SQLite takes one on its
 * database file, so an empty database is the lock.
 * @returns a function that gives it back; undefined when another process, or another holder in this one, has it.
 */
export async function tryLock(dir: string, name: string): Promise<(() => void) | undefined> {
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(join(dir, name), { timeout: 0 });
  try {
    // No journal file beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const busy =
      typeof error === 'object' && error !== null && 'errcode' in error && error.errcode === sqliteBusy;
    if (busy) return undefined;
    throw error;
  }
  return () => database.close();
}

const sqliteBusy = 5;
