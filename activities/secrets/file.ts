import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, truncate, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../domain/errors.ts';
import { Secret, type SecretStore, type StoredSecret } from '../../domain/secret.ts';
import { badPath, changedMeanwhile, unusable } from './failures.ts';

const draftPrefix = '.draft-';

/**
 * Secrets as files, for tests and for one machine: `<directory>/<path>/<version>`, the highest number is the current one, the one before it is kept. All
 * for their owner alone. A version appears whole or not at all, and only once: of two writers at the same version one is refused, whatever
 * process it is in. The directory must be on a local file system.
 */
export function fileStore(name: string, directory: string): SecretStore {
  const folderOf = (path: string): string => join(directory, ...segmentsOf(path));

  async function currentOf(path: string): Promise<(StoredSecret & { number: number }) | undefined> {
    const what = store.describe(path);
    const folder = folderOf(path);
    // A writer may have emptied what was just listed: then there is a higher one.
    for (let last = 0; ;) {
      const number = (await versionsIn(folder, what)).at(-1);
      if (number === undefined) return undefined;
      if (number === last) throw unusable(what, 'its newest file is empty: remove it');
      last = number;
      const value = await readVersion(folder, number, what);
      if (value !== undefined) return { value, number, version: String(number) };
    }
  }

  const store: SecretStore = {
    name,
    describe: (path) => `secret ${path} under ${directory}`,
    async read(path) {
      const found = await currentOf(path);
      return found === undefined ? undefined : { value: found.value, version: found.version };
    },
    async previous(path) {
      const what = store.describe(path);
      const before = (await versionsIn(folderOf(path), what)).at(-2);
      return before === undefined ? undefined : readVersion(folderOf(path), before, what);
    },
    async write(path, value, call) {
      call.signal.throwIfAborted();
      const what = store.describe(path);
      const found = await currentOf(path);
      if (found?.value.reveal() === value.reveal()) return { version: found.version };
      if (found?.version !== call.version) throw changedMeanwhile(what);
      const folder = folderOf(path);
      await makeFolder(folder);
      const next = (found?.number ?? 0) + 1;
      if (!(await putWhole(folder, String(next), value.reveal()))) {
        const theirs = await currentOf(path);
        if (theirs?.value.reveal() === value.reveal()) return { version: theirs.version };
        throw changedMeanwhile(what);
      }
      // Emptied, and not removed: a writer that was slow must find the number taken.
      for (const version of await versionsIn(folder, what))
        if (version < next - 1) await truncate(join(folder, String(version)));
      return { version: String(next) };
    },
  };
  return store;
}

/** undefined when it is gone, or was emptied. */
async function readVersion(folder: string, version: number, what: string): Promise<Secret | undefined> {
  const file = await open(join(folder, String(version)), constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: unknown) => absent(error, what),
  );
  if (file === undefined) return undefined;
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0)
      throw unusable(what, 'others may read its file: chmod 600, and change the value');
    const text = await file.readFile('utf8');
    return text === '' ? undefined : new Secret(text);
  } finally {
    await file.close();
  }
}

/** `false`: the name is taken, and what is there stays. Durable when it resolves. */
async function putWhole(folder: string, name: string, text: string): Promise<boolean> {
  const draft = join(folder, `${draftPrefix}${randomBytes(8).toString('hex')}`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    await link(draft, join(folder, name));
    await syncDirectory(folder);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await file.close();
    await unlink(draft);
  }
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first !== undefined) await syncDirectory(dirname(first));
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** In their order. A draft that a killed writer left is no version. */
async function versionsIn(folder: string, what: string): Promise<number[]> {
  const names = (await readdir(folder).catch((error: unknown) => absent(error, what))) ?? [];
  return names
    .filter((name) => /^[1-9][0-9]{0,14}$/.test(name))
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Turns "there is none" into undefined, and nothing else. */
function absent(error: unknown, what: string): undefined {
  const code = systemCode(error);
  if (code === 'ENOENT') return undefined;
  if (code === 'ELOOP' || code === 'ENOTDIR')
    throw unusable(what, 'its files are not what this store made: move them away');
  throw error;
}

/** Nothing escapes the directory, and nothing is mistaken for a version or a draft. @throws FirebreakError FB3403 */
function segmentsOf(path: string): string[] {
  const segments = path.split('/');
  const valid = segments.every(
    (segment) => /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(segment) && !/^[1-9][0-9]*$/.test(segment),
  );
  if (valid) return segments;
  throw badPath(
    path,
    'segments of letters, digits, ".", "_" and "-", none of them a number, between slashes',
  );
}
