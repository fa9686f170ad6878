import { LRUCache } from 'lru-cache';
import { isDigest } from '../reference.ts';
import type { FetchedManifest, RegistryClient, Repository } from './client.ts';

type Reader = Pick<RegistryClient, 'manifest' | 'blob' | 'referrers'>;
type Content = { manifest: FetchedManifest } | { blob: Uint8Array };

/** A parsed manifest takes a few times the room of its bytes. */
const PARSED = 4;
/** What an entry takes beside its bytes. */
const ENTRY_BYTES = 500;

/**
 * Keeps what was proven by its digest, by repository, up to `maxBytes`; the least used goes first. What only the registry can tell is asked each time:
 * what a tag names, and what refers to an image.
 */
export function rememberContent(client: Reader, maxBytes: number): Reader {
  const kept = new LRUCache<string, Content>({
    maxSize: maxBytes,
    sizeCalculation: (content) =>
      ENTRY_BYTES + ('blob' in content ? content.blob.length : content.manifest.bytes.length * PARSED),
  });
  return {
    async manifest(from, reference, options) {
      if (!isDigest(reference)) return client.manifest(from, reference, options);
      const key = keyOf(from, 'manifest', reference);
      const known = kept.get(key);
      // One that is larger than the caller takes is the client's to refuse.
      if (known !== undefined && 'manifest' in known && fits(known.manifest.bytes, options.maxBytes))
        return known.manifest;
      const manifest = await client.manifest(from, reference, options);
      kept.set(key, { manifest });
      return manifest;
    },
    async blob(from, digest, options) {
      const key = keyOf(from, 'blob', digest);
      const known = kept.get(key);
      if (known !== undefined && 'blob' in known && fits(known.blob, options.maxBytes)) return known.blob;
      const blob = await client.blob(from, digest, options);
      kept.set(key, { blob });
      return blob;
    },
    referrers: (from, digest, options) => client.referrers(from, digest, options),
  };
}

const keyOf = (from: Repository, kind: string, digest: string): string =>
  `${kind} ${from.registry}/${from.repository} ${digest}`;

const fits = ({ length }: Uint8Array, maxBytes = Infinity): boolean => length <= maxBytes;
