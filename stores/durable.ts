import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, realpath, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FirebreakError } from '../domain/errors.ts';
import { hasEnded, thisProcess } from './process.ts';

/** Where a crash test may stop a writer: after the temporary file is complete, and after it has its name. */
export type Step = 'written' | 'linked';

export interface DurableOptions {
  onStep?: (step: Step) => void | Promise<void>;
}

/** A file under construction: it has no name in the folder until it is committed. */
export interface Draft {
  handle: FileHandle;
  /** Gives the bytes their name, durably. `false`: the name is taken, and what is there stays. Ends the draft either way. */
  commit(name: readonly string[]): Promise<boolean>;
  /** As `commit`, but what was there before is replaced in one step. */
  replace(name: readonly string[]): Promise<void>;
  discard(): Promise<void>;
}

/** A directory whose files appear whole or not at all. Names are lists of segments, each validated: nothing escapes the directory. */
export interface Folder {
  readonly path: string;
  draft(): Promise<Draft>;
  /** Puts if absent. `different`: other bytes are there, and stay. */
  put(name: readonly string[], bytes: Uint8Array | string): Promise<'created' | 'same' | 'different'>;
  replace(name: readonly string[], bytes: Uint8Array | string): Promise<void>;
  /** undefined when there is no such file. */
  read(name: readonly string[]): Promise<Buffer | undefined>;
  /** Opens for appending, creating it when it is not there. */
  append(name: readonly string[]): Promise<FileHandle>;
  /** Names in a sub-directory, sorted; empty when there is none. */
  list(name?: readonly string[]): Promise<string[]>;
}

const draftsName = '.drafts';
/** A draft of a process on another host, or of none we can name, is left alone for this long. */
const abandonedAfterMs = 24 * 3_600_000;

/**
 * One segment of a path: letters, digits, `.`, `_`, `-`, at most 100, not beginning with a dot.
 * @throws FirebreakError FB6201
 */
export function segment(text: string): string {
  if (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(text)) return text;
  throw new FirebreakError(
    'FB6201',
    `${JSON.stringify(text.slice(0, 120))} cannot name a record: use 1 to 100 of A-Z a-z 0-9 . _ - and no leading dot`,
  );
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    codes.some((code) => code === error.code)
  );
}

/** The disk, or the quota on it, is exhausted. */
export function isDiskFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC', 'EDQUOT');
}

/**
 * Opens a directory for durable writes; it is created, for its owner alone, when it is not there. Drafts of writers that have ended are removed.
 * @throws FirebreakError FB6202 when the disk is full (any writing call), FB6203 when a name leads through a symbolic link.
 */
export async function openFolder(dir: string, options: DurableOptions = {}): Promise<Folder> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = await realpath(dir);
  const drafts = await subdirectory(path, draftsName);
  await removeAbandoned(drafts);
  const { host, pid, started } = await thisProcess();
  const prefix = `${host}.${pid}.${started}`;

  /** The real path of a file, its directories made on the way. */
  async function place(name: readonly string[]): Promise<{ directory: string; file: string }> {
    const segments = name.map(segment);
    const last = segments.pop();
    if (last === undefined) throw new FirebreakError('FB6201', 'a record needs a name');
    let directory = path;
    for (const part of segments) directory = await subdirectory(directory, part);
    return { directory, file: join(directory, last) };
  }

  /** The real path for reading; undefined when a directory on the way is missing. */
  async function find(name: readonly string[]): Promise<string | undefined> {
    let at = path;
    for (const part of name.map(segment)) {
      at = join(at, part);
      const found = await lstat(at).catch(absent);
      if (found === undefined) return undefined;
      if (found.isSymbolicLink()) throw throughLink(at);
    }
    return at;
  }

  async function draft(): Promise<Draft> {
    const temporary = join(drafts, `${prefix}.${randomBytes(8).toString('hex')}`);
    const handle = await full(path, () => open(temporary, 'wx', 0o600));
    const finish = async (name: readonly string[], give: (file: string) => Promise<boolean>) => {
      try {
        return await full(path, async () => {
          await handle.sync();
          await options.onStep?.('written');
          const { directory, file } = await place(name);
          const created = await give(file);
          // Also when another writer named it: its name may not be on disk yet, and we are about to say that it is.
          await syncDirectory(directory);
          await options.onStep?.('linked');
          return created;
        });
      } finally {
        await discard();
      }
    };
    const discard = async () => {
      await handle.close();
      await unlink(temporary).catch(absent);
    };
    return {
      handle,
      commit: (name) =>
        finish(name, (file) =>
          link(temporary, file).then(
            () => true,
            (error: unknown) => {
              if (hasCode(error, 'EEXIST')) return false;
              throw error;
            },
          ),
        ),
      replace: async (name) => {
        await finish(name, (file) => rename(temporary, file).then(() => true));
      },
      discard,
    };
  }

  async function write(bytes: Uint8Array | string): Promise<Draft> {
    const made = await draft();
    try {
      await full(path, () => made.handle.writeFile(bytes));
      return made;
    } catch (error) {
      await made.discard();
      throw error;
    }
  }

  async function read(name: readonly string[]): Promise<Buffer | undefined> {
    const file = await find(name);
    if (file === undefined) return undefined;
    const handle = await openExisting(file, constants.O_RDONLY);
    if (handle === undefined) return undefined;
    try {
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  }

  return {
    path,
    draft,
    read,
    async put(name, bytes) {
      const made = await write(bytes);
      if (await made.commit(name)) return 'created';
      const there = await read(name);
      return there?.equals(typeof bytes === 'string' ? Buffer.from(bytes) : bytes) === true
        ? 'same'
        : 'different';
    },
    async replace(name, bytes) {
      await (await write(bytes)).replace(name);
    },
    async append(name) {
      return await full(path, async () => {
        const { directory, file } = await place(name);
        const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW;
        const existing = await openExisting(file, flags);
        if (existing !== undefined) return existing;
        const handle = await open(file, flags | constants.O_CREAT, 0o600);
        await syncDirectory(directory);
        return handle;
      });
    },
    async list(name = []) {
      const directory = await find(name);
      if (directory === undefined) return [];
      const names = await readdir(directory);
      return names.filter((entry) => !entry.startsWith('.')).toSorted();
    },
  };
}

/** Makes what has been created, renamed or removed in a directory survive a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function subdirectory(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  try {
    await mkdir(path, { mode: 0o700 });
    await syncDirectory(parent);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    if (!(await lstat(path)).isDirectory()) throw throughLink(path);
  }
  return path;
}

async function openExisting(file: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(file, flags | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (hasCode(error, 'ELOOP')) throw throughLink(file);
    throw error;
  }
}

function throughLink(path: string): FirebreakError {
  return new FirebreakError(
    'FB6203',
    `${path} is not what this store made: replace it with a plain file or directory`,
  );
}

async function full<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new FirebreakError('FB6202', `the disk under ${path} is full: free some space`, {}, error);
  }
}

async function removeAbandoned(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const file = join(drafts, name);
    const [host, pid, started] = name.split('.');
    const found = await stat(file).catch(absent);
    if (found === undefined) continue;
    const old = Date.now() - found.mtimeMs > abandonedAfterMs;
    const ended = await hasEnded({ host: host ?? '', pid: Number(pid), started: started ?? '' });
    if (old || ended) await unlink(file).catch(absent);
  }
}

/** Turns "there is none" into undefined, and nothing else. */
function absent(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
  return undefined;
}
