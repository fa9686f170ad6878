import { FirebreakError } from '../domain/errors.ts';
import { openFolder } from './durable.ts';
import type { DurableOptions } from './durable.ts';

/** Write-once files. A name is segments joined by `/`, e.g. `inc-1/history.json`. */
export interface Records {
  /**
   * Puts if absent; the same bytes again are success. Durable when it resolves.
   * @throws FirebreakError FB6205 when other bytes are there, FB6201 for a name that cannot be a path.
   */
  put(name: string, bytes: Uint8Array | string): Promise<void>;
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names directly under a prefix (the top when absent), sorted. */
  list(prefix?: string): Promise<string[]>;
}

/** Opens `dir` as a set of write-once files: seals, exports. */
export async function openRecords(dir: string, options: DurableOptions = {}): Promise<Records> {
  const folder = await openFolder(dir, options);
  return {
    async put(name, bytes) {
      if ((await folder.put(name.split('/'), bytes)) === 'different') {
        throw new FirebreakError(
          'FB6205',
          `${name} is stored already, with other content: it is never replaced`,
        );
      }
    },
    get: (name) => folder.read(name.split('/')),
    list: (prefix) => folder.list(prefix?.split('/') ?? []),
  };
}
