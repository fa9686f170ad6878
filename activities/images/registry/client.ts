import { Agent } from 'undici';
import { z } from 'zod';
import { sha256, type Digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { isDigest, isRepository, isTag } from '../reference.ts';
import { createEndpoint, type Endpoint, type EndpointRead } from './endpoint.ts';
import { isRegistryError, RegistryError } from './errors.ts';
import type { HttpAnswer } from './http.ts';
import { nextPage } from './link.ts';
import {
  MalformedError,
  manifestTypes,
  OCI_INDEX,
  parseDocument,
  parseManifest,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from './manifest.ts';
import { checkRegistry, invalid, type ImageRegistryConfig } from './options.ts';

export interface RegistryClientOptions {
  /** All that may be asked. */
  registries: readonly ImageRegistryConfig[];
  /** Milliseconds for one answer, redirects not counted; 15 s when absent. */
  timeoutMs?: number;
  /** Milliseconds for one read with all its attempts; 60 s when absent. */
  deadlineMs?: number;
  /** Told of each mirror that failed before another one, or the registry itself, was asked. */
  onMirrorFailure?: (error: RegistryError) => void;
}

/** A repository of a configured registry. */
export interface Repository {
  registry: string;
  repository: string;
}

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

const TIMEOUT_MS = 15_000;
const DEADLINE_MS = 60_000;
const MAX_BYTES = 4 * 1024 * 1024;
const ATTEMPTS = 4;
const CONNECTIONS = 8;
const MAX_PAGES = 20;
const MAX_REFERRERS = 1_000;
const MAX_TAGS = 10_000;
/** How registries say that they have no referrers API; by the specification, 404 only. */
const noSuchApi = new Set([400, 404, 405, 406, 501]);

type Call = Omit<EndpointRead, 'url' | 'signal' | 'repository'>;

/** @throws FirebreakError FB3802 */
export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { timeoutMs = TIMEOUT_MS, deadlineMs = DEADLINE_MS } = options;
  const agent = new Agent({ connect: { timeout: 5_000 }, connections: CONNECTIONS });
  const registries = new Map<string, { own: Endpoint; mirrors: Endpoint[] }>();
  for (const config of options.registries) {
    const { host, own, mirrors } = checkRegistry(config);
    if (registries.has(host)) throw invalid(`registry ${host} is configured twice`);
    registries.set(host, {
      own: createEndpoint(agent, own, { registry: host, timeoutMs }),
      mirrors: mirrors.map((mirror) =>
        createEndpoint(agent, mirror, { registry: `${host} (mirror ${mirror.name})`, timeoutMs }),
      ),
    });
  }

  function endpointsOf({ registry, repository }: Repository): { own: Endpoint; mirrors: Endpoint[] } {
    if (!isRepository(repository)) throw invalid(`${quoted(repository)} is no repository of a registry`);
    const found = registries.get(registry);
    if (found !== undefined) return found;
    const names = [...registries.keys()].join(', ') || 'none';
    throw invalid(`registry ${quoted(registry)} is not configured; configured: ${names}`);
  }

  /** All the attempts of one read, within the deadline. */
  async function bounded<T>(
    { registry }: Repository,
    operation: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      return await work(AbortSignal.any([signal, deadline]));
    } catch (error) {
      if (isRegistryError(error) || signal.aborted || !deadline.aborted) throw error;
      const message = `not done within ${deadlineMs} ms`;
      throw new RegistryError({ registry, operation }, { class: 'retryable', message });
    }
  }

  /** What has this digest, wherever it comes from. A mirror that fails, or lies, is passed over. */
  async function readProven(
    from: Repository,
    path: string,
    digest: Digest,
    call: Omit<Call, 'proven'>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { own, mirrors } = endpointsOf(from);
    const readFrom = async (endpoint: Endpoint, attempts: number) => {
      const url = endpoint.urlOf(from.repository, path);
      const answer = await endpoint.get(
        { ...call, repository: from.repository, url, proven: true, signal },
        attempts,
      );
      prove(answer.body, digest, { registry: endpoint.name, operation: call.operation });
      return answer;
    };
    for (const mirror of mirrors) {
      try {
        return await readFrom(mirror, 1);
      } catch (error) {
        if (!isRegistryError(error)) throw error;
        options.onMirrorFailure?.(error);
      }
    }
    return await readFrom(own, ATTEMPTS);
  }

  /** The pages of a list, as long as `take` wants more. @returns whether there are more than were taken */
  async function readPages(
    from: Repository,
    url: URL,
    call: Omit<Call, 'proven'>,
    signal: AbortSignal,
    take: (answer: HttpAnswer) => boolean,
  ): Promise<boolean> {
    const { own } = endpointsOf(from);
    let next: URL | undefined = url;
    for (let page = 0; page < MAX_PAGES && next !== undefined; page++) {
      const read: EndpointRead = { ...call, repository: from.repository, url: next, proven: false, signal };
      const answer = await own.get(read, ATTEMPTS);
      const wantsMore = take(answer);
      next = nextPage(answer, { registry: from.registry, operation: call.operation });
      if (!wantsMore) break;
    }
    return next !== undefined;
  }

  const client: RegistryClient = {
    async manifest(from, reference, { signal, maxBytes = MAX_BYTES }) {
      const operation = `read the manifest ${reference} of ${from.repository}`;
      const where = { registry: from.registry, operation };
      const call = { operation, accept: manifestTypes.join(', '), maxBytes };
      const path = `manifests/${reference}`;
      if (isDigest(reference))
        return bounded(from, operation, signal, async (within) => {
          const answer = await readProven(from, path, reference, call, within);
          return { digest: reference, bytes: answer.body, content: understood(answer, where) };
        });
      if (!isTag(reference)) throw invalid(`${quoted(reference)} is neither a tag nor a sha256 digest`);
      const { own } = endpointsOf(from);
      return bounded(from, operation, signal, async (within) => {
        const url = own.urlOf(from.repository, path);
        const read = { ...call, repository: from.repository, url, proven: false, signal: within };
        const answer = await own.get(read, ATTEMPTS);
        const digest = sha256(answer.body);
        const said = answer.headers['docker-content-digest'];
        if (said !== undefined && isDigest(said)) prove(answer.body, said, where);
        return { digest, bytes: answer.body, content: understood(answer, where) };
      });
    },

    async blob(from, digest, { signal, maxBytes = MAX_BYTES }) {
      if (!isDigest(digest)) throw invalid(`${quoted(digest)} is no sha256 digest`);
      const operation = `read the blob ${digest} of ${from.repository}`;
      return bounded(from, operation, signal, async (within) => {
        const call = { operation, accept: '*/*', maxBytes };
        return (await readProven(from, `blobs/${digest}`, digest, call, within)).body;
      });
    },

    async referrers(from, digest, { signal }) {
      if (!isDigest(digest)) throw invalid(`${quoted(digest)} is no sha256 digest`);
      const operation = `list the referrers of ${digest} in ${from.repository}`;
      const where = { registry: from.registry, operation };
      const url = endpointsOf(from).own.urlOf(from.repository, `referrers/${digest}`);
      const descriptors: Descriptor[] = [];
      let api = true;
      try {
        const truncated = await bounded(from, operation, signal, (within) =>
          readPages(from, url, { operation, accept: OCI_INDEX, maxBytes: MAX_BYTES }, within, (answer) => {
            // What answers everything with a page of its own has no such API.
            api = (answer.headers['content-type'] ?? '').startsWith(OCI_INDEX);
            if (!api) return false;
            descriptors.push(...listIn(understood(answer, where), where));
            return descriptors.length < MAX_REFERRERS;
          }),
        );
        if (api) return listed(descriptors, 'api', truncated);
      } catch (error) {
        if (!isRegistryError(error, 'gone', 'malformed') || !noSuchApi.has(error.status)) throw error;
      }
      try {
        const index = await client.manifest(from, digest.replace(':', '-'), { signal });
        return listed(listIn(index.content, where), 'tag', false);
      } catch (error) {
        if (isRegistryError(error, 'gone')) return listed([], 'tag', false);
        throw error;
      }
    },

    async tags(from, { signal }) {
      const operation = `list the tags of ${from.repository}`;
      const where = { registry: from.registry, operation };
      const url = endpointsOf(from).own.urlOf(from.repository, 'tags/list', { n: '1000' });
      const tags: string[] = [];
      const more = await bounded(from, operation, signal, (within) =>
        readPages(
          from,
          url,
          { operation, accept: 'application/json', maxBytes: MAX_BYTES },
          within,
          (answer) => {
            tags.push(...tagsIn(answer, where));
            return tags.length < MAX_TAGS;
          },
        ),
      );
      if (more || tags.length > MAX_TAGS)
        throw new RegistryError(where, { class: 'too-large', message: `there are more than ${MAX_TAGS}` });
      return tags;
    },

    close: () => agent.destroy(),
  };
  return client;
}

/** What a caller asks for may come from outside. */
const quoted = (text: string) => JSON.stringify(oneLine(text, 200));

interface Where {
  registry: string;
  operation: string;
}

function prove(bytes: Uint8Array, digest: Digest, where: Where): void {
  const real = sha256(bytes);
  if (real === digest) return;
  const message = `what it serves as ${digest} has the digest ${real}`;
  throw new RegistryError(where, { class: 'lied', message });
}

function understood(answer: HttpAnswer, where: Where): ImageManifest | ImageIndex {
  return orMalformed(where, () => parseManifest(answer.body, answer.headers['content-type'] ?? ''));
}

function orMalformed<T>(where: Where, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new RegistryError(where, { class: 'malformed', message: error.message });
  }
}

function listIn(content: ImageManifest | ImageIndex, where: Where): Descriptor[] {
  if (content.kind === 'index') return content.manifests;
  throw new RegistryError(where, { class: 'malformed', message: 'it is an image instead of a list' });
}

function listed(descriptors: Descriptor[], via: Referrers['via'], more: boolean): Referrers {
  return {
    descriptors: descriptors.slice(0, MAX_REFERRERS),
    via,
    truncated: more || descriptors.length > MAX_REFERRERS,
  };
}

/** Distribution says `null` where there is none. */
const tagList = z.object({ tags: z.array(z.string().refine(isTag, 'is no tag')).nullish() });

function tagsIn(answer: HttpAnswer, where: Where): string[] {
  return orMalformed(where, () => {
    const read = tagList.safeParse(parseDocument(answer.body));
    if (read.success) return read.data.tags ?? [];
    throw new MalformedError('it is no list of tags');
  });
}
