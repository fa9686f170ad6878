import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCluster, type Cluster } from '../../activities/kubernetes/client.ts';
import { rbacManifests } from '../../activities/kubernetes/rbac.ts';
import { kubernetesStore } from '../../activities/secrets/kubernetes.ts';
import { storePermissions } from '../../activities/secrets/permissions.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { collectionOf } from '../support/quarantine-house.ts';
import { promises } from '../support/secret-store.ts';

const secrets = { group: '', version: 'v1', resource: 'secrets', namespace: 'shop' };
const scope = { kind: 'kubernetes' as const, cluster: 'prod', namespaces: ['shop'] };
const call = { signal: AbortSignal.timeout(120_000) };

let kubernetes: Kubernetes;
let admin: Cluster;
let engine: Cluster;
let store: SecretStore;

const open = (kubeconfig: string) => createCluster({ name: 'prod', environment: 'production', kubeconfig });

beforeAll(async () => {
  kubernetes = await startKubernetes();
  admin = open(kubernetes.adminKubeconfig);
  // Under the generated rights alone.
  engine = open(await kubernetes.kubeconfigFor('keeper'));
  const manifests = rbacManifests({
    permissions: storePermissions(scope, 'write', 'apply'),
    engine: { kind: 'User', name: 'keeper' },
    responderGroup: 'firebreak:responders',
  });
  const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  for (const manifest of [shop, ...manifests]) await admin.create(collectionOf(manifest), manifest);
  store = kubernetesStore('cluster', engine, scope);
}, 120_000);
afterAll(async () => {
  await Promise.all([admin.close(), engine.close()]);
  await kubernetes.stop();
}, 30_000);

const fresh = () => `s-${randomBytes(6).toString('hex')}`;
const get = (name: string) => admin.get({ ...secrets, name });

describe('the Kubernetes store', () => {
  promises(async () => ({ store, path: `shop/${fresh()}/password` }));

  test('makes a Secret that says who made it', async () => {
    const name = fresh();
    await store.write(`shop/${name}/password`, new Secret('value'), call);
    expect(await get(name)).toMatchObject({
      type: 'Opaque',
      metadata: { labels: { 'app.kubernetes.io/managed-by': 'firebreak' } },
      data: { password: Buffer.from('value').toString('base64') },
    });
  });

  test('keeps every other key, label and annotation, the type, and adds a key that is missing', async () => {
    const name = fresh();
    const made = await admin.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, labels: { team: 'web' }, annotations: { note: 'n' } },
      type: 'kubernetes.io/basic-auth',
      data: { username: 'YW5h', password: 'b2xk', blob: Buffer.from([0xff, 0]).toString('base64') },
    });
    const read = await store.read(`shop/${name}/password`, call);
    await store.write(`shop/${name}/password`, new Secret('new'), { ...call, ...version(read) });
    await store.write(`shop/${name}/another`, new Secret('more'), call);
    const { managedFields: _, resourceVersion: __, ...metadata } = made.metadata;
    expect(await get(name)).toMatchObject({
      metadata,
      type: 'kubernetes.io/basic-auth',
      data: {
        username: 'YW5h',
        password: 'bmV3',
        blob: Buffer.from([0xff, 0]).toString('base64'),
        another: 'bW9yZQ==',
      },
    });
    await expect(store.read(`shop/${name}/blob`, call)).rejects.toMatchObject({ code: 'FB3404' });
  });

  test('an empty value is a place that was made for one', async () => {
    const name = fresh();
    await admin.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      data: { password: '' },
    });
    expect(await store.read(`shop/${name}/password`, call)).toBeUndefined();
    await store.write(`shop/${name}/password`, new Secret('value'), call);
    expect((await store.read(`shop/${name}/password`, call))?.value.reveal()).toBe('value');
  });

  test('a change of another key counts as one of this: nothing is overwritten', async () => {
    const name = fresh();
    const { version: before } = await store.write(`shop/${name}/password`, new Secret('value'), call);
    await admin.patch({ ...secrets, name }, { data: { other: 'eA==' } });
    await expect(
      store.write(`shop/${name}/password`, new Secret('new'), { ...call, version: before }),
    ).rejects.toMatchObject({ code: 'FB3402' });
  });

  test('an immutable Secret is refused with the way out', async () => {
    const name = fresh();
    await admin.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      immutable: true,
      data: { password: 'b2xk' },
    });
    const read = await store.read(`shop/${name}/password`, call);
    await expect(
      store.write(`shop/${name}/password`, new Secret('new'), { ...call, ...version(read) }),
    ).rejects.toMatchObject({ code: 'FB3404', message: expect.stringContaining('immutable') });
  });

  test.each([
    'shop',
    'shop/x',
    'shop/x/y/z',
    '../x/y',
    'shop/../y',
    'Shop/x/y',
    'shop/x/..',
    'shop/x/a b',
    'shop//y',
  ])('the path %j is refused', async (path) => {
    await expect(store.read(path, call)).rejects.toMatchObject({ code: 'FB3403' });
  });

  test('a namespace that is not there is an error, not a silent success', async () => {
    const elsewhere = kubernetesStore('cluster', admin, { namespaces: ['nowhere'] });
    await expect(elsewhere.write('nowhere/x/y', new Secret('value'), call)).rejects.toMatchObject({
      status: 404,
    });
  });

  test('its rights end where its scope does: another namespace is closed to the engine', async () => {
    const wider = kubernetesStore('cluster', engine, { namespaces: ['kube-system'] });
    await expect(wider.read('kube-system/x/y', call)).rejects.toMatchObject({ status: 403 });
    await expect(wider.write('kube-system/x/y', new Secret('value'), call)).rejects.toMatchObject({
      status: 403,
    });
  });

  test('with names of Secrets, the engine may read and change no other', async () => {
    const [named, other] = [fresh(), fresh()];
    const narrow = { ...scope, secrets: [named] };
    const user = open(await kubernetes.kubeconfigFor('narrow'));
    try {
      const manifests = rbacManifests({
        permissions: storePermissions(narrow, 'write', 'apply'),
        engine: { kind: 'User', name: 'narrow' },
        responderGroup: 'firebreak:responders',
      }).filter(({ kind, metadata }) => kind.startsWith('Role') && metadata.namespace === 'shop');
      for (const { metadata, ...manifest } of manifests) {
        const object = { ...manifest, metadata: { ...metadata, name: 'narrow' } };
        const renamed =
          'roleRef' in object
            ? { ...object, roleRef: { ...Object(object.roleRef), name: 'narrow' } }
            : object;
        await admin.create(collectionOf(renamed), renamed);
      }
      const bound = kubernetesStore('cluster', user, narrow);
      const { version: first } = await bound.write(`shop/${named}/key`, new Secret('one'), call);
      await bound.write(`shop/${named}/key`, new Secret('two'), { ...call, version: first });
      expect((await bound.read(`shop/${named}/key`, call))?.value.reveal()).toBe('two');
      await expect(bound.read(`shop/${other}/key`, call)).rejects.toMatchObject({ code: 'FB3405' });
      // Not for the store's own word alone.
      const loose = kubernetesStore('cluster', user, scope);
      await expect(loose.read(`shop/${other}/key`, call)).rejects.toMatchObject({ status: 403 });
    } finally {
      await user.close();
    }
  });
});

function version(read: { version: string } | undefined): { version: string } {
  if (read === undefined) throw new Error('nothing is there');
  return { version: read.version };
}
