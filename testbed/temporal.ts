import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './binaries.ts';
import { freePort } from './ports.ts';
import { startService } from './process.ts';
import type { RunningProcess } from './process.ts';

type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface TemporalOptions {
  /** Holds the log; one that is removed at the end by default. */
  dir?: string;
  /** SQLite file; without one the state lives in memory and ends with the server. */
  dbFilename?: string;
  /** Serves the web UI too. */
  ui?: boolean;
  /** Created at start, beside `default`, which is the default. */
  namespace?: string;
  /** Registered in every namespace: name → type. */
  searchAttributes?: Record<string, SearchAttributeType>;
}

export interface Temporal {
  /** `host:port` of the frontend, for gRPC. */
  readonly address: string;
  readonly namespace: string;
  readonly uiAddress?: string;
  readonly logFile: string;
  /** Of the process that runs now, or that ran last. */
  readonly pid: number;
  /** Takes the server down, for an outage test, or for good. May be repeated. */
  stop(): Promise<void>;
  /** Brings a stopped server back on the same ports and, if it has one, the same database file. */
  start(): Promise<void>;
}

const DYNAMIC_CONFIG: Record<string, unknown> = {
  // The default of 20 a second is a tick of 50 ms at each hop: with one shard that is most of a step's latency.
  'history.transferProcessorMaxPollRPS': 2000,
  // Off by default, which turns the SDK's eager dispatch into a no-op.
  'system.enableActivityEagerExecution': true,
  // A storm of alerts or a test that lists workflows must meet Firebreak's limits, not those of a shared server.
  'frontend.rps': 20_000,
  'frontend.namespaceRPS': 20_000,
  'frontend.namespaceRPS.visibility': 1_000,
  'frontend.persistenceMaxQPS': 20_000,
  'history.rps': 20_000,
  'history.persistenceMaxQPS': 20_000,
  'matching.rps': 20_000,
  'matching.persistenceMaxQPS': 20_000,
};

/**
 * Starts a Temporal dev server on free ports of 127.0.0.1 and waits until it serves the namespace.
 * @throws with the end of its log, when it does not come up.
 */
export async function startTemporal(options: TemporalOptions = {}): Promise<Temporal> {
  const command = await binary('temporal');
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'firebreak-temporal-')));
  const namespace = options.namespace ?? 'default';
  const port = await freePort();
  const httpPort = await freePort();
  const metricsPort = await freePort();
  const uiPort = await freePort();
  const logFile = join(dir, 'temporal.log');
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn', '--namespace', namespace];
  args.push('--port', String(port), '--http-port', String(httpPort), '--metrics-port', String(metricsPort));
  args.push(...(options.ui ? ['--ui-port', String(uiPort)] : ['--headless']));
  for (const [key, value] of Object.entries(DYNAMIC_CONFIG)) {
    args.push('--dynamic-config-value', `${key}=${JSON.stringify(value)}`);
  }
  if (options.dbFilename !== undefined) {
    args.push('--db-filename', options.dbFilename, '--sqlite-pragma', 'journal_mode=WAL');
  }
  for (const [name, type] of Object.entries(options.searchAttributes ?? {})) {
    args.push('--search-attribute', `${name}=${type}`);
  }

  const ready = async (): Promise<boolean> => {
    // Through the frontend to the database: the HTTP API is the same service as gRPC.
    const url = `http://127.0.0.1:${httpPort}/api/v1/namespaces/${encodeURIComponent(namespace)}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  };
  const start = (): Promise<RunningProcess> =>
    startService({ name: 'temporal', command, args, logFile, env: withoutTemporalSettings(), ready });

  let server = await start();
  return {
    address: `127.0.0.1:${port}`,
    namespace,
    ...(options.ui ? { uiAddress: `http://127.0.0.1:${uiPort}` } : {}),
    logFile,
    get pid() {
      return server.pid;
    },
    async stop() {
      // State in memory is gone either way; one in a file gets the time to close it.
      await server.stop(options.dbFilename === undefined ? 0 : undefined);
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
    async start() {
      if (!server.running()) server = await start();
    },
  };
}

/** The person's own TEMPORAL_… settings are about another server. */
function withoutTemporalSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
