import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { FirebreakError } from '../../domain/errors.ts';
import { loadCredentials, type ClusterConfig } from './credentials.ts';
import { classify, KubernetesError, truncate } from './errors.ts';
import { pathOf, resourceName, type KubernetesObject, type Location, type Resource } from './resources.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds for one attempt; 10 s when absent. */
  timeoutMs?: number;
  /** Acts as this user: needs the right to impersonate it. */
  as?: { user: string; groups?: string[] };
  /** Largest answer in bytes; 32 MiB when absent. */
  maxBytes?: number;
}

export interface WriteOptions extends CallOptions {
  /** Runs admission and validation, and stores nothing. */
  dryRun?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  preconditions?: { uid?: string; resourceVersion?: string };
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

export interface ListOptions extends CallOptions {
  labelSelector?: string;
  fieldSelector?: string;
  /** More than this is an error (`TooLarge`); 20,000 when absent. */
  maxItems?: number;
}

export interface Listed<T> {
  items: T[];
  /** Of the collection, at the moment of the list. */
  resourceVersion: string;
}

export interface ApiGroup {
  name: string;
  preferredVersion: string;
  versions: string[];
}

export interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
}

/**
 * One cluster's API as raw JSON, so that an object that is put back has every field it had. All calls throw KubernetesError; only reads are
 * tried again here, the retry of a write belongs to whoever knows what it means.
 */
export interface Cluster {
  readonly name: string;
  readonly environment: string;
  get<T extends KubernetesObject = KubernetesObject>(location: Location, options?: CallOptions): Promise<T>;
  /** Every page of a collection, a consistent read of the latest state. */
  list<T extends KubernetesObject = KubernetesObject>(
    location: Location,
    options?: ListOptions,
  ): Promise<Listed<T>>;
  /** POSTs to a collection or a subresource. */
  create<T extends KubernetesObject = KubernetesObject>(
    location: Location,
    object: object,
    options?: WriteOptions,
  ): Promise<T>;
  replace<T extends KubernetesObject = KubernetesObject>(
    location: Location,
    object: object,
    options?: WriteOptions,
  ): Promise<T>;
  /** JSON patch when `patch` is an array, JSON merge patch otherwise. */
  patch<T extends KubernetesObject = KubernetesObject>(
    location: Location,
    patch: object,
    options?: WriteOptions,
  ): Promise<T>;
  delete(location: Location, options?: DeleteOptions): Promise<void>;
  /** POSTs to a connect subresource (`pods/exec` …) without upgrading, which is enough to be judged by admission. */
  connect(location: Location, query: { [name: string]: string }, options?: CallOptions): Promise<void>;
  /** Bytes as they come, for logs: the caller bounds what it reads and destroys the stream. `timeoutMs` is until the answer begins. */
  stream(location: Location, query: { [name: string]: string }, options?: CallOptions): Promise<Readable>;
  groups(options?: CallOptions): Promise<ApiGroup[]>;
  apiResources(groupVersion: Omit<Resource, 'resource'>, options?: CallOptions): Promise<ApiResource[]>;
  close(): Promise<void>;
}

/** @throws FB3201 naming the clusters that are configured. */
export type ClusterRegistry = (name: string) => Cluster;

/** A registry of these clusters. */
export function clusterRegistry(clusters: readonly Cluster[]): ClusterRegistry {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  return (name) => {
    const cluster = byName.get(name);
    if (cluster !== undefined) return cluster;
    throw new FirebreakError(
      'FB3201',
      `cluster ${JSON.stringify(truncate(name, 80))} is not configured; configured: ${[...byName.keys()].join(', ') || 'none'}`,
    );
  };
}

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
const MAX_ITEMS = 20_000;
const PAGE = 500;
const READ_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 10_000;

interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  operation: string;
  query?: { [name: string]: string };
  body?: object;
  contentType?: string;
  accept?: string;
}

/** Connects lazily: a cluster that is down is an error of the call, not of the start. @throws FB3208 for a kubeconfig that cannot be used. */
export function createCluster(config: ClusterConfig): Cluster {
  const credentials = loadCredentials(config);

  /** One attempt; the answer's body is not read yet. */
  async function send(
    call: Call,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: Headers; body: Readable }> {
    const { origin, prefix, dispatcher, headers } = await credentials.endpoint();
    const query = new URLSearchParams(call.query ?? {}).toString();
    const answer = await dispatcher.request({
      origin,
      path: `${prefix}${call.path}${query === '' ? '' : `?${query}`}`,
      method: call.method,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        ...headers,
        accept: call.accept ?? 'application/json',
        'user-agent': 'firebreak',
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        ...(call.as === undefined ? {} : { 'impersonate-user': call.as.user }),
        ...(call.as?.groups === undefined ? {} : { 'impersonate-group': call.as.groups }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    if (answer.statusCode === 401) credentials.refresh();
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  }

  async function attempt(call: Call): Promise<{ text: string }> {
    const timeout = AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    try {
      const { status, headers, body } = await send(call, signal);
      const text = await readText(body, call.maxBytes ?? MAX_BYTES);
      if (text === undefined) {
        throw failure(call, {
          status,
          reason: 'TooLarge',
          message: `the answer exceeds ${call.maxBytes ?? MAX_BYTES} bytes`,
        });
      }
      if (status < 200 || status > 299) throw statusError(call, status, headers, text);
      return { text };
    } catch (error) {
      throw transportError(call, error, timeout);
    }
  }

  async function request(call: Call): Promise<Json> {
    for (let tries = 1; ; tries++) {
      try {
        const { text } = await attempt(call);
        return parse(call, text);
      } catch (error) {
        if (call.method !== 'GET' || tries >= READ_ATTEMPTS || !(error instanceof KubernetesError))
          throw error;
        if (classify(error) !== 'retryable' || error.status === 410) throw error;
        const wait = retryAfter.get(error) ?? 50 * 2 ** tries * (1 + Math.random());
        await sleep(
          Math.min(wait, MAX_RETRY_AFTER_MS),
          undefined,
          call.signal === undefined ? {} : { signal: call.signal },
        );
      }
    }
  }

  const retryAfter = new WeakMap<KubernetesError, number>();

  function failure(
    call: Call,
    answer: ConstructorParameters<typeof KubernetesError>[1],
    cause?: unknown,
  ): KubernetesError {
    return new KubernetesError({ cluster: config.name, operation: call.operation }, answer, cause);
  }

  function statusError(call: Call, status: number, headers: Headers, text: string): KubernetesError {
    const error = failure(call, readStatus(status, text));
    const seconds = Number(headers['retry-after']);
    if (Number.isFinite(seconds) && seconds >= 0 && headers['retry-after'] !== undefined)
      retryAfter.set(error, seconds * 1000);
    return error;
  }

  function transportError(call: Call, error: unknown, timeout: AbortSignal): unknown {
    // A cancelled activity must see its own abort, and a finding stays what it is.
    if (error instanceof KubernetesError || error instanceof FirebreakError || call.signal?.aborted === true)
      return error;
    if (timeout.aborted) {
      return failure(call, {
        status: 0,
        reason: 'Timeout',
        message: `no answer within ${call.timeoutMs ?? TIMEOUT_MS} ms`,
      });
    }
    const code = (error as NodeJS.ErrnoException).code ?? 'no connection';
    return failure(
      call,
      { status: 0, reason: 'Unreachable', message: `the API server cannot be reached (${code})` },
      error,
    );
  }

  function parse(call: Call, text: string): Json {
    try {
      return JSON.parse(text) as Json;
    } catch {
      throw failure(call, {
        status: 0,
        reason: 'Malformed',
        message: 'the answer is not JSON: is this an API server?',
      });
    }
  }

  const at = (verb: string, location: Location, options: CallOptions | undefined) => ({
    ...options,
    path: pathOf(location),
    operation: describe(verb, location),
  });
  const dryRun = (options: WriteOptions | undefined) =>
    options?.dryRun === true ? { query: { dryRun: 'All' } } : {};

  async function listOnce(location: Location, options: ListOptions): Promise<Listed<KubernetesObject>> {
    const items: KubernetesObject[] = [];
    const maxItems = options.maxItems ?? MAX_ITEMS;
    const call = at('list', location, options);
    let next = '';
    for (;;) {
      const query: { [name: string]: string } = { limit: String(PAGE) };
      if (options.labelSelector !== undefined) query['labelSelector'] = options.labelSelector;
      if (options.fieldSelector !== undefined) query['fieldSelector'] = options.fieldSelector;
      if (next !== '') query['continue'] = next;
      const page = (await request({ ...call, method: 'GET', query })) as ListPage;
      // The items of a list carry neither.
      const type = { apiVersion: page.apiVersion, kind: page.kind.replace(/List$/, '') };
      for (const item of page.items ?? []) items.push({ ...type, ...item });
      if (items.length > maxItems) {
        throw failure(
          { ...call, method: 'GET' },
          { status: 200, reason: 'TooLarge', message: `there are more than ${maxItems}` },
        );
      }
      next = page.metadata.continue ?? '';
      if (next === '') return { items, resourceVersion: page.metadata.resourceVersion ?? '' };
    }
  }

  return {
    name: config.name,
    environment: config.environment,
    get: async <T>(location: Location, options?: CallOptions) =>
      (await request({ ...at('get', location, options), method: 'GET' })) as T,
    async list<T>(location: Location, options: ListOptions = {}) {
      try {
        return (await listOnce(location, options)) as Listed<T>;
      } catch (error) {
        // The continue token was compacted away: a second list from the start, and only one.
        if (!(error instanceof KubernetesError) || error.status !== 410) throw error;
        return (await listOnce(location, options)) as Listed<T>;
      }
    },
    create: async <T>(location: Location, object: object, options?: WriteOptions) =>
      (await request({
        ...at('create', location, options),
        ...dryRun(options),
        method: 'POST',
        body: object,
      })) as T,
    replace: async <T>(location: Location, object: object, options?: WriteOptions) =>
      (await request({
        ...at('update', location, options),
        ...dryRun(options),
        method: 'PUT',
        body: object,
      })) as T,
    patch: async <T>(location: Location, patch: object, options?: WriteOptions) =>
      (await request({
        ...at('patch', location, options),
        ...dryRun(options),
        method: 'PATCH',
        body: patch,
        contentType: Array.isArray(patch) ? 'application/json-patch+json' : 'application/merge-patch+json',
      })) as T,
    async delete(location, options = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(options.preconditions === undefined ? {} : { preconditions: options.preconditions }),
        propagationPolicy: options.propagationPolicy ?? 'Background',
        ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
      };
      await request({ ...at('delete', location, options), method: 'DELETE', body });
    },
    async connect(location, query, options) {
      await attempt({ ...at('create', location, options), method: 'POST', query });
    },
    async stream(location, query, options) {
      const call: Call = { ...at('get', location, options), method: 'GET', query, accept: '*/*' };
      // The timer ends with the answer's headers: a long log may take longer than that.
      const begun = new AbortController();
      const timer = setTimeout(() => begun.abort(), options?.timeoutMs ?? TIMEOUT_MS);
      try {
        const signal =
          options?.signal === undefined ? begun.signal : AbortSignal.any([options.signal, begun.signal]);
        const { status, headers, body } = await send(call, signal);
        if (status >= 200 && status <= 299) return body;
        throw statusError(call, status, headers, (await readText(body, 64 * 1024)) ?? '');
      } catch (error) {
        throw transportError(call, error, begun.signal);
      } finally {
        clearTimeout(timer);
      }
    },
    async groups(options) {
      const answer = (await request({
        ...options,
        method: 'GET',
        path: '/apis',
        operation: 'list the API groups',
      })) as GroupList;
      return answer.groups.map((group) => ({
        name: group.name,
        preferredVersion: group.preferredVersion.version,
        versions: group.versions.map(({ version }) => version),
      }));
    },
    async apiResources({ group, version }, options) {
      const path = pathOf({ group, version, resource: 'x' }).replace(/\/x$/, '');
      const answer = (await request({
        ...options,
        method: 'GET',
        path,
        operation: `list the resources of ${group}/${version}`,
      })) as {
        resources: ApiResource[];
      };
      return answer.resources;
    },
    close: () => credentials.close(),
  };
}

type Json = unknown;
type Headers = { [name: string]: string | string[] | undefined };

interface ListPage {
  apiVersion: string;
  kind: string;
  metadata: { continue?: string; resourceVersion?: string };
  items: KubernetesObject[] | null;
}

interface GroupList {
  groups: { name: string; preferredVersion: { version: string }; versions: { version: string }[] }[];
}

/** `create networkpolicies.networking.k8s.io in namespace shop`. */
function describe(verb: string, location: Location): string {
  const name = location.name === undefined ? '' : ` ${location.name}`;
  const where = location.namespace === undefined ? '' : ` in namespace ${location.namespace}`;
  return `${verb} ${resourceName(location)}${name}${where}`;
}

/** A body as text, or nothing when it is longer than allowed. */
async function readText(body: Readable, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a `Status` says; a proxy's own page has none. */
function readStatus(status: number, text: string): ConstructorParameters<typeof KubernetesError>[1] {
  const body = parseStatus(text);
  return {
    status,
    reason: asText(body.reason) || `HTTP ${status}`,
    message: asText(body.message) || `HTTP ${status}`,
    causes: (Array.isArray(body.details?.causes) ? body.details.causes : []).map((cause) => ({
      reason: truncate(asText(cause.reason), 100),
      field: truncate(asText(cause.field), 200),
      message: truncate(asText(cause.message), 200),
    })),
  };
}

interface Status {
  reason?: unknown;
  message?: unknown;
  details?: { causes?: { reason?: unknown; field?: unknown; message?: unknown }[] };
}

function parseStatus(text: string): Status {
  try {
    return (JSON.parse(text) as Status | null) ?? {};
  } catch {
    // Not a Status: the HTTP status must do.
    return {};
  }
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
