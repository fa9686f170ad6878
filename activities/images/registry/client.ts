import { sha256, type Digest } from '../../../domain/json.ts';
import { isDigest, isTag } from '../reference.ts';
import { listIn, manifestIn, prove, tagsIn } from './answers.ts';
import { isRegistryError, RegistryError } from './errors.ts';
import {
  manifestTypes,
  OCI_INDEX,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from './manifest.ts';
import { invalid } from './options.ts';
import { createReader, quoted, type Reader, type RegistryClientOptions, type Repository } from './reader.ts';

export type { RegistryClientOptions, Repository };

export interface ReadOptions {
  signal: AbortSignal;
  /** Bytes; 4 MiB when absent: more than that no registry need take for a manifest. */
  maxBytes?: number;
}

/** A manifest whose bytes have the digest. */
export interface FetchedManifest {
  digest: Digest;
  bytes: Uint8Array;
  content: ImageManifest | ImageIndex;
}

export interface Referrers {
  /** As the registry tells them: each is to be fetched, and its subject looked at. */
  descriptors: Descriptor[];
  /** The API, or the tag that stands for it where a registry has none. */
  via: 'api' | 'tag';
  /** There are more than were read. */
  truncated: boolean;
}

/**
 * Reads from registries (OCI distribution-spec 1.1), and nothing else. Whatever is asked by digest has that digest; what a tag names has the digest that
 * is returned. Every verb throws RegistryError (FB3803 to FB3809), FirebreakError FB3802 for a registry that is not configured, or the reason of `signal`.
 */
export interface RegistryClient {
  /** @param reference a tag or a digest */
  manifest(from: Repository, reference: string, options: ReadOptions): Promise<FetchedManifest>;
  blob(from: Repository, digest: Digest, options: ReadOptions): Promise<Uint8Array>;
  /** What says that it is about the manifest of this digest. Empty where there is nothing. */
  referrers(from: Repository, digest: Digest, options: Pick<ReadOptions, 'signal'>): Promise<Referrers>;
  tags(from: Repository, options: Pick<ReadOptions, 'signal'>): Promise<string[]>;
  close(): Promise<void>;
}

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_REFERRERS = 1_000;
const MAX_TAGS = 10_000;
/** How registries say that they have no referrers API; by the specification, 404 only. */
const noSuchApi = new Set([400, 404, 405, 406, 501]);

/** @throws FirebreakError FB3802 */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const reader = createReader(options);
  const client: RegistryClient = {
    async manifest(from, reference, { signal, maxBytes = MAX_BYTES }) {
      if (!isDigest(reference) && !isTag(reference))
        throw invalid(`${quoted(reference)} is neither a tag nor a sha256 digest`);
      const operation = `read the manifest ${reference} of ${from.repository}`;
      const where = { registry: from.registry, operation };
      const path = `manifests/${reference}`;
      const read = { operation, path, accept: manifestTypes.join(', '), maxBytes, signal };
      if (isDigest(reference))
        return reader.proven(from, reference, read, (answer) => ({
          digest: reference,
          bytes: answer.body,
          content: manifestIn(answer, where),
        }));
      return reader.told(from, read, (answer) => {
        const said = answer.headers['docker-content-digest'];
        if (said !== undefined && isDigest(said)) prove(answer.body, said, where);
        return { digest: sha256(answer.body), bytes: answer.body, content: manifestIn(answer, where) };
      });
    },

    async blob(from, digest, { signal, maxBytes = MAX_BYTES }) {
      mustBeDigest(digest);
      const operation = `read the blob ${digest} of ${from.repository}`;
      const read = { operation, path: `blobs/${digest}`, accept: '*/*', maxBytes, signal };
      return reader.proven(from, digest, read, ({ body }) => body);
    },

    async referrers(from, digest, { signal }) {
      mustBeDigest(digest);
      const operation = `list the referrers of ${digest} in ${from.repository}`;
      const where = { registry: from.registry, operation };
      const listed = await byApi(reader, from, digest, { operation, signal });
      if (listed !== undefined) return listed;
      try {
        const { content } = await client.manifest(from, digest.replace(':', '-'), { signal });
        return atMost(listIn(content, where), 'tag', false);
      } catch (error) {
        if (isRegistryError(error, 'gone')) return atMost([], 'tag', false);
        throw error;
      }
    },

    async tags(from, { signal }) {
      const operation = `list the tags of ${from.repository}`;
      const where = { registry: from.registry, operation };
      const tags: string[] = [];
      const page = {
        path: 'tags/list',
        query: { n: '1000' },
        accept: 'application/json',
        maxBytes: MAX_BYTES,
      };
      const more = await reader.pages(from, { operation, signal, ...page }, (answer) => {
        tags.push(...tagsIn(answer, where));
        return tags.length < MAX_TAGS;
      });
      if (more || tags.length > MAX_TAGS)
        throw new RegistryError(where, { class: 'too-large', message: `there are more than ${MAX_TAGS}` });
      return tags;
    },

    close: () => reader.close(),
  };
  return client;
}

/** undefined when the registry has no such API. */
async function byApi(
  reader: Reader,
  from: Repository,
  digest: Digest,
  call: { operation: string; signal: AbortSignal },
): Promise<Referrers | undefined> {
  const descriptors: Descriptor[] = [];
  let api = true;
  try {
    const read = { ...call, path: `referrers/${digest}`, accept: OCI_INDEX, maxBytes: MAX_BYTES };
    const more = await reader.pages(from, read, (answer) => {
      // What answers everything with a page of its own has no such API.
      api = (answer.headers['content-type'] ?? '').startsWith(OCI_INDEX);
      if (!api) return false;
      const where = { registry: from.registry, operation: call.operation };
      descriptors.push(...listIn(manifestIn(answer, where), where));
      return descriptors.length < MAX_REFERRERS;
    });
    return api ? atMost(descriptors, 'api', more) : undefined;
  } catch (error) {
    if (isRegistryError(error, 'gone', 'malformed') && noSuchApi.has(error.status)) return undefined;
    throw error;
  }
}

function atMost(descriptors: Descriptor[], via: Referrers['via'], more: boolean): Referrers {
  return {
    descriptors: descriptors.slice(0, MAX_REFERRERS),
    via,
    truncated: more || descriptors.length > MAX_REFERRERS,
  };
}

function mustBeDigest(digest: string): void {
  if (!isDigest(digest)) throw invalid(`${quoted(digest)} is no sha256 digest`);
}
