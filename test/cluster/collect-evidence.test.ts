import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Cluster } from '../../activities/kubernetes/client.ts';
import { clusterRegistry, createCluster } from '../../activities/kubernetes/client.ts';
import { collectEvidence } from '../../activities/kubernetes/collect-evidence.ts';
import type { Action, Mandate } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startKubernetes } from '../../testbed/kubernetes.ts';
import type { Kubernetes } from '../../testbed/kubernetes.ts';
import { waitFor } from '../../testbed/process.ts';
import { readingContext } from '../support/action-context.ts';
import { requestsBy } from '../support/audit-log.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { temporaryDirectory } from '../support/store-processes.ts';

const engine = 'firebreak-engine';
const input = { cluster: 'prod', namespace: 'shop', logBytes: 1_000_000, deadlineSeconds: 60 };

let kubernetes: Kubernetes;
let cluster: Cluster;
let action: Action<typeof input>;
let evidence: EvidenceStore;

const pod = {
  metadata: { labels: { app: 'web' } },
  spec: {
    initContainers: [{ name: 'prepare', image: 'registry.example/prepare:1' }],
    containers: [
      { name: 'app', image: 'registry.example/shop:1', env: [{ name: 'TOKEN', value: 'seeded-env-secret' }] },
      { name: 'sidecar', image: 'registry.example/sidecar:1' },
    ],
  },
};
const objects = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'db', namespace: 'shop' },
    stringData: { password: 'seeded-secret' },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: pod },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'allow-all', namespace: 'shop' },
    spec: { podSelector: {}, ingress: [{}] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'shop-reads-nodes' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'shop' }],
  },
];

beforeAll(async () => {
  kubernetes = await startKubernetes();
  action = collectEvidence({ clusters: (name) => clusterRegistry([cluster])(name) });
  await apply(objects);
  await apply(engineRights());
  const kubeconfig = await kubernetes.kubeconfigFor(engine);
  cluster = createCluster({ name: 'prod', environment: 'production', kubeconfig });
  await waitFor('two pods that run', async () => {
    const answer = await kubectl('get', 'pods', '-n', 'shop', '-o', 'jsonpath={.items[*].status.phase}');
    return answer === 'Running Running';
  });
  const [name = ''] = (await kubectl('get', 'pods', '-n', 'shop', '-o', 'name')).split('\n');
  const where = { namespace: 'shop', pod: name.replace('pod/', '') };
  // kwok serves logs of all of a pod's containers, or of those alone that have some.
  await kubernetes.writePodLogs({ ...where, container: 'prepare', current: ['prepared'] });
  await kubernetes.writePodLogs({ ...where, container: 'sidecar', current: [] });
  await kubernetes.writePodLogs({
    ...where,
    container: 'app',
    current: ['after the restart'],
    previous: ['before the restart'],
  });
}, 180_000);

afterAll(async () => {
  await cluster.close();
  await kubernetes.stop();
});

async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(kubernetes.kubectl, [
    '--kubeconfig',
    kubernetes.adminKubeconfig,
    ...args,
  ]);
  return stdout;
}

async function apply(list: object[]): Promise<void> {
  const running = promisify(execFile)(kubernetes.kubectl, [
    '--kubeconfig',
    kubernetes.adminKubeconfig,
    'apply',
    '-f',
    '-',
  ]);
  running.child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list }));
  await running;
}

/** The engine may do what the action declares, and nothing else. */
function engineRights(): object[] {
  const granted = action.permissions.filter((permission) => permission.system === 'kubernetes');
  const rules = granted.map(({ apiGroups, resources, verbs }) => ({
    apiGroups,
    resources,
    verbs,
  }));
  const apiGroup = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'ClusterRole', metadata: { name: engine }, rules },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: engine },
      roleRef: { apiGroup, kind: 'ClusterRole', name: engine },
      subjects: [{ apiGroup, kind: 'User', name: engine }],
    },
  ];
}

async function collected(limits = { maxTotalBytes: 1e8, maxArtefactBytes: 1e7 }) {
  evidence = await openEvidence(await temporaryDirectory(), limits);
  const context = readingContext(evidence);
  const plan = await action.plan(context, { incident: 'inc-1', step: 'evidence', input });
  const mandate: Mandate<typeof input> = {
    incident: 'inc-1',
    step: 'evidence',
    input,
    authority: plan.authority,
    base: plan.snapshot,
  };
  return { context, plan, mandate, applied: await action.apply(context, mandate) };
}

async function artefact(name: string): Promise<string> {
  const record = (await evidence.index('inc-1')).find((line) => line.name === `namespaces/shop/${name}`);
  if (record === undefined) throw new Error(`no artefact ${name}`);
  return Buffer.from(await evidence.get(record.ref)).toString();
}

test('under its declared permissions alone it collects everything that is there, and what it stored is verified', async () => {
  const { context, mandate, applied } = await collected();
  const names = (await evidence.index('inc-1')).map(({ name }) => name.replace('namespaces/shop/', ''));
  expect(names).toEqual(
    expect.arrayContaining([
      'namespace',
      'pods',
      'images',
      'owners',
      'events',
      'events.events.k8s.io',
      'serviceaccounts',
      'rolebindings',
      'clusterrolebindings',
      'networkpolicies',
      'services',
      'endpointslices',
      'resourcequotas',
      'manifest',
    ]),
  );
  // Nothing was forbidden: the only things missing are logs of containers that never ran before.
  expect(applied.unavailable.filter(({ what }) => !what.endsWith('.previous'))).toEqual([]);
  const owners = JSON.parse(await artefact('owners')) as { kind: string; metadata: { name: string } }[];
  expect(owners.map(({ kind }) => kind).toSorted()).toEqual(['Deployment', 'ReplicaSet']);
  const bindings = JSON.parse(await artefact('clusterrolebindings')) as { metadata: { name: string } }[];
  expect(bindings.map(({ metadata }) => metadata.name)).toContain('shop-reads-nodes');
  expect(bindings.map(({ metadata }) => metadata.name)).not.toContain(engine);
  expect(JSON.parse(await artefact('images'))).toHaveLength(6);
  expect(await action.verify(context, mandate)).toMatchObject({ state: 'in-place', verdict: 'verified' });
}, 60_000);

test('logs are kept with their times, before and after the restart', async () => {
  await collected();
  const index = await evidence.index('inc-1');
  const logs = await Promise.all(
    index
      .filter(({ name }) => name.includes('/logs/app.'))
      .map(
        async ({ name, ref }) =>
          `${name.split('.').at(-1)} ${Buffer.from(await evidence.get(ref)).toString()}`,
      ),
  );
  expect(logs).toContainEqual(expect.stringMatching(/^current \d{4}-\d\d-\d\dT\S+Z after the restart\n$/));
  expect(logs).toContainEqual(expect.stringMatching(/^previous \d{4}-\d\d-\d\dT\S+Z before the restart\n$/));
}, 60_000);

test('no Secret is asked for, and values of a pod spec stay in the evidence store', async () => {
  const { plan, applied } = await collected();
  expect(await artefact('pods')).toContain('seeded-env-secret');
  const told = JSON.stringify([plan, applied, await evidence.index('inc-1')]);
  expect(told).not.toMatch(/seeded-/);
  for (const { ref } of await evidence.index('inc-1')) {
    expect(Buffer.from(await evidence.get(ref)).toString()).not.toContain('seeded-secret');
  }
  const audited = (await readFile(kubernetes.auditLogFile, 'utf8'))
    .split('\n')
    .filter((line) => line.includes(engine));
  const own = audited
    .map(
      (line) =>
        JSON.parse(line) as { user: { username: string }; verb: string; objectRef?: { resource?: string } },
    )
    .filter(({ user }) => user.username === engine);
  expect(own.length).toBeGreaterThan(10);
  expect(own.filter(({ objectRef }) => objectRef?.resource === 'secrets')).toEqual([]);
  expect(own.filter(({ verb }) => !['get', 'list'].includes(verb))).toEqual([]);
}, 60_000);

test('a store that fills up midway leaves what fitted, verified as far as it goes', async () => {
  const { context, mandate, applied } = await collected({ maxTotalBytes: 12_000, maxArtefactBytes: 1e7 });
  expect(applied.unavailable).toContainEqual({
    what: expect.stringContaining('namespaces/shop/'),
    why: 'the evidence store is full',
  });
  const verification = await action.verify(context, mandate);
  expect(verification.verdict).toBe('unverifiable');
  expect(verification.state).not.toBe('in-place');
}, 60_000);

test('a cluster that is down is a failure that is tried again, and says so', async () => {
  const { context, mandate } = await collected();
  await kubernetes.stopApiServer();
  try {
    await expect(action.apply(context, mandate)).rejects.toMatchObject({
      type: 'FB3200',
      nonRetryable: false,
    });
  } finally {
    await kubernetes.startApiServer();
  }
}, 120_000);

test('the owners of a pod are read, whichever controller it is', async () => {
  const namespace = 'owned';
  const template = {
    metadata: { labels: { app: 'owned' } },
    spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'registry.example/app:1' }] },
  };
  const always = { ...template, spec: { ...template.spec, restartPolicy: 'Always' } };
  const selector = { matchLabels: { app: 'owned' } };
  const nowhere = { ...always, spec: { ...always.spec, nodeSelector: { nowhere: 'at-all' } } };
  const controllers = [
    { apiVersion: 'v1', kind: 'ReplicationController', spec: { replicas: 0, template: always } },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec: { replicas: 0, selector, template: always, serviceName: 'x' },
    },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template: nowhere } },
    { apiVersion: 'batch/v1', kind: 'Job', spec: { suspend: true, template } },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      spec: { suspend: true, schedule: '0 0 1 1 *', jobTemplate: { spec: { template } } },
    },
  ].map((one) => ({ ...one, metadata: { name: one.kind.toLowerCase(), namespace } }));
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, ...controllers]);
  await waitFor('the default ServiceAccount', async () =>
    (await kubectl('get', 'serviceaccounts', '-n', namespace, '-o', 'name')).includes('/default'),
  );
  const ownerReferences = await Promise.all(
    controllers.map(async ({ apiVersion, kind, metadata: { name } }) => {
      const uid = await kubectl('get', kind, name, '-n', namespace, '-o', 'jsonpath={.metadata.uid}');
      return { apiVersion, kind, name, uid };
    }),
  );
  await apply([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'owned', namespace, ownerReferences },
      spec: always.spec,
    },
  ]);
  evidence = await openEvidence(await temporaryDirectory(), { maxTotalBytes: 1e8, maxArtefactBytes: 1e7 });
  const context = readingContext(evidence);
  const its = { ...input, namespace };
  const plan = await action.plan(context, { incident: 'inc-1', step: 'evidence', input: its });
  const mandate = {
    incident: 'inc-1',
    step: 'evidence',
    input: its,
    authority: plan.authority,
    base: plan.snapshot,
  };
  const { unavailable } = await action.apply(context, mandate);
  expect(unavailable.filter(({ what }) => what.startsWith('owner'))).toEqual([]);
}, 60_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(kubernetes.auditLogFile, engine);
  expect(kubernetesPermissionsUsed(action, requests)).toEqual({ unused: [], undeclared: [] });
});
