import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ListAccessKeysCommand } from '@aws-sdk/client-iam';
import { rotateAccessKey } from '../../activities/aws/rotate-access-key.ts';
import { keyIn } from '../../activities/aws/rotate-access-key/credential.ts';
import { clusterRegistry, createCluster, type Cluster } from '../../activities/kubernetes/client.ts';
import { rbacManifests } from '../../activities/kubernetes/rbac.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import type { Workload } from '../../activities/kubernetes/workload/kinds.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import { kubernetesStore } from '../../activities/secrets/kubernetes.ts';
import type { Action, Mandate } from '../../domain/action.ts';
import { Secret } from '../../domain/secret.ts';
import { Grep } from '../../testbed/grep.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { waitFor } from '../../testbed/process.ts';
import { contextOf } from '../support/action-context.ts';
import { requestsBy } from '../support/audit-log.ts';
import { accountName, openAwsHouse, type AwsHouse } from '../support/aws-house.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { collectionOf } from '../support/quarantine-house.ts';

let house: AwsHouse;
let kubernetes: Kubernetes;
let admin: Cluster;
let engine: Cluster;
let rotate: Action;

/** Where its secret store keeps keys. */
const scope = { kind: 'kubernetes' as const, cluster: 'prod', namespaces: ['shop'] };

const deployment = (name: string, secret: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [{ name, image: 'r.example/app:1', volumeMounts: [{ name: 'aws', mountPath: '/aws' }] }],
        volumes: [{ name: 'aws', secret: { secretName: secret } }],
      },
    },
  },
});
const cluster = (kubeconfig: string) =>
  createCluster({ name: 'prod', environment: 'production', kubeconfig });

beforeAll(async () => {
  [house, kubernetes] = await Promise.all([openAwsHouse(), startKubernetes()]);
  admin = cluster(kubernetes.adminKubeconfig);
  engine = cluster(await kubernetes.kubeconfigFor('rotator'));
  const secrets = secretStores([kubernetesStore('shop', engine, scope)], [scope]);
  rotate = rotateAccessKey({
    accounts: house.accounts,
    clusters: clusterRegistry([engine]),
    secrets,
    settleMs: 2_500,
  });
  // Exactly what the action declares, in both systems.
  await house.grant(rotate.permissions);
  const manifests = rbacManifests({
    permissions: rotate.permissions,
    engine: { kind: 'User', name: 'rotator' },
    responderGroup: 'firebreak:responders',
  });
  const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  for (const manifest of [shop, ...manifests]) await admin.create(collectionOf(manifest), manifest);
}, 240_000);
afterAll(async () => {
  await Promise.all([admin?.close(), engine?.close()]);
  await Promise.all([house?.close(), kubernetes?.stop()]);
}, 60_000);

const at = { ...resources.deployments, namespace: 'shop' };
const own = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iam:GetUser', Resource: '*' }],
};
const generation = async (name: string) => (await admin.get({ ...at, name })).metadata.generation ?? 0;

test('workloads that take the Secret are restarted before the old key is made Inactive, and again at the undo', async () => {
  const { credential: old } = await house.aws.createUser('deployer', { policies: { own } });
  const value = JSON.stringify({ accessKeyId: old.accessKeyId, secretAccessKey: old.secretAccessKey });
  const call = { signal: AbortSignal.timeout(10_000) };
  await kubernetesStore('admin', admin, scope).write('shop/aws/key.json', new Secret(value), call);
  for (const manifest of [deployment('uses', 'aws'), deployment('other', 'else')])
    await admin.create(at, manifest);
  await waitFor('pods that are ready', async () => {
    const { status } = await admin.get<Workload>({ ...at, name: 'uses' });
    return status?.availableReplicas === 2;
  });
  const [uses, other] = [await generation('uses'), await generation('other')];

  const input = rotate.input.parse({
    account: accountName,
    user: 'deployer',
    accessKeyId: old.accessKeyId,
    secret: 'shop/shop/aws/key.json',
    check: 'iam:GetUser',
  });
  const request = { incident: 'inc-1', step: 'rotate', input };
  const plan = await rotate.plan(contextOf(house.evidence), request);
  const mandate: Mandate = { ...request, authority: plan.authority, base: plan.snapshot };
  const intents = new Map();
  const context = contextOf(house.evidence, { intents });
  const applied = await rotate.apply(context, mandate);
  expect(applied.outputs).toMatchObject({ restarted: 1 });
  expect([await generation('uses'), await generation('other')]).toEqual([uses + 1, other]);
  // In this order.
  const order = ['stored key', 'restarted deployments/uses', `deactivated ${old.accessKeyId}`];
  expect(context.boundaries.filter((name) => order.includes(name))).toEqual(order);
  const verified = await rotate.verify(contextOf(house.evidence, { intents }), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });

  const secret = { group: '', version: 'v1', resource: 'secrets', namespace: 'shop', name: 'aws' };
  const keys = async () => {
    const { data } = await admin.get<{
      apiVersion: string;
      kind: string;
      metadata: { name: string };
      data: { [key: string]: string };
    }>(secret);
    return Object.fromEntries(
      Object.entries(data).map(([key, text]) => [
        key,
        keyIn(new Secret(Buffer.from(text, 'base64').toString())),
      ]),
    );
  };
  const after = await keys();
  expect(after).toMatchObject({
    'key.json': { accessKeyId: applied.outputs['newKey'] },
    'key.json.previous': { accessKeyId: old.accessKeyId },
  });

  const undone = await rotate.undo(contextOf(house.evidence, { intents }), mandate);
  expect(undone.conflicts).toEqual([]);
  expect(await keys()).toMatchObject({
    'key.json': { accessKeyId: old.accessKeyId },
    'key.json.previous': { accessKeyId: applied.outputs['newKey'] },
  });
  expect([await generation('uses'), await generation('other')]).toEqual([uses + 2, other]);
  const { AccessKeyMetadata = [] } = await house.iam.send(
    new ListAccessKeysCommand({ UserName: 'deployer' }),
  );
  expect(
    Object.fromEntries(AccessKeyMetadata.map(({ AccessKeyId, Status }) => [AccessKeyId, Status])),
  ).toEqual({
    [old.accessKeyId]: 'Active',
    [after['key.json']?.accessKeyId ?? '']: 'Inactive',
  });
  const said = JSON.stringify([plan, applied, verified, undone, context.boundaries, [...intents]]);
  const values = [old, after['key.json']].map((key, index) => [`key ${index}`, key?.secretAccessKey ?? '']);
  expect(new Grep(Object.fromEntries(values)).in(said)).toEqual([]);
}, 240_000);

test('a Secret that was not there is made, and a StatefulSet and a DaemonSet that wait for it are restarted', async () => {
  const { credential: old } = await house.aws.createUser('fresh', { policies: { own } });
  const { spec, ...rest } = deployment('db', 'fresh');
  const { replicas: _, ...everyNode } = deployment('agent', 'fresh').spec;
  const metadata = { name: 'agent', namespace: 'shop' };
  await admin.create(
    { ...resources.statefulSets, namespace: 'shop' },
    { ...rest, kind: 'StatefulSet', spec: { ...spec, serviceName: 'db' } },
  );
  await admin.create(
    { ...resources.daemonSets, namespace: 'shop' },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: everyNode },
  );
  const input = rotate.input.parse({
    account: accountName,
    user: 'fresh',
    accessKeyId: old.accessKeyId,
    secret: 'shop/shop/fresh/key.json',
    check: 'iam:GetUser',
  });
  const request = { incident: 'inc-1', step: 'rotate-fresh', input };
  const plan = await rotate.plan(contextOf(house.evidence), request);
  const mandate: Mandate = { ...request, authority: plan.authority, base: plan.snapshot };
  const context = contextOf(house.evidence, { intents: new Map() });
  const { outputs } = await rotate.apply(context, mandate);
  expect(outputs).toMatchObject({ restarted: 2 });
  const restarted = ['restarted daemonsets/agent', 'restarted statefulsets/db'];
  expect(context.boundaries.filter((name) => restarted.includes(name)).toSorted()).toEqual(restarted);
  const kept = await kubernetesStore('admin', admin, scope).read('shop/fresh/key.json', {
    signal: AbortSignal.timeout(10_000),
  });
  expect(kept && keyIn(kept.value)).toMatchObject({ accessKeyId: outputs['newKey'] });
  const verified = await rotate.verify(contextOf(house.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place' });
}, 240_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(kubernetes.auditLogFile, 'rotator');
  expect(kubernetesPermissionsUsed(rotate, requests)).toEqual({ unused: [], undeclared: [] });
});
