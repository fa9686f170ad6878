import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { clusterRegistry, createCluster, type Cluster } from '../../activities/kubernetes/client.ts';
import { rbacManifests } from '../../activities/kubernetes/rbac.ts';
import { readNamespace } from '../../activities/kubernetes/read-namespace.ts';
import type { Action, Mandate } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { waitFor } from '../../testbed/process.ts';
import { readingContext } from '../support/action-context.ts';
import { requestsBy } from '../support/audit-log.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { temporaryDirectory } from '../support/store-processes.ts';

type Input = { cluster: string; namespace: string };

let kubernetes: Kubernetes;
let cluster: Cluster;
let action: Action<Input>;
let evidence: EvidenceStore;

const deployment = (name: string, image: string, replicas: number, hostNetwork: boolean) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'shop' },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { hostNetwork, containers: [{ name, image }] } },
  },
});

beforeAll(async () => {
  kubernetes = await startKubernetes();
  action = readNamespace({ clusters: (name) => clusterRegistry([cluster])(name) });
  // The engine may do what the action declares, through the manifests that are generated, and nothing else.
  const engine = { kind: 'User', name: 'reader' } as const;
  await apply(
    rbacManifests({ permissions: action.permissions, engine, responderGroup: 'firebreak:responders' }),
  );
  await apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'web' } } },
    deployment('web', 'registry.example/web:1', 3, false),
    deployment('agent', 'registry.example/agent:2', 1, true),
  ]);
  const kubeconfig = await kubernetes.kubeconfigFor(engine.name);
  cluster = createCluster({ name: 'prod', environment: 'production', kubeconfig });
  await waitFor('four pods that are ready', async () => {
    const answer = await kubectl(
      'get',
      'deployments',
      '-n',
      'shop',
      '-o',
      'jsonpath={.items[*].status.readyReplicas}',
    );
    return answer.split(' ').reduce((sum, ready) => sum + Number(ready), 0) === 4;
  });
}, 180_000);

// A directory of a test goes with it.
beforeEach(async () => {
  evidence = await openEvidence(await temporaryDirectory(), { maxTotalBytes: 1e8, maxArtefactBytes: 1e7 });
});

afterAll(async () => {
  await cluster.close();
  await kubernetes.stop();
});

async function kubectl(...args: string[]): Promise<string> {
  const own = ['--kubeconfig', kubernetes.adminKubeconfig, ...args];
  return (await promisify(execFile)(kubernetes.kubectl, own)).stdout;
}

async function apply(items: object[]): Promise<void> {
  const own = ['--kubeconfig', kubernetes.adminKubeconfig, 'apply', '-f', '-'];
  const running = promisify(execFile)(kubernetes.kubectl, own);
  running.child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await running;
}

const context = () => readingContext(evidence);

async function planned(namespace: string): Promise<Mandate<Input>> {
  const input = { cluster: 'prod', namespace };
  const plan = await action.plan(context(), { incident: 'inc-1', step: 'look', input });
  return { incident: 'inc-1', step: 'look', input, authority: plan.authority, base: plan.snapshot };
}

test('under its generated rights alone it counts what runs', async () => {
  const mandate = await planned('shop');
  const { outputs, changes } = await action.apply(context(), mandate);
  expect(changes).toEqual([]);
  expect(outputs).toMatchObject({
    exists: true,
    uid: (await kubectl('get', 'namespace', 'shop', '-o', 'jsonpath={.metadata.uid}')).trim(),
    pods: 4,
    ready: 4,
    restarting: 0,
    images: ['registry.example/agent:2', 'registry.example/web:1'],
    imageCount: 2,
    hostNetworkPods: 1,
    labels: { 'kubernetes.io/metadata.name': 'shop', team: 'web' },
    labelCount: 2,
  });
  expect(await action.verify(context(), mandate)).toMatchObject({ state: 'in-place', verdict: 'verified' });
});

test('a restart that the node reports is counted', async () => {
  const [name = ''] = (await kubectl('get', 'pods', '-n', 'shop', '-l', 'app=web', '-o', 'name')).split('\n');
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off' };
  const status = {
    containerStatuses: [
      { name: 'web', image: 'x', imageID: 'x', ready: false, restartCount: 4, state: { waiting } },
    ],
  };
  await kubectl(
    'patch',
    name,
    '-n',
    'shop',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  );
  const { outputs } = await action.apply(context(), await planned('shop'));
  expect(outputs).toMatchObject({ restarting: 1 });
});

test('a namespace that is missing exists not, and fails no verb', async () => {
  const mandate = await planned('nowhere');
  const { outputs } = await action.apply(context(), mandate);
  expect(outputs).toMatchObject({ exists: false, uid: '', pods: 0, images: [], labels: {} });
  expect(await action.verify(context(), mandate)).toMatchObject({ state: 'in-place', verdict: 'verified' });
});

test('a namesake is told from the namespace that was planned for', async () => {
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'twice' } }]);
  const mandate = await planned('twice');
  await kubectl('delete', 'namespace', 'twice', '--wait=true');
  expect(await action.verify(context(), mandate)).toMatchObject({
    state: 'partial',
    verdict: 'unverifiable',
  });
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'twice' } }]);
  const { outputs } = await action.apply(context(), mandate);
  expect(outputs).toMatchObject({ exists: true });
  expect(outputs['uid']).not.toBe(mandate.authority.targets[0]?.uid);
  expect(await action.verify(context(), mandate)).toMatchObject({ verdict: 'unverifiable' });
}, 60_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(kubernetes.auditLogFile, 'reader');
  expect(kubernetesPermissionsUsed(action, requests)).toEqual({ unused: [], undeclared: [] });
});
