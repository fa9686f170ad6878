import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isKubernetesError } from '../../activities/kubernetes/errors.ts';
import { meaning } from '../../activities/kubernetes/quarantine/marks.ts';
import { resources, type KubernetesObject, type Location } from '../../activities/kubernetes/resources.ts';
import { contextOf } from '../support/action-context.ts';
import { requestsBy } from '../support/audit-log.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import {
  createNamespace,
  engineUser,
  mandateOf,
  openHouse,
  pod,
  policy,
  requestFor,
  responderGroup,
  type House,
} from '../support/quarantine-house.ts';

/** What stands around a namespace: policies of other kinds, nodes, owners, and controllers that go on working. */

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const allowAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] };
const crds = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions' };

async function plan(namespace: string) {
  return house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
}

/** Tries again while `attempt` throws an answer of the API, or finds nothing. */
async function until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    try {
      const found = await attempt();
      if (found !== undefined) return found;
    } catch (error) {
      if (!isKubernetesError(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function define(kind: string, at: Location, scope: 'Namespaced' | 'Cluster'): Promise<void> {
  await house.admin.create(crds, {
    metadata: {
      name: `${at.resource}.${at.group}`,
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/enhancements' },
    },
    spec: {
      group: at.group,
      scope,
      names: { plural: at.resource, singular: kind.toLowerCase(), kind },
      versions: [
        {
          name: at.version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      ],
    },
  });
}

test.each([
  [
    'CiliumNetworkPolicy',
    { group: 'cilium.io', version: 'v2', resource: 'ciliumnetworkpolicies' },
    'Namespaced',
  ],
  [
    'CiliumClusterwideNetworkPolicy',
    { group: 'cilium.io', version: 'v2', resource: 'ciliumclusterwidenetworkpolicies' },
    'Cluster',
  ],
  [
    'GlobalNetworkPolicy',
    { group: 'crd.projectcalico.org', version: 'v1', resource: 'globalnetworkpolicies' },
    'Cluster',
  ],
  [
    'AdminNetworkPolicy',
    { group: 'policy.networking.k8s.io', version: 'v1alpha1', resource: 'adminnetworkpolicies' },
    'Cluster',
  ],
] as const)(
  'a %s is named, and makes the network unverifiable',
  async (kind, at, scope) => {
    const namespace = `other-${kind.toLowerCase()}`;
    await createNamespace(house.admin, namespace);
    await house.admin.create({ ...resources.pods, namespace }, pod(namespace, 'web'));
    await define(kind, at, scope);
    const code = `policies-${at.group.replaceAll('.', '-')}`;
    const none = await until(async () =>
      (await plan(namespace)).notCovered.find((limit) => limit.code === code),
    );
    expect(none).toMatchObject({ count: 0 });
    const where = scope === 'Cluster' ? {} : { namespace };
    const object = { apiVersion: `${at.group}/${at.version}`, kind, metadata: { name: 'mine', ...where } };
    await until(() => house.admin.create({ ...at, ...where }, object));

    const planned = await plan(namespace);
    expect(planned.notCovered.find((limit) => limit.code === code)).toMatchObject({
      count: 1,
      objects: [`${at.resource}.${at.group}/mine`],
    });
    const mandate = mandateOf(planned, namespace);
    await house.quarantine.apply(contextOf(house.evidence), mandate);
    const verification = await house.quarantine.verify(contextOf(house.evidence), mandate);
    expect(verification).toMatchObject({ state: 'in-place', verdict: 'unverifiable' });
    expect(
      verification.claims
        .filter(({ verdict }) => verdict === 'unverifiable')
        .map(({ claim, detail }) => `${claim} ${detail}`),
    ).toEqual([
      expect.stringMatching(new RegExp(`^no new connection into .*${code} \\(1\\)`)),
      expect.stringMatching(new RegExp(`^no new connection out of .*${code} \\(1\\)`)),
    ]);
    const rita = await house.as('rita', [responderGroup, 'system:masters']);
    await rita.delete({ ...at, ...where, name: 'mine' });
    await house.admin.delete({ ...crds, name: `${at.resource}.${at.group}` });
    await until(async () => {
      const left = (await house.admin.groups()).some(({ name }) => name === at.group);
      return left ? undefined : true;
    });
  },
  60_000,
);

test('policies of the other groups are counted, in the namespace and cluster-wide', async () => {
  const namespace = 'other-groups';
  await createNamespace(house.admin, namespace);
  const kinds = [
    ['projectcalico.org', 'networkpolicies', 'globalnetworkpolicies'],
    ['crd.antrea.io', 'networkpolicies', 'clusternetworkpolicies'],
    ['networking.k8s.aws', 'applicationnetworkpolicies', 'clusternetworkpolicies'],
  ] as const;
  for (const [group, inNamespace, clusterWide] of kinds) {
    for (const resource of [inNamespace, clusterWide]) {
      const where = resource === inNamespace ? { namespace } : {};
      const at = { group, version: 'v1', resource };
      await define(`Kind${resource}`, at, resource === inNamespace ? 'Namespaced' : 'Cluster');
      const metadata = { name: 'mine', ...where };
      const object = { apiVersion: `${group}/v1`, kind: `Kind${resource}`, metadata };
      await until(() => house.admin.create({ ...at, ...where }, object));
    }
  }
  const { notCovered } = await until(async () => {
    const made = await plan(namespace);
    const groups = made.notCovered.filter(({ code }) => code.startsWith('policies-'));
    return groups.length === kinds.length ? made : undefined;
  });
  for (const [group, inNamespace, clusterWide] of kinds) {
    expect(notCovered.find(({ code }) => code === `policies-${group.replaceAll('.', '-')}`)).toMatchObject({
      count: 2,
      objects: [`${inNamespace}.${group}/mine`, `${clusterWide}.${group}/mine`],
    });
    for (const resource of [inNamespace, clusterWide])
      await house.admin.delete({ ...crds, name: `${resource}.${group}` });
  }
}, 60_000);

test('pods that a policy does not hold are named: on the host network, or with access to their node', async () => {
  const namespace = 'nodes';
  await createNamespace(house.admin, namespace);
  const app = { name: 'app', image: 'shop.invalid/app:1' };
  const pods: [string, object][] = [
    ['plain', {}],
    ['agent', { hostNetwork: true }],
    ['root', { containers: [{ ...app, securityContext: { privileged: true } }] }],
    ['spy', { hostPID: true }],
    ['disk', { volumes: [{ name: 'd', hostPath: { path: '/' } }] }],
  ];
  for (const [name, spec] of pods)
    await house.admin.create({ ...resources.pods, namespace }, pod(namespace, name, {}, spec));
  const { notCovered } = await plan(namespace);
  expect(notCovered.find(({ code }) => code === 'host-network')).toMatchObject({
    objects: ['pods/agent'],
    count: 1,
  });
  expect(notCovered.find(({ code }) => code === 'node-access')?.objects?.toSorted()).toEqual([
    'pods/disk',
    'pods/root',
    'pods/spy',
  ]);
}, 60_000);

const daemonSet = (name: string, spec: object) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { name } },
    template: {
      metadata: { labels: { name } },
      spec: { containers: [{ name: 'a', image: 'shop.invalid/a' }], ...spec },
    },
  },
});
const mount = (path: string) => ({ volumes: [{ name: 'v', hostPath: { path } }] });

test('a namespace that the cluster stands on is named: API service, network and storage plugins, DNS', async () => {
  const namespace = 'plumbing';
  await createNamespace(house.admin, namespace);
  const registration = { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' };
  await house.admin.create(registration, {
    metadata: { name: 'v1.things.example.com' },
    spec: {
      group: 'things.example.com',
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { namespace, name: 'things', port: 443 },
    },
  });
  const at = { ...resources.daemonSets, namespace };
  await house.admin.create(at, daemonSet('net', { hostNetwork: true, ...mount('/etc/cni/net.d') }));
  await house.admin.create(at, daemonSet('csi', mount('/var/lib/kubelet/plugins/x')));
  await house.admin.create(at, daemonSet('logs', mount('/var/log')));
  await house.admin.create(
    { ...resources.services, namespace },
    { metadata: { name: 'dns' }, spec: { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] } },
  );
  await until(async () => {
    const made = await house.admin.list<KubernetesObject & { status?: { currentNumberScheduled?: number } }>(
      at,
    );
    return made.items.every(({ status }) => (status?.currentNumberScheduled ?? 0) > 0) ? true : undefined;
  });
  expect((await plan(namespace)).facts[0]?.supports.toSorted()).toEqual([
    'DaemonSet csi is a storage driver (CSI)',
    'DaemonSet net is a network plugin (CNI)',
    "Service dns is the cluster's DNS (10.96.0.10)",
    'it serves APIService v1.things.example.com',
  ]);
  await house.admin.delete({ ...registration, name: 'v1.things.example.com' });
}, 60_000);

test('a tenant cannot protect a namespace: by a DaemonSet whose pods nobody lets in, nor by taking an address', async () => {
  const namespace = 'pretender';
  await createNamespace(house.admin, namespace);
  // As the tenant of a namespace under a pod security standard.
  await house.admin.patch(
    { ...resources.namespaces, name: namespace },
    { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } },
  );
  const at = { ...resources.daemonSets, namespace };
  await house.admin.create(at, daemonSet('net', { hostNetwork: true, ...mount('/etc/cni/net.d') }));
  await until(async () => {
    const made = await house.admin.get<KubernetesObject & { status?: { desiredNumberScheduled?: number } }>({
      ...at,
      name: 'net',
    });
    return (made.status?.desiredNumberScheduled ?? 0) > 0 ? true : undefined;
  });
  const dns = { ports: [{ port: 53, protocol: 'UDP' }] };
  await house.admin
    .delete({ ...resources.services, namespace: 'plumbing', name: 'dns' })
    .catch(() => undefined);
  await house.admin.create(
    { ...resources.services, namespace: 'kube-system' },
    { metadata: { name: 'kube-dns' }, spec: { ...dns, clusterIP: '10.96.0.53' } },
  );
  await until(() =>
    house.admin.create(
      { ...resources.services, namespace },
      { metadata: { name: 'dns' }, spec: { ...dns, clusterIP: '10.96.0.10' } },
    ),
  );
  expect((await plan(namespace)).facts[0]?.supports).toEqual([]);
  expect((await plan('kube-system')).facts[0]?.supports).toContain(
    "Service kube-dns is the cluster's DNS (10.96.0.53)",
  );
}, 60_000);

test('owners that live and finalizers of the base come back; an owner that is gone is named', async () => {
  const namespace = 'owned';
  await createNamespace(house.admin, namespace);
  const deployment = await house.admin.create(
    { ...resources.deployments, namespace },
    deploymentOf('api', 0),
  );
  const at = { ...resources.networkPolicies, namespace };
  const stateful = { ...deploymentOf('db', 0), spec: { ...deploymentOf('db', 0).spec, serviceName: 'db' } };
  const others = [
    await house.admin.create({ ...resources.statefulSets, namespace }, stateful),
    await house.admin.create({ ...resources.daemonSets, namespace }, daemonSet('agent', {})),
  ];
  for (const { apiVersion, kind, metadata } of others) {
    const { name, uid } = metadata;
    const ownerReferences = [{ apiVersion, kind, name, uid }];
    await house.admin.create(at, policy(namespace, name, allowAll, { ownerReferences }));
  }
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid: deployment.metadata.uid };
  const finalizers = ['shop.example/cleanup'];
  await house.admin.create(
    at,
    policy(namespace, 'owned', allowAll, { ownerReferences: [owner], finalizers }),
  );
  const before = (await house.admin.list(at)).items.map(meaning);
  const mandate = mandateOf(await plan(namespace), namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  expect((await house.admin.list(at)).items.map(({ metadata }) => metadata.name)).toEqual([
    'firebreak-quarantine',
  ]);
  expect(await house.quarantine.undo(contextOf(house.evidence), mandate)).toMatchObject({
    conflicts: [],
    notRestored: [],
  });
  expect((await house.admin.list(at)).items.map(meaning)).toEqual(before);

  const again = mandateOf(await plan(namespace), namespace);
  await house.quarantine.apply(contextOf(house.evidence), again);
  const rita = await house.as('rita', [responderGroup, 'system:masters']);
  await rita.delete({ ...resources.deployments, namespace, name: 'api' });
  const undone = await house.quarantine.undo(contextOf(house.evidence), again);
  expect(undone.notRestored).toEqual([
    expect.stringContaining('networkpolicies/owned: its owner Deployment/api is gone'),
  ]);
  const left = (await house.admin.list(at)).items.find(({ metadata }) => metadata.name === 'owned');
  expect(left?.metadata).toMatchObject({ finalizers });
  expect(left?.metadata.ownerReferences).toBeUndefined();
}, 60_000);

function deploymentOf(name: string, replicas: number) {
  return {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image: 'shop.invalid/app:1' }] },
      },
    },
  };
}

test('while it is frozen the cluster goes on: pods are replaced, run, get endpoints and are collected', async () => {
  const namespace = 'working';
  await createNamespace(house.admin, namespace);
  await house.admin.create({ ...resources.deployments, namespace }, deploymentOf('web', 1));
  await house.admin.create(
    { ...resources.services, namespace },
    { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
  );
  const at = { ...resources.pods, namespace };
  type Running = KubernetesObject & { status?: { phase?: string; podIP?: string } };
  const running = (except?: string) =>
    until(async () =>
      (await house.admin.list<Running>(at)).items.find(
        ({ metadata, status }) => status?.phase === 'Running' && metadata.name !== except,
      ),
    );
  const first = await running();
  const mandate = mandateOf(await plan(namespace), namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  const rita = await house.as('rita', [responderGroup, 'system:masters']);
  await rita.delete({ ...at, name: first.metadata.name });
  const second = await running(first.metadata.name);
  await until(async () => {
    const slices = await house.admin.list({ ...resources.endpointSlices, namespace });
    return JSON.stringify(slices.items).includes(second.metadata.name) ? true : undefined;
  });
  await rita.delete({ ...resources.deployments, namespace, name: 'web' });
  await until(async () => ((await house.admin.list(at)).items.length === 0 ? true : undefined));
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
}, 60_000);

test('what somebody altered of ours is put right: the deny, the freeze, its binding and the kit', async () => {
  const namespace = 'altered';
  await createNamespace(house.admin, namespace);
  const mandate = mandateOf(await plan(namespace), namespace);
  const { outputs } = await house.quarantine.apply(contextOf(house.evidence), mandate);
  const name = outputs['freeze'] as string;
  const rita = await house.as('rita', [responderGroup, 'system:masters']);
  const ours = [
    [{ ...resources.networkPolicies, namespace, name: 'firebreak-quarantine' }, { spec: { egress: [{}] } }],
    [{ ...resources.validatingAdmissionPolicies, name }, { spec: { failurePolicy: 'Ignore' } }],
    [{ ...resources.validatingAdmissionPolicyBindings, name }, { spec: { validationActions: ['Audit'] } }],
    [
      { ...resources.configMaps, namespace: 'firebreak', name: `release-${namespace}` },
      { data: { 'release.sh': 'exit 0' } },
    ],
  ] as const;
  const now = () => Promise.all(ours.map(async ([at]) => meaning(await house.admin.get(at))));
  const before = await now();
  for (const [at, altered] of ours) await rita.patch(at, altered);
  const { changes } = await house.quarantine.apply(contextOf(house.evidence), mandate);
  expect(changes.map(({ verb, object }) => `${verb} ${object.kind}`).toSorted()).toEqual([
    'update ConfigMap',
    'update NetworkPolicy',
    'update ValidatingAdmissionPolicy',
    'update ValidatingAdmissionPolicyBinding',
  ]);
  expect(await now()).toEqual(before);
  await house.quarantine.undo(contextOf(house.evidence), mandate);
}, 60_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(house.kubernetes.auditLogFile, engineUser);
  expect(kubernetesPermissionsUsed(house.quarantine, requests)).toEqual({ unused: [], undeclared: [] });
});
