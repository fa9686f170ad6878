import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { FirebreakError } from '../domain/errors.ts';
import { EvidenceStoreFull } from '../domain/evidence.ts';
import type { EvidenceStore } from '../domain/evidence.ts';
import type { Digest } from '../domain/json.ts';
import { isDiskFull, openFolder } from './durable.ts';
import type { DurableOptions, Folder } from './durable.ts';
import { evidenceIndex } from './evidence-index.ts';

export interface EvidenceLimits {
  /** All artefacts together, bytes. What other processes add after this one opened the store is not counted: the disk is the last limit. */
  maxTotalBytes: number;
  /** One artefact, bytes. */
  maxArtefactBytes: number;
}

/**
 * Content-addressed evidence under `<dir>/sha256/<first two hex digits>/<hex>`, and the chain of custody under `<dir>/index`.
 * Readable by its owner alone: logs and pod specs hold what nobody else should see.
 * @throws FirebreakError FB6207 when an artefact is absent, altered or misnamed (get); FB6206 when an index is damaged.
 */
export async function openEvidence(
  dir: string,
  limits: EvidenceLimits,
  options: DurableOptions = {},
): Promise<EvidenceStore> {
  const artefacts = await openFolder(join(dir, 'sha256'), options);
  const index = evidenceIndex(await openFolder(join(dir, 'index'), options));
  let used = await totalSize(artefacts);

  const put: EvidenceStore['put'] = async (content, mediaType, own = {}) => {
    const cap = Math.min(limits.maxArtefactBytes, own.maxBytes ?? Infinity);
    const draft = await orFull(() => artefacts.draft());
    const hash = createHash('sha256');
    let size = 0;
    let kept = false;
    try {
      for await (const chunk of chunks(content)) {
        if (size + chunk.length > cap) {
          throw new EvidenceStoreFull(`the artefact is larger than its limit of ${cap} bytes`);
        }
        // Counted as it streams, so that artefacts written at once share the cap.
        if (own.essential !== true && used + chunk.length > limits.maxTotalBytes) {
          throw new EvidenceStoreFull(
            `the evidence store has reached its limit of ${limits.maxTotalBytes} bytes`,
          );
        }
        size += chunk.length;
        used += chunk.length;
        hash.update(chunk);
        await orFull(() => draft.handle.appendFile(chunk));
      }
      const hex = hash.digest('hex');
      kept = await orFull(() => draft.commit(place(hex)));
      const digest: Digest = `sha256:${hex}`;
      // The same bytes are there already, or should be: a damaged copy must not pass for them.
      if (!kept) await checked(digest);
      return { digest, size, mediaType };
    } catch (error) {
      await draft.discard();
      throw error;
    } finally {
      if (!kept) used -= size;
    }
  };

  async function checked(digest: Digest): Promise<Buffer> {
    const bytes = await artefacts.read(place(hexOf(digest)));
    if (bytes === undefined) throw new FirebreakError('FB6207', `the evidence store holds no ${digest}`);
    if (createHash('sha256').update(bytes).digest('hex') === hexOf(digest)) return bytes;
    throw new FirebreakError(
      'FB6207',
      `the bytes of ${digest} were altered: they are kept as they are, take the artefact from a bundle or a backup`,
    );
  }

  return {
    put,
    get: ({ digest }) => checked(digest),
    has: async (digest) => {
      const hex = hexOf(digest);
      return (await artefacts.list([hex.slice(0, 2)])).includes(hex);
    },
    record: (records) => orFull(() => index.record(records)),
    index: (incident) => index.index(incident),
  };
}

async function* chunks(content: Uint8Array | string | Readable): AsyncGenerator<Uint8Array> {
  if (typeof content === 'string') yield Buffer.from(content);
  else if (ArrayBuffer.isView(content)) yield content;
  // A stream that was given an encoding yields strings.
  else for await (const chunk of content as AsyncIterable<Uint8Array | string>) yield Buffer.from(chunk);
}

function hexOf(digest: Digest): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex !== undefined) return hex;
  throw new FirebreakError('FB6207', 'a digest is sha256: and 64 lower-case hexadecimal digits');
}

function place(hex: string): [string, string] {
  return [hex.slice(0, 2), hex];
}

async function totalSize(folder: Folder): Promise<number> {
  let total = 0;
  for (const shelf of await folder.list()) {
    for (const name of await folder.list([shelf])) total += (await stat(join(folder.path, shelf, name))).size;
  }
  return total;
}

/** A full disk under any of the store's parts is the store's being full. */
async function orFull<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const full = isDiskFull(error) || (error instanceof FirebreakError && error.code === 'FB6202');
    throw full ? new EvidenceStoreFull('the disk of the evidence store is full', { cause: error }) : error;
  }
}
