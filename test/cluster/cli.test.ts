import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { configuration, createHouse, firebreak } from '../support/cli.ts';

const run = promisify(execFile);
const engine = 'firebreak-engine';

let kubernetes: Kubernetes;
let house: Awaited<ReturnType<typeof createHouse>>;

beforeAll(async () => {
  [kubernetes, house] = await Promise.all([startKubernetes(), createHouse()]);
  await copyFile(await kubernetes.kubeconfigFor(engine, []), join(house.dir, 'kubeconfig'));
  const { stdout } = await firebreak(['action', 'permissions', '--user', engine], { cwd: house.dir });
  await apply(stdout);
  await apply(shop);
}, 180_000);

afterAll(async () => {
  await house.remove();
  await kubernetes.stop();
});

const shop = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-all, namespace: shop }
spec: { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: [Ingress, Egress] }
`;

async function kubectl(...args: string[]): Promise<string> {
  return (await run(kubernetes.kubectl, ['--kubeconfig', kubernetes.adminKubeconfig, ...args])).stdout;
}

async function apply(manifests: string): Promise<void> {
  const file = join(house.dir, 'manifests.yaml');
  await writeFile(file, manifests);
  await kubectl('apply', '--filename', file);
}

interface Check {
  name: string;
  state: string;
  detail: string;
}

async function doctor(config = 'firebreak.yaml'): Promise<Check[]> {
  const { stdout } = await firebreak(['doctor', '--json', '--config', config], { cwd: house.dir });
  const { checks }: { checks: Check[] } = JSON.parse(stdout);
  return checks.filter(({ name }) => name === 'clock' || name.startsWith('cluster '));
}

test('under the RBAC that the command prints, doctor finds the engine able, and not more than that', async () => {
  expect(await doctor()).toEqual([
    expect.objectContaining({
      name: 'cluster prod',
      state: 'ok',
      detail: expect.stringContaining('Kubernetes v1.'),
    }),
    expect.objectContaining({ name: 'clock', state: 'ok' }),
    expect.objectContaining({ name: 'cluster prod permissions', state: 'ok' }),
    expect.objectContaining({ name: 'cluster prod cluster-admin', state: 'ok' }),
  ]);
}, 60_000);

test('plan shows what would change before → after, and changes nothing', async () => {
  const before = await kubectl(
    'get',
    'networkpolicies,configmaps,validatingadmissionpolicies',
    '-A',
    '-o',
    'json',
  );
  const args = ['playbook', 'plan', 'FB-001', '-i', 'cluster=prod', '-i', 'namespace=shop'];
  const { code, stdout } = await firebreak(args, { cwd: house.dir });
  expect(stdout).toMatch(/- delete NetworkPolicy shop\/allow-all/);
  expect(stdout).toMatch(/sha256:[0-9a-f]{12} → nothing/);
  expect(stdout).toMatch(/\+ create NetworkPolicy shop\//);
  expect(stdout).toContain('Not covered:');
  expect(stdout).toContain('Nothing was changed.');
  expect(code).toBe(0);
  const after = await kubectl(
    'get',
    'networkpolicies,configmaps,validatingadmissionpolicies',
    '-A',
    '-o',
    'json',
  );
  expect(JSON.parse(after).items).toEqual(JSON.parse(before).items);
  const writes = (await readFile(kubernetes.auditLogFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ user, verb }) => user.username === engine && !['get', 'list', 'watch'].includes(verb))
    .map(({ objectRef }) => objectRef.resource);
  // What asks about itself is a POST, and stores nothing.
  expect(writes.filter((resource) => !/^selfsubject(access)?reviews$/.test(resource))).toEqual([]);
}, 60_000);

test('a plan that a guardrail refuses ends with 3, and says why', async () => {
  const args = ['playbook', 'plan', 'FB-001', '-i', 'cluster=prod', '-i', 'namespace=kube-system'];
  const { code, stdout } = await firebreak(args, { cwd: house.dir });
  expect(stdout).toContain('refused FB3101');
  expect(code).toBe(3);
}, 60_000);

test('doctor names each permission that is missing, and warns of one that has them all', async () => {
  await kubectl('delete', 'clusterrolebinding', engine);
  const [, , ...missing] = await doctor();
  expect(missing).toContainEqual(
    expect.objectContaining({
      state: 'failed',
      detail: expect.stringContaining('may not delete networkpolicies.networking.k8s.io'),
    }),
  );
  await copyFile(kubernetes.adminKubeconfig, join(house.dir, 'admin'));
  await writeFile(
    join(house.dir, 'admin.yaml'),
    configuration.replace('kubeconfig: kubeconfig', 'kubeconfig: admin'),
  );
  expect(await doctor('admin.yaml')).toContainEqual(
    expect.objectContaining({ name: 'cluster prod cluster-admin', state: 'warning' }),
  );
}, 120_000);
