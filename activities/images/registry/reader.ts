import PQueue from 'p-queue';
import { Agent } from 'undici';
import type { Digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { isRepository } from '../reference.ts';
import { prove } from './answers.ts';
import { createEndpoint, type Endpoint } from './endpoint.ts';
import { isRegistryError, RegistryError } from './errors.ts';
import type { HttpAnswer } from './http.ts';
import { nextPage } from './link.ts';
import { checkRegistry, invalid, type ImageRegistryConfig } from './options.ts';

export interface RegistryClientOptions {
  /** All that may be asked. */
  registries: readonly ImageRegistryConfig[];
  /** Milliseconds for one answer, redirects not counted; 15 s when absent. */
  timeoutMs?: number;
  /** Milliseconds for one read with all its attempts; 60 s when absent. */
  deadlineMs?: number;
  /** Reads that one registry has to do at once, mirrors included; others wait for their turn. 8 when absent. */
  atOnce?: number;
  /** Told of each mirror that failed before another one, or the registry itself, was asked. */
  onMirrorFailure?: (error: RegistryError) => void;
}

/** A repository of a configured registry. */
export interface Repository {
  registry: string;
  repository: string;
}

/** A configured registry, and the turns of its reads. */
interface Asked {
  own: Endpoint;
  mirrors: Endpoint[];
  turns: PQueue;
}

/** What every read has. */
export interface Read {
  /** `read the manifest v1 of shop/api`: for messages. */
  operation: string;
  /** After the name of the repository: `manifests/v1`. */
  path: string;
  accept: string;
  maxBytes: number;
  signal: AbortSignal;
}

/** Chooses where to ask, within a deadline. What `use` throws of an answer counts as that of the endpoint. Throws as RegistryClient does. */
export interface Reader {
  /** What has this digest, wherever it comes from: a mirror that fails, or lies, is passed over. */
  proven<T>(from: Repository, digest: Digest, read: Read, use: (answer: HttpAnswer) => T): Promise<T>;
  /** What only the registry itself may tell. */
  told<T>(from: Repository, read: Read, use: (answer: HttpAnswer) => T): Promise<T>;
  /** The pages of a list, as long as `take` wants more. @returns whether there are more than were taken */
  pages(
    from: Repository,
    read: Read & { query?: { [name: string]: string } },
    take: (answer: HttpAnswer) => boolean,
  ): Promise<boolean>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 15_000;
const DEADLINE_MS = 60_000;
const ATTEMPTS = 4;
const AT_ONCE = 8;
const MAX_PAGES = 20;

/** @throws FirebreakError FB3802 */
export function createReader(options: RegistryClientOptions): Reader {
  const { timeoutMs = TIMEOUT_MS, deadlineMs = DEADLINE_MS, atOnce = AT_ONCE } = options;
  const agent = new Agent({ connect: { timeout: 5_000 }, connections: atOnce });
  const registries = new Map<string, Asked>();
  for (const config of options.registries) {
    const { host, own, mirrors } = checkRegistry(config);
    if (registries.has(host)) throw invalid(`registry ${host} is configured twice`);
    registries.set(host, {
      turns: new PQueue({ concurrency: atOnce }),
      own: createEndpoint(agent, own, { registry: host, timeoutMs }),
      mirrors: mirrors.map((mirror) =>
        createEndpoint(agent, mirror, { registry: `${host} (mirror ${mirror.name})`, timeoutMs }),
      ),
    });
  }

  function endpointsOf({ registry, repository }: Repository): Asked {
    if (!isRepository(repository)) throw invalid(`${quoted(repository)} is no repository of a registry`);
    const found = registries.get(registry);
    if (found !== undefined) return found;
    const names = [...registries.keys()].join(', ') || 'none';
    throw invalid(`registry ${quoted(registry)} is not configured; configured: ${names}`);
  }

  /** All the attempts of one read, in its turn, within the deadline: waiting for a turn is no fault of the registry's. */
  function bounded<T>(
    from: Repository,
    read: Read,
    { turns }: Asked,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return turns.add(() => withinDeadline(from, read, work), { signal: read.signal });
  }

  async function withinDeadline<T>(
    { registry }: Repository,
    { operation, signal }: Read,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      return await work(AbortSignal.any([signal, deadline]));
    } catch (error) {
      signal.throwIfAborted();
      if (isRegistryError(error) || !deadline.aborted) throw error;
      const message = `not done within ${deadlineMs} ms`;
      throw new RegistryError({ registry, operation }, { class: 'retryable', message });
    }
  }

  return {
    async proven(from, digest, read, use) {
      const asked = endpointsOf(from);
      const { own, mirrors } = asked;
      const { repository } = from;
      return bounded(from, read, asked, async (signal) => {
        const readFrom = async (endpoint: Endpoint, attempts: number) => {
          const url = endpoint.urlOf(repository, read.path);
          const answer = await endpoint.get({ ...read, repository, url, proven: true, signal }, attempts);
          prove(answer.body, digest, { registry: endpoint.name, operation: read.operation });
          return use(answer);
        };
        for (const mirror of mirrors) {
          try {
            return await readFrom(mirror, 1);
          } catch (error) {
            if (!isRegistryError(error)) throw error;
            options.onMirrorFailure?.(error);
          }
        }
        return readFrom(own, ATTEMPTS);
      });
    },

    async told(from, read, use) {
      const asked = endpointsOf(from);
      const { own } = asked;
      const { repository } = from;
      const url = own.urlOf(repository, read.path);
      return bounded(from, read, asked, async (signal) =>
        use(await own.get({ ...read, repository, url, proven: false, signal }, ATTEMPTS)),
      );
    },

    async pages(from, read, take) {
      const asked = endpointsOf(from);
      const { own } = asked;
      const { repository } = from;
      const where = { registry: from.registry, operation: read.operation };
      return bounded(from, read, asked, async (signal) => {
        let next: URL | undefined = own.urlOf(repository, read.path, read.query);
        for (let page = 0; page < MAX_PAGES && next !== undefined; page++) {
          const call = { ...read, repository, url: next, proven: false, signal };
          const answer: HttpAnswer = await own.get(call, ATTEMPTS);
          const wantsMore = take(answer);
          next = nextPage(answer, where);
          if (!wantsMore) break;
        }
        return next !== undefined;
      });
    },

    close: () => agent.destroy(),
  };
}

/** What a caller asks for may come from outside. */
export const quoted = (text: string) => JSON.stringify(oneLine(text, 200));
