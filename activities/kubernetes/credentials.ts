/* oxlint-disable typescript/no-unsafe-type-assertion -- only the optional code of a system error is read */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { FirebreakError } from '../../domain/errors.ts';
import { digest } from '../../domain/json.ts';

export interface ClusterConfig {
  /** As alerts and playbooks call it. */
  name: string;
  /** `production`, `staging` …: what guardrails judge by. */
  environment: string;
  /** Path of a kubeconfig; absent: the ServiceAccount of the pod that this runs in. */
  kubeconfig?: string;
  /** The kubeconfig's current context when absent. */
  context?: string;
}

/** What one request needs: where to, over which connections, with which headers. */
export interface Endpoint {
  origin: string;
  /** Path in front of the API, as gateways have it; no slash at the end. */
  prefix: string;
  dispatcher: Dispatcher;
  headers: { [name: string]: string };
}

export interface Credentials {
  endpoint(): Promise<Endpoint>;
  /** Drops what is cached: the server did not accept it. */
  refresh(): void;
  close(): Promise<void>;
}

/** Long enough to read files and run plugins rarely, short enough that a rotated token or certificate is picked up. */
const CACHE_MS = 15_000;

/**
 * Loads and authenticates as kubectl does: client certificates, tokens, token files, exec plugins, proxies. The library would make an agent for each
 * request; here one is kept until its TLS material changes.
 * @throws FB3208 when the kubeconfig cannot be used.
 */
export function loadCredentials(config: ClusterConfig): Credentials {
  const kubeConfig = load(config);
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw unusable(config, 'its context names no cluster');
  const server = new URL(cluster.server);
  let agent: { key: string; dispatcher: Dispatcher } | undefined;
  let cached: { endpoint: Promise<Endpoint>; until: number } | undefined;

  async function authenticate(): Promise<Endpoint> {
    const options: RequestOptions = { headers: {} };
    try {
      await kubeConfig.applyToHTTPSOptions(options);
    } catch {
      // The cause is left out: a plugin's stderr may hold a credential.
      throw unusable(config, 'its credential cannot be obtained; run kubectl with it to see why');
    }
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    if (typeof options.auth === 'string') {
      headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    return {
      origin: server.origin,
      prefix: server.pathname.replace(/\/+$/, ''),
      dispatcher: connect(options),
      headers,
    };
  }

  function connect(options: RequestOptions): Dispatcher {
    const { ca, cert, key, passphrase, rejectUnauthorized, servername } = options;
    const material = digest(
      [ca, cert, key].map(text).concat(text(passphrase), String(rejectUnauthorized), text(servername)),
    );
    if (agent?.key === material) return agent.dispatcher;
    // Requests in flight keep the old one until they have ended.
    void agent?.dispatcher.close();
    const tls = defined({ ca, cert, key, passphrase, rejectUnauthorized, servername });
    agent = { key: material, dispatcher: newDispatcher(config, cluster?.proxyUrl, tls) };
    return agent.dispatcher;
  }

  return {
    endpoint() {
      if (cached === undefined || cached.until < Date.now()) {
        const endpoint = authenticate();
        cached = { endpoint, until: Date.now() + CACHE_MS };
        endpoint.catch(() => (cached = undefined));
      }
      return cached.endpoint;
    },
    refresh() {
      cached = undefined;
    },
    async close() {
      await agent?.dispatcher.destroy();
    },
  };
}

function newDispatcher(config: ClusterConfig, proxy: string | undefined, tls: object): Dispatcher {
  // HTTP/1.1: on a shared HTTP/2 connection one large log could hold up a containment.
  const options = { allowH2: false, connections: 32, connectTimeout: 5_000, keepAliveTimeout: 30_000 };
  if (proxy === undefined || proxy === '') {
    return new Agent({
      ...options,
      connect: { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000, timeout: 5_000 },
    });
  }
  if (!/^https?:/.test(proxy))
    throw unusable(config, 'proxy-url must be http or https: SOCKS is not supported');
  return new ProxyAgent({ ...options, uri: proxy, requestTls: tls });
}

function load(config: ClusterConfig): KubeConfig {
  const kubeConfig = new KubeConfig();
  try {
    if (config.kubeconfig === undefined) kubeConfig.loadFromCluster();
    else kubeConfig.loadFromFile(config.kubeconfig);
  } catch (error) {
    // A YAML error quotes the lines around it, and these may be a token: only the system's own error code is shown.
    const code = (error as NodeJS.ErrnoException).code;
    throw unusable(config, code === undefined ? 'it is no kubeconfig' : `it cannot be read (${code})`);
  }
  if (config.context !== undefined) {
    if (!kubeConfig.getContexts().some(({ name }) => name === config.context)) {
      throw unusable(config, `it has no context ${JSON.stringify(config.context)}`);
    }
    kubeConfig.setCurrentContext(config.context);
  }
  return kubeConfig;
}

function unusable(config: ClusterConfig, why: string): FirebreakError {
  return new FirebreakError(
    'FB3208',
    `clusters.${config.name}.kubeconfig (${config.kubeconfig ?? 'the ServiceAccount of this pod'}): ${why}`,
  );
}

function defined(record: { [key: string]: unknown }): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/** TLS material as text, to see whether it has changed. */
function text(material: unknown): string {
  return typeof material === 'string' || Buffer.isBuffer(material) ? material.toString() : '';
}
