import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Planned } from '../../cli/plan.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { configuration, createHouse, firebreak } from '../support/cli.ts';

const run = promisify(execFile);
const engine = 'firebreak-engine';

let kubernetes: Kubernetes;
let house: Awaited<ReturnType<typeof createHouse>>;

beforeAll(async () => {
  [kubernetes, house] = await Promise.all([startKubernetes(), createHouse()]);
  await copyFile(await kubernetes.kubeconfigFor(engine, []), join(house.dir, 'kubeconfig'));
  const { stdout } = await firebreak(['permissions', '--all-actions', '--user', engine], { cwd: house.dir });
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

/** All that a containment would change, as it stands. */
async function standing(): Promise<unknown[]> {
  const kinds = 'networkpolicies,configmaps,validatingadmissionpolicies';
  return JSON.parse(await kubectl('get', kinds, '-A', '-o', 'json')).items;
}

/** What the engine has written since the API server's start. What asks about itself is a POST, and stores nothing. */
async function written(): Promise<string[]> {
  return (await readFile(kubernetes.auditLogFile, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ user, verb }) => user.username === engine && !['get', 'list', 'watch'].includes(verb))
    .map(({ objectRef }): string => objectRef.resource)
    .filter((resource) => !/^selfsubject(access)?reviews$/.test(resource));
}

test('plan shows what would change before → after, and changes nothing', async () => {
  const before = await standing();
  const args = ['playbook', 'plan', 'FB-001', '-i', 'cluster=prod', '-i', 'namespace=shop'];
  const { code, stdout } = await firebreak(args, { cwd: house.dir });
  expect(stdout).toMatch(/- delete NetworkPolicy shop\/allow-all/);
  expect(stdout).toMatch(/sha256:[0-9a-f]{12} → nothing/);
  expect(stdout).toMatch(/\+ create NetworkPolicy shop\//);
  expect(stdout).toContain('Not covered:');
  expect(stdout).toContain('Nothing was changed.');
  expect(code).toBe(0);
  expect(await standing()).toEqual(before);
  expect(await written()).toEqual([]);
}, 60_000);

const parent = `id: T-1
name: Every kind with steps inside
version: 1
description: For a test.
inputs:
  cluster: { type: string }
  environment: { type: string, default: prod }
  namespaces: { type: list, default: [shop, depot] }
steps:
  - id: by_environment
    switch: inputs.environment
    cases:
      prod:
        - id: shut
          uses: kubernetes.quarantine-namespace
          with: { cluster: '\${{ inputs.cluster }}', namespace: shop }
          approve: { from: [responders], within: 5m }
      dev: [{ id: unchosen, uses: kubernetes.read-namespace, with: { cluster: '\${{ inputs.cluster }}', namespace: shop } }]
  - id: sides
    parallel:
      near: [{ id: here, uses: kubernetes.read-namespace, with: { cluster: '\${{ inputs.cluster }}', namespace: shop } }]
      far: [{ id: there, uses: kubernetes.read-namespace, with: { cluster: '\${{ inputs.cluster }}', namespace: nowhere } }]
  - id: each
    foreach: '\${{ inputs.namespaces }}'
    max-items: 5
    steps: [{ id: look, uses: kubernetes.read-namespace, with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ item }}' } }]
  - id: again
    while: steps.here.outputs.pods > 0
    max-rounds: 3
    steps: [{ id: peek, uses: kubernetes.read-namespace, with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ inputs.namespaces[int(round)] }}' } }]
  - { id: inner, playbook: T-2, with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ inputs.namespaces[1] }}' } }
`;
const child = `id: T-2
name: A child
version: 1
description: For a test.
inputs: { cluster: { type: string }, namespace: { type: string } }
steps:
  - id: close
    uses: kubernetes.quarantine-namespace
    with: { cluster: '\${{ inputs.cluster }}', namespace: '\${{ inputs.namespace }}' }
    approve: { from: [responders], within: 5m }
`;

const changes = ({ plan }: Planned['steps'][number]) =>
  plan?.changes.map(
    ({ verb, object: { kind, namespace = '', name } }) => `${verb} ${kind} ${namespace}/${name}`,
  );

test('plan goes into switch, parallel, foreach, while and children, with the exact change of each step', async () => {
  for (const [folder, text] of Object.entries({ 'T-1-parent': parent, 'T-2-child': child })) {
    await mkdir(join(house.dir, 'playbooks', folder));
    await writeFile(join(house.dir, 'playbooks', folder, 'playbook.yaml'), text);
  }
  await apply(shop.replaceAll('shop', 'depot').replace('allow-all', 'depot-only'));
  const before = await standing();
  const { code, stdout } = await firebreak(['playbook', 'plan', 'T-1', '-i', 'cluster=prod', '--json'], {
    cwd: house.dir,
  });
  const { steps }: Planned = JSON.parse(stdout);
  expect(
    steps.map(({ id, kind, depth, only }) => [id, kind, depth, ...(only === undefined ? [] : [only])]),
  ).toEqual([
    ['by_environment', 'switch', 0],
    ['shut', 'action', 1],
    ['sides', 'parallel', 0],
    ['here', 'action', 1],
    ['there', 'action', 1],
    ['each', 'foreach', 0],
    ['each[0]/look', 'action', 1],
    ['each[1]/look', 'action', 1],
    ['again', 'while', 0],
    ['again[0]/peek', 'action', 1, 'while steps.here.outputs.pods > 0'],
    ['inner', 'playbook', 0],
    ['inner/close', 'action', 1],
  ]);
  const planned = steps.filter(({ kind }) => kind === 'action');
  expect(planned.filter(({ plan, error, skipped }) => plan === undefined || error || skipped)).toEqual([]);
  expect(planned.map(({ plan }) => plan?.authority.targets.map(({ name }) => name).join())).toEqual([
    'shop',
    'shop',
    // There is none of this name: a reading like any other.
    '',
    'shop',
    'depot',
    'shop',
    'depot',
  ]);
  const [shut, ...reads] = planned;
  const close = reads.pop();
  expect(reads.flatMap(changes)).toEqual([]);
  for (const [step, namespace, policy] of [
    [shut, 'shop', 'allow-all'],
    [close, 'depot', 'depot-only'],
  ] as const) {
    const seen = step === undefined ? [] : changes(step);
    expect(seen).toContain(`create NetworkPolicy ${namespace}/firebreak-quarantine`);
    expect(seen).toContain(`delete NetworkPolicy ${namespace}/${policy}`);
    expect(seen).toHaveLength(step?.plan?.changeCount ?? 0);
  }
  expect(code).toBe(0);
  expect(await standing()).toEqual(before);
  expect(await written()).toEqual([]);
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
