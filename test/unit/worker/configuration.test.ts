import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { catalogue, environmentOf } from '../../../worker/catalogue.ts';
import { ConfigurationError, loadConfiguration, type Configuration } from '../../../worker/config/load.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

/** Whole and right; tests replace or add lines. */
const good = `clusters:
  - { name: shop, environment: production, kubeconfig: kubeconfig }
accounts:
  - name: production
    environment: production
    id: '111122223333'
    region: eu-central-1
    role: { arn: 'arn:aws:iam::111122223333:role/firebreak', externalId: e-17 }
    breakGlass: ['arn:aws:iam::111122223333:user/break-glass']
forges:
  - { name: hub, environment: production, kind: github, auth: { token: { env: HUB_TOKEN } } }
  - { name: lab, environment: production, kind: gitlab, token: { file: secrets/lab } }
registries:
  - { name: harbor, environment: production, kind: harbor, url: 'https://harbor.example', username: fb, password: { env: HARBOR } }
  - { name: plain, environment: production, kind: basic-auth, url: 'https://r.example', htpasswd: local/registry/htpasswd }
  - name: images
    environment: production
    kind: oci
    host: docker.io
    url: https://registry-1.docker.io
    credentials: { username: fb, password: { file: secrets/hub } }
    tokenHosts: [auth.docker.io]
    mirrors: [{ url: 'https://mirror.example/hub', credentials: { username: fb, password: { file: secrets/mirror } } }]
images: { policy: images.yaml }
metrics:
  - { name: open, environment: production, kind: prometheus, url: 'http://prometheus.example:9090' }
  - { name: token, environment: production, kind: prometheus, url: 'https://p.example/mimir', token: { file: secrets/metrics } }
  - { name: user, environment: production, kind: prometheus, url: 'http://127.0.0.1:9090', username: fb, password: { env: METRICS } }
secretStores:
  - { name: cluster, kind: kubernetes, cluster: shop, namespaces: [shop] }
  - { name: vault, kind: aws-secrets-manager, account: production, prefix: firebreak/ }
  - { name: local, kind: file, directory: secrets/kept }
approvals:
  default: { from: [responders] }
  release: { from: [responders] }
  escalation: [leads]
`;

async function load(text: string): Promise<{ configuration: Configuration; directory: string }> {
  const directory = await temporaryDirectory();
  const file = join(directory, 'firebreak.yaml');
  await writeFile(file, text);
  return { configuration: await loadConfiguration(file), directory };
}

/** The faults of a text, with the line that each one points at. */
async function faults(text: string): Promise<{ field: string; message: string; line: string }[]> {
  const error: unknown = await load(text).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigurationError)) throw error ?? new Error('it was taken');
  expect(error.code).toBe('FB6003');
  const lines = text.split('\n');
  return error.problems.map(({ field, message, line }) => ({ field, message, line: lines[line - 1] ?? '' }));
}

function changed(from: string, to: string): string {
  if (!good.includes(from)) throw new Error(`there is no ${from}`);
  return good.replace(from, to);
}

test('every kind of system is taken, with defaults and absolute paths', async () => {
  const { configuration, directory } = await load(good);
  expect(configuration).toMatchObject({
    accounts: [{ name: 'production', breakGlass: ['arn:aws:iam::111122223333:user/break-glass'] }],
    forges: [
      { kind: 'github', apiUrl: 'https://api.github.com', auth: { token: { env: 'HUB_TOKEN' } } },
      { kind: 'gitlab', url: 'https://gitlab.com', token: { file: join(directory, 'secrets/lab') } },
    ],
    registries: [
      { name: 'harbor', password: { env: 'HARBOR' } },
      { name: 'plain' },
      {
        credentials: { username: 'fb', password: { file: join(directory, 'secrets/hub') } },
        mirrors: [{ credentials: { password: { file: join(directory, 'secrets/mirror') } } }],
      },
    ],
    images: { policy: join(directory, 'images.yaml') },
    metrics: [{ name: 'open' }, { token: { file: join(directory, 'secrets/metrics') } }, { username: 'fb' }],
    secretStores: [{ name: 'cluster' }, { name: 'vault' }, { directory: join(directory, 'secrets/kept') }],
  });
  for (const place of [
    'shop',
    'aws:production',
    'forge:hub',
    'forge:lab',
    'registry:harbor',
    'registry:plain',
    'registry:images',
    'metrics:open',
  ])
    expect(environmentOf(configuration, place)).toBe('production');
  expect(environmentOf(configuration, 'aws:elsewhere')).toBeUndefined();
});

test('no value of a secret is asked for before it is used', async () => {
  const { configuration } = await load(good);
  expect(() =>
    catalogue({ ...configuration, clusters: [], secretStores: configuration.secretStores.slice(1) }),
  ).not.toThrow();
});

test.each([
  ["url: 'https://p.example/mimir'", "url: 'http://p.example/mimir'", 'metrics[1].url', 'must be https'],
  [
    "url: 'https://p.example/mimir'",
    "url: 'https://a:b@p.example'",
    'metrics[1].url',
    'must hold no credential',
  ],
  ["url: 'https://p.example/mimir'", "url: 'ftp://p.example'", 'metrics[1].url', 'must be an http or https'],
  ["9090', username: fb,", "9090',", 'metrics[2].username', 'is missing'],
  [', password: { env: METRICS }', '', 'metrics[2].password', 'is missing'],
  ["9090', username: fb,", "9090', token: { env: T }, username: fb,", 'metrics[2].token', 'either a token'],
])('of a source of metrics: %s → %s', async (from, to, field, message) => {
  expect(await faults(changed(from, to))).toContainEqual(
    expect.objectContaining({ field, message: expect.stringContaining(message) }),
  );
});

describe('names that are used twice', () => {
  test.each([
    ['clusters', '  - { name: shop, environment: production, kubeconfig: kubeconfig }\n'],
    ['forges', '  - { name: lab, environment: production, kind: gitlab, token: { file: secrets/lab } }\n'],
    ['secretStores', '  - { name: local, kind: file, directory: secrets/kept }\n'],
  ])('%s', async (list, line) => {
    const found = await faults(changed(line, `${line}${line}`));
    expect(found).toEqual([
      {
        field: expect.stringMatching(new RegExp(`^${list}\\[\\d\\]\\.name$`)),
        message: expect.stringContaining('is used twice'),
        line: line.trimEnd(),
      },
    ]);
  });

  test('across kinds of one list, and as often as they are; not across lists', async () => {
    const found = await faults(changed('name: lab', 'name: hub'));
    expect(found).toMatchObject([{ field: 'forges[1].name', message: 'is used twice: hub' }]);
    const stores = changed('name: cluster', 'name: local').replace('name: vault', 'name: local');
    expect((await faults(stores)).map(({ field }) => field)).toEqual([
      'secretStores[1].name',
      'secretStores[2].name',
    ]);
    await expect(load(changed('name: hub', 'name: shop'))).resolves.toBeDefined();
  });
});

test('one host of images is one registry', async () => {
  const again = '  - { name: hub-images, environment: production, kind: oci, host: docker.io }\n';
  expect(await faults(changed('images: { policy', `${again}images: { policy`))).toEqual([
    { field: 'registries[3].host', message: 'is used twice: docker.io', line: again.trimEnd() },
  ]);
});

test('a registry of images that could not be asked is refused, with its field', async () => {
  const { configuration } = await load(
    changed('url: https://registry-1.docker.io', 'url: http://registry-1.docker.io'),
  );
  expect(() => catalogue({ registries: configuration.registries })).toThrow(
    /FB3802: registry docker\.io: url has credentials, which are sent over https only/,
  );
});

describe('names of what is not there', () => {
  test.each([
    [
      'kind: kubernetes, cluster: shop',
      'kind: kubernetes, cluster: shpo',
      'secretStores[0].cluster',
      'is not the name of one of the clusters: shpo',
    ],
    [
      'account: production, prefix',
      'account: staging, prefix',
      'secretStores[1].account',
      'is not the name of one of the accounts: staging',
    ],
    [
      'htpasswd: local/registry',
      'htpasswd: lokal/registry',
      'registries[1].htpasswd',
      'does not begin with the name of one of the secretStores',
    ],
    [
      'htpasswd: local/registry/htpasswd',
      'htpasswd: vault/registry/htpasswd',
      'registries[1].htpasswd',
      'does not begin with vault/firebreak/, the prefix of that secret store',
    ],
    [
      'htpasswd: local/registry/htpasswd',
      'htpasswd: cluster/web/registry/htpasswd',
      'registries[1].htpasswd',
      'is in none of the namespaces and secrets of secret store cluster',
    ],
    [
      'htpasswd: local/registry/htpasswd',
      'htpasswd: htpasswd',
      'registries[1].htpasswd',
      'does not begin with the name of one of the secretStores',
    ],
  ])('%s → %s', async (from, to, field, message) => {
    const found = await faults(changed(from, to));
    expect(found).toEqual([{ field, message, line: expect.stringContaining(to) }]);
  });

  test('all at once', async () => {
    const text = good
      .replace('cluster: shop', 'cluster: a')
      .replace('account: production', 'account: b')
      .replace('local/', 'c/');
    expect((await faults(text)).map(({ field }) => field).toSorted()).toEqual([
      'registries[1].htpasswd',
      'secretStores[0].cluster',
      'secretStores[1].account',
    ]);
  });
});

describe('fields of a wrong form', () => {
  test.each([
    ["id: '111122223333'", 'id: 111122223333', 'accounts[0].id'],
    ["id: '111122223333'", "id: '1111222233'", 'accounts[0].id'],
    ['region: eu-central-1', 'region: Frankfurt', 'accounts[0].region'],
    [
      "role: { arn: 'arn:aws:iam::111122223333:role/firebreak'",
      "role: { arn: 'firebreak'",
      'accounts[0].role.arn',
    ],
    [
      "breakGlass: ['arn:aws:iam::111122223333:user/break-glass']",
      'breakGlass: [admin]',
      'accounts[0].breakGlass[0]',
    ],
    ['token: { env: HUB_TOKEN }', 'token: ghp_written-here', 'forges[0].auth'],
    ['token: { file: secrets/lab }', 'token: glpat-written-here', 'forges[1].token'],
    ['kind: gitlab', 'kind: gitea', 'forges[1].kind'],
    // Each store says what it is bound to: the engine's rights follow from it.
    ['cluster: shop, namespaces: [shop] }', 'cluster: shop }', 'secretStores[0].namespaces'],
    ['namespaces: [shop]', 'namespaces: []', 'secretStores[0].namespaces'],
    ['namespaces: [shop]', 'namespaces: [shop, shop]', 'secretStores[0].namespaces'],
    ['namespaces: [shop]', "namespaces: ['*']", 'secretStores[0].namespaces[0]'],
    ['namespaces: [shop]', 'namespaces: [shop], secrets: []', 'secretStores[0].secrets'],
    ['namespaces: [shop]', 'namespaces: [shop], secrets: [a/b]', 'secretStores[0].secrets[0]'],
    ['account: production, prefix: firebreak/ }', 'account: production }', 'secretStores[1].prefix'],
    ['prefix: firebreak/', "prefix: ''", 'secretStores[1].prefix'],
    ['prefix: firebreak/', "prefix: 'fire*'", 'secretStores[1].prefix'],
    ['kind: file, directory: secrets/kept', 'kind: memory', 'secretStores[2].kind'],
    ['kind: file, directory: secrets/kept', 'kind: file', 'secretStores[2].directory'],
  ])('%s → %s', async (from, to, field) => {
    const found = await faults(changed(from, to));
    expect(found.map((fault) => fault.field)).toContain(field);
    // A token that was written into the file is not said again.
    expect(found.map(({ message }) => message).join()).not.toMatch(/written-here/);
  });

  test('a key that is not known is answered with the one that was meant', async () => {
    const found = await faults(changed('breakGlass:', 'breakglass:'));
    expect(found).toEqual([
      {
        field: 'accounts[0].breakglass',
        message: expect.stringContaining('breakGlass'),
        line: expect.stringContaining('breakglass'),
      },
    ]);
  });
});

test('audit logs are a file or several, with absolute paths; registry events are bounded', async () => {
  const cluster = '{ name: shop, environment: production, kubeconfig: kubeconfig';
  const one = await load(changed(cluster, `${cluster}, auditLog: logs/audit.log`));
  expect(one.configuration.clusters[0]?.auditLog).toEqual([join(one.directory, 'logs/audit.log')]);
  const two = await load(changed(cluster, `${cluster}, auditLog: [/var/log/a.log, b.log]`));
  expect(two.configuration.clusters[0]?.auditLog).toEqual(['/var/log/a.log', join(two.directory, 'b.log')]);
  const none = await load(good);
  expect(none.configuration.clusters[0]?.auditLog).toEqual([]);
  expect(none.configuration.registryEvents).toEqual({ maxBytes: 67_108_864, maxAgeMs: 90 * 86_400_000 });
  const small = await load(`${good}registryEvents: { maxBytes: 2097152, keep: 7d }\n`);
  expect(small.configuration.registryEvents).toEqual({ maxBytes: 2_097_152, maxAgeMs: 7 * 86_400_000 });
  const [fault] = await faults(`${good}registryEvents: { keep: never }\n`);
  expect(fault).toMatchObject({ field: 'registryEvents.keep' });
});
