import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createEmulator } from 'emulate';
import { isObject, notFound, type JsonObject, type Permissions } from './types.ts';

export interface AppSpec {
  appId: number;
  installationId: number;
  /** Organization or user. */
  account: string;
  permissions: Permissions;
  /** `owner/name`; all of the account unless told. */
  repositories?: readonly string[];
}

export interface BackendOptions {
  users: readonly string[];
  organizations: readonly string[];
  /** `owner/name`. */
  repositories: readonly string[];
  app?: AppSpec;
}

/** What npm `emulate` is asked for. */
export interface Backend {
  /** As an owner of everything. */
  get(path: string): Promise<JsonObject>;
  /** Passes on a request as it came: with an App's JWT, that is checked there. */
  pass(
    method: string,
    path: string,
    authorization: string,
    body: string,
  ): Promise<{ status: number; body: unknown }>;
  /** PKCS#1 PEM. */
  privateKey: string;
  stop(): Promise<void>;
}

/** Starts npm `emulate`'s GitHub on a free loopback port. It sees only calls that the front has let in. */
export async function startBackend(options: BackendOptions): Promise<Backend> {
  const owner = options.users[0] ?? 'owner';
  const token = `ghp_${randomBytes(18).toString('hex')}`;
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const { app } = options;
  const emulator = await createEmulator({
    service: 'github',
    port: 0,
    hostname: '127.0.0.1',
    seed: {
      tokens: { [token]: { login: owner, scopes: ['repo', 'user', 'admin:org'] } },
      github: {
        users: options.users.map((login) => ({ login })),
        orgs: options.organizations.map((login) => ({
          login,
          members: options.users.map((user) => ({ login: user, role: 'admin' })),
        })),
        repos: options.repositories.map((full) => {
          const [account, name] = full.split('/');
          return { owner: account, name, private: false, auto_init: true };
        }),
        apps:
          app === undefined
            ? []
            : [
                {
                  app_id: app.appId,
                  slug: 'firebreak',
                  name: 'Firebreak',
                  private_key: privateKey,
                  permissions: app.permissions,
                  installations: [
                    {
                      installation_id: app.installationId,
                      account: app.account,
                      repository_selection: app.repositories === undefined ? 'all' : 'selected',
                      ...(app.repositories === undefined ? {} : { repositories: app.repositories }),
                    },
                  ],
                },
              ],
      },
    },
  });
  const base = `http://127.0.0.1:${new URL(emulator.url).port}`;

  async function pass(method: string, path: string, authorization: string, body: string) {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === '' ? {} : { body }),
    });
    const text = await response.text();
    const parsed: unknown = text === '' ? undefined : JSON.parse(text);
    return { status: response.status, body: parsed };
  }

  return {
    async get(path) {
      const { status, body } = await pass('GET', path, `Bearer ${token}`, '');
      if (status === 404) throw notFound();
      if (status !== 200 || !isObject(body))
        throw new Error(`the GitHub emulator answered ${status} to GET ${path}`);
      return body;
    },
    pass,
    privateKey,
    stop: () => emulator.close(),
  };
}
