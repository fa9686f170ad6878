import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './binaries.ts';
import { freePort } from './ports.ts';
import { startService } from './process.ts';

export interface PrometheusOptions {
  /** `host:port` of what it scrapes, each second. */
  targets: readonly string[];
  /** Who may ask it, with the bcrypt hash of their password; anybody when absent. */
  user?: { name: string; passwordHash: string };
}

/** A Prometheus on 127.0.0.1. */
export interface PrometheusTestbed {
  url: string;
  /** What an instant query yields: each series with its value. Without credentials. */
  query(query: string): Promise<{ metric: Record<string, string>; value: string }[]>;
  stop(): Promise<void>;
}

export async function startPrometheus({ targets, user }: PrometheusOptions): Promise<PrometheusTestbed> {
  const [command, port, directory] = await Promise.all([
    binary('prometheus'),
    freePort(),
    mkdtemp(join(tmpdir(), 'firebreak-prometheus-')),
  ]);
  const url = `http://127.0.0.1:${port}`;
  const configuration = join(directory, 'prometheus.json');
  const web = join(directory, 'web.json');
  // JSON is YAML.
  await writeFile(
    configuration,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      scrape_configs: [{ job_name: 'testbed', static_configs: [{ targets }] }],
    }),
  );
  await writeFile(
    web,
    JSON.stringify(user === undefined ? {} : { basic_auth_users: { [user.name]: user.passwordHash } }),
  );
  const service = await startService({
    name: 'prometheus',
    command,
    args: [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--web.config.file=${web}`,
      '--log.level=warn',
    ],
    logFile: join(directory, 'prometheus.log'),
    // Who asks without credentials is told so once it serves.
    ready: async () => {
      const answer = await fetch(`${url}/-/ready`);
      await answer.arrayBuffer();
      return answer.status === (user === undefined ? 200 : 401);
    },
  });
  return {
    url,
    async query(query) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const text = await answer.text();
      if (!answer.ok) throw new Error(`prometheus answers ${answer.status}: ${text.slice(0, 300)}`);
      const body: { data: { result: { metric: Record<string, string>; value: [number, string] }[] } } =
        JSON.parse(text);
      return body.data.result.map(({ metric, value: [, value] }) => ({ metric, value }));
    },
    async stop() {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
