import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The directory of a secret store of the kind `file`, as its people fill it: `<path>/<version>`, each for its owner alone. */
export class Vault {
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(dir: string): Promise<Vault> {
    await mkdir(dir, { mode: 0o700 });
    return new Vault(dir);
  }

  /** Keeps the value as the newest version. */
  async put(path: string, value: string): Promise<void> {
    const folder = join(this.dir, path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(join(folder, String((await this.#versions(folder)).length + 1)), value, { mode: 0o600 });
  }

  /** The newest version. */
  async read(path: string): Promise<string> {
    const folder = join(this.dir, path);
    return readFile(join(folder, String((await this.#versions(folder)).at(-1))), 'utf8');
  }

  /** Every value that is here, old ones too, by a name that may be shown. */
  async values(): Promise<{ [name: string]: string }> {
    const entries = await readdir(this.dir, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const read = await Promise.all(
      files.map(async (file) => [file.slice(this.dir.length + 1), await readFile(file, 'utf8')] as const),
    );
    return Object.fromEntries(read.filter(([, value]) => value !== ''));
  }

  async #versions(folder: string): Promise<number[]> {
    return (await readdir(folder))
      .map(Number)
      .filter((version) => Number.isInteger(version))
      .toSorted((left, right) => left - right);
  }
}
