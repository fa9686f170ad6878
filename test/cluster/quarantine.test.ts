import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { resources, type Location } from '../../activities/kubernetes/resources.ts';
import type { Cluster } from '../../activities/kubernetes/client.ts';
import { contextOf } from '../support/action-context.ts';
import {
  createNamespace,
  mandateOf,
  openHouse,
  pod,
  policiesOf,
  policy,
  requestFor,
  responderGroup,
  type House,
} from '../support/quarantine-house.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const denyAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
const allowAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] };

test('contains an allow-all beside a deny-all, freezes for everybody but responders, and puts back what was there', async () => {
  const { admin, quarantine, evidence } = house;
  const namespace = 'shop';
  await createNamespace(admin, namespace);
  await admin.create({ ...resources.networkPolicies, namespace }, policy(namespace, 'default-deny', denyAll));
  const allow = policy(namespace, 'allow-all', allowAll, {
    labels: { team: 'a' },
    annotations: { note: 'it\'s "quoted" $HOME `x`' },
  });
  await admin.create({ ...resources.networkPolicies, namespace }, allow);
  await admin.create({ ...resources.pods, namespace }, pod(namespace, 'web-1', { app: 'web' }));
  await admin.create({ ...resources.pods, namespace }, pod(namespace, 'agent', {}, { hostNetwork: true }));
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api', namespace },
    spec: {
      selector: { matchLabels: { app: 'api' } },
      template: {
        metadata: { labels: { app: 'api' } },
        spec: { containers: [{ name: 'api', image: 'shop.invalid/api:1' }] },
      },
    },
  };
  await admin.create({ ...resources.deployments, namespace }, deployment);
  const before = await policiesOf(house.admin, namespace);

  const plan = await quarantine.plan(contextOf(evidence), requestFor(namespace));
  expect(plan.facts).toMatchObject([{ namespace, supports: [], environment: 'staging' }]);
  expect(plan.notCovered.find(({ code }) => code === 'host-network')).toMatchObject({
    objects: ['pods/agent'],
    count: 1,
  });
  expect(plan.changes.map(({ verb, object }) => `${verb} ${object.name}`)).toContain('delete allow-all');
  expect(plan.changes.map(({ object }) => object.name)).not.toContain('default-deny');

  const mandate = mandateOf(plan, namespace);
  const applied = await quarantine.apply(contextOf(evidence), mandate);
  const { freeze } = z.object({ freeze: z.string() }).parse(applied.outputs);
  expect(applied.unavailable).toEqual([]);
  expect(
    applied.changes.map(({ verb, object }) => `${verb} ${object.kind} ${object.name}`).toSorted(),
  ).toEqual([
    'create ConfigMap release-shop',
    'create NetworkPolicy firebreak-quarantine',
    `create ValidatingAdmissionPolicy ${freeze}`,
    `create ValidatingAdmissionPolicyBinding ${freeze}`,
    'delete NetworkPolicy allow-all',
  ]);
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([
    'default-deny',
    'firebreak-quarantine',
  ]);

  const verification = await quarantine.verify(contextOf(evidence), mandate);
  expect(
    verification.claims.filter(({ verdict }) => verdict !== 'verified' && verdict !== 'evaluated'),
  ).toEqual([]);
  expect(verification).toMatchObject({ state: 'in-place', verdict: 'evaluated' });
  expect(verification.claims.filter(({ claim }) => claim.endsWith('refused'))).toHaveLength(8);

  await expectFrozen(admin, namespace, freeze);
  const responder = await house.as('rita', [responderGroup, 'system:masters']);
  await expectNotFrozen(responder, namespace);

  const again = await quarantine.apply(contextOf(evidence), mandate);
  expect(again).toMatchObject({ changes: [], already: 4 });

  const undone = await quarantine.undo(contextOf(evidence), mandate);
  expect(undone).toMatchObject({ conflicts: [], notRestored: [] });
  expect(undone.claims.map(({ verdict }) => verdict)).toEqual(['verified', 'verified']);
  expect(await policiesOf(house.admin, namespace)).toEqual(before);
  expect(
    (await admin.list(resources.validatingAdmissionPolicies)).items.map(({ metadata }) => metadata.name),
  ).toEqual(['firebreak-probe-dry-run-only']);
  expect(await quarantine.undo(contextOf(evidence), mandate)).toMatchObject({
    changes: [],
    already: 5,
    conflicts: [],
  });
  expect(await quarantine.verify(contextOf(evidence), mandate)).toMatchObject({
    state: 'absent',
    verdict: 'failed',
  });
}, 60_000);

type Attempt = [what: string, (cluster: Cluster) => Promise<unknown>];

function connect(resource: Location, query = {}): Attempt[1] {
  return (cluster) => cluster.connect(resource, query);
}

/** What an attacker would do next, as dry runs where the API has them. */
function attempts(namespace: string): Attempt[] {
  const dryRun = { dryRun: true };
  const inPod = (subresource: string) => ({ ...resources.pods, namespace, name: 'web-1', subresource });
  const patched = { metadata: { annotations: { touched: 'yes' } } };
  return [
    ['exec', connect(inPod('exec'), { command: 'sh', stdout: 'true' })],
    ['attach', connect(inPod('attach'), { stdout: 'true' })],
    ['port-forward', connect(inPod('portforward'))],
    ['pods/proxy', connect(inPod('proxy'))],
    ['delete pod', (cluster) => cluster.delete({ ...resources.pods, namespace, name: 'web-1' }, dryRun)],
    [
      'update pod',
      (cluster) => cluster.patch({ ...resources.pods, namespace, name: 'web-1' }, patched, dryRun),
    ],
    [
      'evict pod',
      (cluster) =>
        cluster.create(
          inPod('eviction'),
          { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web-1', namespace } },
          dryRun,
        ),
    ],
    [
      'create pod',
      (cluster) => cluster.create({ ...resources.pods, namespace }, pod(namespace, 'evil'), dryRun),
    ],
    [
      'ephemeral container',
      (cluster) =>
        cluster.patch(
          inPod('ephemeralcontainers'),
          { spec: { ephemeralContainers: [{ name: 'e', image: 'evil.invalid/e' }] } },
          dryRun,
        ),
    ],
    [
      'create policy',
      (cluster) =>
        cluster.create(
          { ...resources.networkPolicies, namespace },
          policy(namespace, 'evil', allowAll),
          dryRun,
        ),
    ],
    [
      'edit our policy',
      (cluster) =>
        cluster.patch(
          { ...resources.networkPolicies, namespace, name: 'firebreak-quarantine' },
          { spec: { egress: [{}] } },
          dryRun,
        ),
    ],
    [
      'delete our policy',
      (cluster) =>
        cluster.delete({ ...resources.networkPolicies, namespace, name: 'firebreak-quarantine' }, dryRun),
    ],
    [
      'update deployment',
      (cluster) => cluster.patch({ ...resources.deployments, namespace, name: 'api' }, patched, dryRun),
    ],
    [
      'scale deployment',
      (cluster) =>
        cluster.patch(
          { ...resources.deployments, namespace, name: 'api', subresource: 'scale' },
          { spec: { replicas: 9 } },
          dryRun,
        ),
    ],
    [
      'create secret',
      (cluster) =>
        cluster.create(
          { group: '', version: 'v1', resource: 'secrets', namespace },
          { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } },
          dryRun,
        ),
    ],
    [
      'request a token',
      (cluster) =>
        cluster.create(
          { ...resources.serviceAccounts, namespace, name: 'default', subresource: 'token' },
          { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
          dryRun,
        ),
    ],
    [
      'create rolebinding',
      (cluster) =>
        cluster.create(
          { ...resources.roleBindings, namespace },
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'RoleBinding',
            metadata: { name: 'evil' },
            roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
          },
          dryRun,
        ),
    ],
    // A collection is judged object by object.
    ['delete all pods', (cluster) => cluster.delete({ ...resources.pods, namespace }, dryRun)],
    [
      'relabel a pod by its status',
      (cluster) => cluster.patch(inPod('status'), { metadata: { labels: { app: 'other' } } }, dryRun),
    ],
    [
      'bind pod',
      (cluster) =>
        cluster.create(
          inPod('binding'),
          {
            apiVersion: 'v1',
            kind: 'Binding',
            metadata: { name: 'web-1' },
            target: { kind: 'Node', name: 'n' },
          },
          dryRun,
        ),
    ],
    [
      'point a Service elsewhere',
      (cluster) =>
        cluster.create(
          { ...resources.services, namespace },
          { metadata: { name: 'out' }, spec: { type: 'ExternalName', externalName: 'evil.example' } },
          dryRun,
        ),
    ],
    [
      'make endpoints',
      (cluster) =>
        cluster.create(
          { ...resources.endpointSlices, namespace },
          { metadata: { name: 'e' }, addressType: 'IPv4', endpoints: [] },
          dryRun,
        ),
    ],
    [
      'make a quota',
      (cluster) =>
        cluster.create(
          { group: '', version: 'v1', resource: 'resourcequotas', namespace },
          { metadata: { name: 'q' }, spec: { hard: { pods: '0' } } },
          dryRun,
        ),
    ],
    [
      'relabel the namespace',
      (cluster) =>
        cluster.patch(
          { ...resources.namespaces, name: namespace },
          { metadata: { labels: { team: 'x' } } },
          dryRun,
        ),
    ],
    [
      'relabel the namespace by its status',
      (cluster) =>
        cluster.patch(
          { ...resources.namespaces, name: namespace, subresource: 'status' },
          { metadata: { labels: { team: 'x' } } },
          dryRun,
        ),
    ],
    [
      'take the namespace out by the label that the freeze selects',
      (cluster) =>
        cluster.patch(
          { ...resources.namespaces, name: namespace },
          { metadata: { labels: { 'kubernetes.io/metadata.name': 'default' } } },
          dryRun,
        ),
    ],
    ['delete namespace', (cluster) => cluster.delete({ ...resources.namespaces, name: namespace }, dryRun)],
  ];
}

async function outcome([what, attempt]: Attempt, cluster: Cluster): Promise<string> {
  const message = await attempt(cluster).then(
    () => 'accepted',
    (error: Error) => error.message,
  );
  return `${what}: ${message.includes('denied request: namespace') ? 'refused by the freeze' : message}`;
}

async function expectFrozen(cluster: Cluster, namespace: string, freeze: string): Promise<void> {
  expect(freeze).toMatch(/^firebreak-freeze-[0-9a-f-]{13}$/);
  const all = attempts(namespace);
  const outcomes = await Promise.all(all.map((attempt) => outcome(attempt, cluster)));
  expect(outcomes).toEqual(all.map(([what]) => `${what}: refused by the freeze`));
}

async function expectNotFrozen(cluster: Cluster, namespace: string): Promise<void> {
  const outcomes = await Promise.all(attempts(namespace).map((attempt) => outcome(attempt, cluster)));
  expect(outcomes.filter((line) => line.endsWith('refused by the freeze'))).toEqual([]);
}

test('the probe gains nothing for whoever may impersonate it: dry runs only, and exec into nothing that exists', async () => {
  const namespace = 'probed';
  await createNamespace(house.admin, namespace);
  const as = { user: 'firebreak:probe' };
  const at = { ...resources.pods, namespace };
  await house.engine.create(at, pod(namespace, 'evil'), { as, dryRun: true });
  await expect(house.engine.create(at, pod(namespace, 'evil'), { as })).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('firebreak:probe may make dry runs only'),
  });
  await house.admin.create(at, pod(namespace, 'web-1'));
  await expect(house.engine.delete({ ...at, name: 'web-1' }, { as })).rejects.toMatchObject({ status: 403 });
  await expect(
    house.engine.connect({ ...at, name: 'web-1', subresource: 'exec' }, { command: 'sh' }, { as }),
  ).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('cannot create resource "pods/exec"'),
  });
  await expect(house.engine.get({ ...resources.configMaps, namespace, name: 'x' })).rejects.toMatchObject({
    status: 403,
  });
}, 60_000);
