/* oxlint-disable typescript/no-unsafe-type-assertion -- the API server is trusted to send the kind it was asked for */
import type { Readable } from 'node:stream';
import { FirebreakError } from '../../domain/errors.ts';
import type { ClusterConfig } from './credentials.ts';
import { truncate } from '../../domain/safe-text.ts';
import { KubernetesError } from './errors.ts';
import { pathOf, resourceName, type KubernetesObject, type Location, type Resource } from './resources.ts';
import { createTransport, type CallOptions } from './transport.ts';

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
  /** Only `metadata` is sent, as kind PartialObjectMetadata: what a Secret holds stays where it is. */
  metadataOnly?: boolean;
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

const MAX_ITEMS = 20_000;
const PAGE = 500;

/** Connects lazily: a cluster that is down is an error of the call, not of the start. @throws FB3208 for a kubeconfig that cannot be used. */
export function createCluster(config: ClusterConfig): Cluster {
  const transport = createTransport(config);

  async function listOnce(location: Location, options: ListOptions): Promise<Listed<KubernetesObject>> {
    const items: KubernetesObject[] = [];
    const maxItems = options.maxItems ?? MAX_ITEMS;
    const call = {
      ...at('list', location, options),
      ...(options.metadataOnly === true
        ? { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' }
        : {}),
    };
    let next = '';
    let limit = PAGE;
    for (;;) {
      const query: { [name: string]: string } = { limit: String(limit) };
      if (options.labelSelector !== undefined) query['labelSelector'] = options.labelSelector;
      if (options.fieldSelector !== undefined) query['fieldSelector'] = options.fieldSelector;
      if (next !== '') query['continue'] = next;
      let page: ListPage;
      try {
        page = (await transport.json({ ...call, method: 'GET', query })) as ListPage;
      } catch (error) {
        // Whoever makes objects may make them large: fewer at once then.
        if (limit === 1 || !(error instanceof KubernetesError) || error.reason !== 'TooLarge') throw error;
        limit = Math.ceil(limit / 10);
        continue;
      }
      // The items of a list carry neither.
      const type = { apiVersion: page.apiVersion, kind: page.kind.replace(/List$/, '') };
      for (const item of page.items ?? []) items.push({ ...type, ...item });
      if (items.length > maxItems) {
        throw new KubernetesError(
          { cluster: config.name, operation: call.operation },
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
      (await transport.json({ ...at('get', location, options), method: 'GET' })) as T,
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
      (await transport.json({
        ...at('create', location, options),
        ...dryRun(options),
        method: 'POST',
        body: object,
      })) as T,
    replace: async <T>(location: Location, object: object, options?: WriteOptions) =>
      (await transport.json({
        ...at('update', location, options),
        ...dryRun(options),
        method: 'PUT',
        body: object,
      })) as T,
    patch: async <T>(location: Location, patch: object, options?: WriteOptions) =>
      (await transport.json({
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
      await transport.json({ ...at('delete', location, options), method: 'DELETE', body });
    },
    async connect(location, query, options) {
      await transport.post({ ...at('create', location, options), query });
    },
    stream: (location, query, options) => transport.stream({ ...at('get', location, options), query }),
    async groups(options) {
      const answer = (await transport.json({
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
      const answer = (await transport.json({
        ...options,
        method: 'GET',
        path,
        operation: `list the resources of ${group}/${version}`,
      })) as {
        resources: ApiResource[];
      };
      return answer.resources;
    },
    close: () => transport.close(),
  };
}

interface ListPage {
  apiVersion: string;
  kind: string;
  metadata: { continue?: string; resourceVersion?: string };
  items: KubernetesObject[] | null;
}

interface GroupList {
  groups: { name: string; preferredVersion: { version: string }; versions: { version: string }[] }[];
}

function at(verb: string, location: Location, options: CallOptions | undefined) {
  return { ...options, path: pathOf(location), operation: describe(verb, location) };
}

function dryRun(options: WriteOptions | undefined) {
  return options?.dryRun === true ? { query: { dryRun: 'All' } } : {};
}

/** `create networkpolicies.networking.k8s.io in namespace shop`. */
function describe(verb: string, location: Location): string {
  const name = location.name === undefined ? '' : ` ${location.name}`;
  const where = location.namespace === undefined ? '' : ` in namespace ${location.namespace}`;
  return `${verb} ${resourceName(location)}${name}${where}`;
}
