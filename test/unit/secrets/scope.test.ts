import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createAccount } from '../../../activities/aws/accounts.ts';
import { covers } from '../../../activities/aws/arn-pattern.ts';
import { createCluster, type Cluster } from '../../../activities/kubernetes/client.ts';
import { awsStore } from '../../../activities/secrets/aws.ts';
import { kubernetesStore } from '../../../activities/secrets/kubernetes.ts';
import { storePermissions } from '../../../activities/secrets/permissions.ts';
import { Secret, type SecretStore } from '../../../domain/secret.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

const closed = `apiVersion: v1
kind: Config
current-context: a
contexts: [{ name: a, context: { cluster: a, user: a } }]
clusters: [{ name: a, cluster: { server: 'http://127.0.0.1:1' } }]
users: [{ name: a, user: { token: t } }]
`;
const call = { signal: AbortSignal.timeout(10_000) };

/** Every way into a store. A call that left it would fail otherwise: nothing is there to answer. */
async function refused(store: SecretStore, path: string): Promise<string[]> {
  const ways = [
    async () => store.describe(path),
    async () => store.kubernetes?.(path) ?? store.describe(path),
    () => store.read(path, call),
    () => store.previous(path, call),
    () => store.write(path, new Secret('value'), call),
  ];
  const messages: string[] = [];
  for (const way of ways) {
    const error: unknown = await way().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'FirebreakError', code: 'FB3405' });
    messages.push(String(error));
  }
  return [...new Set(messages)];
}

describe('a store of Secrets Manager', () => {
  const account = createAccount({
    name: 'production',
    id: '111122223333',
    environment: 'production',
    region: 'eu-central-1',
    breakGlass: [],
  });
  const store = awsStore('vault', account, { prefix: 'ci-' });

  test.each(['ci', 'prod/db', 'CI-deployer', '/ci-deployer', 'xci-'])(
    '%j is refused before any call, naming field and fix',
    async (path) => {
      expect(await refused(store, path)).toEqual([
        expect.stringMatching(/secretStores\.vault\.prefix.*begins with "ci-".*firebreak permissions/),
      ]);
    },
  );

  test('a name within is taken', () => {
    expect(store.describe('ci-deployer')).toBe('secret ci-deployer in AWS account production');
  });

  test('its right is for the ARNs of names with the prefix, and not of one that AWS completes to it', () => {
    const [permission] = storePermissions(
      { kind: 'aws-secrets-manager', account: 'production', prefix: 'ci-' },
      'read',
      'plan',
    );
    const [resource = ''] = permission?.system === 'aws' ? permission.resources : [];
    const arn = (name: string, end = 'AbCdEf') => resource.replace(/secret:.*$/, `secret:${name}-${end}`);
    expect(['ci-a', 'ci-', 'ci-a-b/c', 'ci-a-AbCdEf'].filter((name) => !covers(resource, arn(name)))).toEqual(
      [],
    );
    expect(['ci', 'c', 'prod', 'xci-a'].filter((name) => covers(resource, arn(name)))).toEqual([]);
  });
});

describe('a store of Kubernetes', () => {
  let cluster: Cluster;
  let store: SecretStore;
  beforeAll(async () => {
    // Nobody answers there.
    const kubeconfig = join(await temporaryDirectory(), 'kubeconfig');
    await writeFile(kubeconfig, closed);
    cluster = createCluster({ name: 'prod', environment: 'production', kubeconfig });
    store = kubernetesStore('shop', cluster, { namespaces: ['shop', 'web'], secrets: ['aws', 'db'] });
  });
  afterAll(() => cluster.close());

  test.each([
    ['kube-system/aws/key', /secretStores\.shop\.namespaces.*in shop, web/],
    ['sho/aws/key', /secretStores\.shop\.namespaces/],
    ['web/token/key', /secretStores\.shop\.secrets.*of aws, db/],
  ])('%j is refused before any call, naming field and fix', async (path, message) => {
    expect(await refused(store, path)).toEqual([expect.stringMatching(message)]);
  });

  test('a name within is taken; without names, any of the namespaces', () => {
    expect(store.kubernetes?.('web/db/key')).toEqual({
      cluster: 'prod',
      namespace: 'web',
      secret: 'db',
      key: 'key',
    });
    const wide = kubernetesStore('shop', cluster, { namespaces: ['web'] });
    expect(wide.kubernetes?.('web/token/key')).toMatchObject({ secret: 'token' });
  });

  test('its rights are in its namespaces and for its names; what is made has none yet', () => {
    const scope = {
      kind: 'kubernetes' as const,
      cluster: 'prod',
      namespaces: ['shop', 'web'],
      secrets: ['aws'],
    };
    const rights = storePermissions(scope, 'write', 'apply');
    expect(rights).toMatchObject(
      ['shop', 'web'].flatMap((namespace) => [
        { namespace, cluster: 'prod', verbs: ['get', 'patch'], resourceNames: ['aws'] },
        { namespace, cluster: 'prod', verbs: ['create'] },
      ]),
    );
    expect(rights.filter((right) => 'resourceNames' in right)).toHaveLength(2);
  });
});
