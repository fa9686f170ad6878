import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binary } from './binaries.ts';
import { basicAuthorization, pushImage, pusher } from './image.ts';
import { freePort } from './ports.ts';
import { startService } from './process.ts';

export interface RegistryOptions {
  /** Lines `user:$2y$…`: bcrypt only. */
  htpasswd: string;
  /** Gets the registry's notifications (application/vnd.docker.distribution.events.v2+json). */
  notify?: { url: string; headers?: Record<string, string[]> };
}

/** A CNCF Distribution registry on 127.0.0.1. */
export interface Registry {
  url: string;
  /** `127.0.0.1:<port>`, as image references begin. */
  host: string;
  /** Replaces the file, as a mounted Secret is replaced. */
  writeHtpasswd(text: string): Promise<void>;
  /** Status of the API's base endpoint with these credentials: 200 or 401. */
  status(user?: string, password?: string): Promise<number>;
  /** Pushes a minimal image, new each time. @returns the digest of its manifest */
  push(user: string, password: string, repository: string, tag: string): Promise<string>;
  /** Is away for so long as the work takes: what it holds is there again afterwards. */
  whileAway<T>(work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export async function startRegistry({ htpasswd, notify }: RegistryOptions): Promise<Registry> {
  const [command, port, directory] = await Promise.all([
    binary('registry'),
    freePort(),
    mkdtemp(join(tmpdir(), 'firebreak-registry-')),
  ]);
  const host = `127.0.0.1:${port}`;
  const url = `http://${host}`;
  const passwords = join(directory, 'htpasswd');
  const writeHtpasswd = async (text: string): Promise<void> => {
    await writeFile(`${passwords}.new`, text, { mode: 0o600 });
    await rename(`${passwords}.new`, passwords);
  };
  await writeHtpasswd(htpasswd);
  const configuration = join(directory, 'config.yml');
  // JSON is YAML.
  await writeFile(
    configuration,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
      http: { addr: host, secret: randomBytes(16).toString('hex') },
      auth: { htpasswd: { realm: 'firebreak-testbed', path: passwords } },
      ...(notify === undefined
        ? {}
        : {
            notifications: {
              endpoints: [
                { name: 'testbed', timeout: '2s', threshold: 3, backoff: '100ms', headers: {}, ...notify },
              ],
            },
          }),
    }),
  );
  const status = async (user?: string, password = ''): Promise<number> => {
    const headers = user === undefined ? {} : { authorization: basicAuthorization(user, password) };
    const answer = await fetch(`${url}/v2/`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const serve = () =>
    startService({
      name: 'registry',
      command,
      args: ['serve', configuration],
      // Without this it looks for a collector of traces.
      env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
      logFile: join(directory, 'registry.log'),
      ready: async () => (await status()) === 401,
    });
  let service = await serve();

  return {
    url,
    host,
    writeHtpasswd,
    status,
    async push(user, password, repository, tag) {
      const headers = { authorization: basicAuthorization(user, password) };
      const { digest } = await pushImage(pusher(url, repository, headers), tag);
      return digest;
    },
    async whileAway(work) {
      await service.stop();
      try {
        return await work();
      } finally {
        service = await serve();
      }
    },
    async stop() {
      await service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
