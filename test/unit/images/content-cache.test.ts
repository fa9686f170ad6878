import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FetchedManifest, RegistryClient } from '../../../activities/images/registry/client.ts';
import { rememberContent } from '../../../activities/images/registry/content-cache.ts';
import { sha256, type Digest } from '../../../domain/json.ts';

const from = { registry: 'registry.example', repository: 'shop/api' };
const options = { signal: AbortSignal.timeout(60_000) };
const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2 };

/** Holds blobs of the sizes that their names say, and counts what it is asked. */
function world() {
  const asked: string[] = [];
  const client: Pick<RegistryClient, 'manifest' | 'blob' | 'referrers'> = {
    async manifest({ repository }, reference, { maxBytes = Infinity }) {
      asked.push(`${repository} ${reference}`);
      const bytes = new Uint8Array(100);
      if (bytes.length > maxBytes) throw new Error('too large');
      const digest = reference.startsWith('sha256:') ? (reference as Digest) : sha256(reference);
      const content: FetchedManifest['content'] = { kind: 'image', mediaType: 'm', config, layers: [] };
      return { digest, bytes, content };
    },
    async blob({ repository }, digest, { maxBytes = Infinity }) {
      asked.push(`${repository} ${digest}`);
      const bytes = new Uint8Array(sizes.get(digest) ?? 100);
      if (bytes.length > maxBytes) throw new Error('too large');
      return bytes;
    },
    async referrers() {
      asked.push('referrers');
      return { descriptors: [], via: 'api', truncated: false };
    },
  };
  const sizes = new Map<string, number>();
  return { asked, client, sizes };
}

describe('what is kept of a registry', () => {
  test('is what was named by its digest, of each repository by itself', async () => {
    const { asked, client } = world();
    const kept = rememberContent(client, 1e6);
    for (let turn = 0; turn < 3; turn += 1) {
      await kept.blob(from, sha256('a'), options);
      await kept.manifest(from, sha256('a'), options);
    }
    expect(asked).toHaveLength(2);
    await kept.blob({ ...from, repository: 'shop/other' }, sha256('a'), options);
    await kept.blob({ ...from, registry: 'other.example' }, sha256('a'), options);
    expect(asked).toHaveLength(4);
  });

  test('is never what a tag names, and never which referrers there are', async () => {
    const { asked, client } = world();
    const kept = rememberContent(client, 1e6);
    for (let turn = 0; turn < 3; turn += 1) {
      await kept.manifest(from, 'v1', options);
      await kept.referrers(from, sha256('a'), options);
    }
    expect(asked).toHaveLength(6);
  });

  test('is refused to who takes less, as the registry’s would be', async () => {
    const { client } = world();
    const kept = rememberContent(client, 1e6);
    await kept.blob(from, sha256('a'), options);
    await kept.manifest(from, sha256('a'), options);
    await expect(kept.blob(from, sha256('a'), { ...options, maxBytes: 99 })).rejects.toThrow('too large');
    await expect(kept.manifest(from, sha256('a'), { ...options, maxBytes: 99 })).rejects.toThrow('too large');
  });

  test('is no failure', async () => {
    const { client } = world();
    const kept = rememberContent(client, 1e6);
    await expect(kept.blob(from, sha256('b'), { ...options, maxBytes: 1 })).rejects.toThrow('too large');
    expect(await kept.blob(from, sha256('b'), options)).toHaveLength(100);
  });

  test('never has more bytes than it may, and answers rightly whatever had to go', async () => {
    const blob = fc.record({
      name: fc.integer({ min: 0, max: 30 }),
      size: fc.integer({ min: 0, max: 3_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(blob, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20_000 }),
        async (all, most) => {
          const { asked, client, sizes } = world();
          const kept = rememberContent(client, most);
          for (const { name, size } of all) {
            const digest = sha256(String(name));
            if (!sizes.has(digest)) sizes.set(digest, size);
            expect(await kept.blob(from, digest, options)).toHaveLength(sizes.get(digest) ?? -1);
          }
          // What is still kept needs no asking: together it fits.
          const held: number[] = [];
          for (const [digest, size] of [...sizes].toReversed()) {
            const before = asked.length;
            await kept.blob(from, digest as Digest, options);
            if (asked.length === before) held.push(size);
            else break;
          }
          expect(held.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(most);
        },
      ),
      { numRuns: 100 },
    );
  });
});
