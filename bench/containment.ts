/**
 * How long from a posted alert until the API server shows the deny-all policy, beside a bare client that writes the same policy: both in one run, so
 * that the ratio holds when the machine's speed does not. `node bench/containment.ts [alerts]`; prints JSON.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig, Watch } from '@kubernetes/client-node';
import { pino } from 'pino';
import { createCluster } from '../activities/kubernetes/client.ts';
import { resources } from '../activities/kubernetes/resources.ts';
import { rbacManifests } from '../activities/kubernetes/rbac.ts';
import { openTokens } from '../stores/tokens.ts';
import { kubectl } from '../testbed/demo/firebreak.ts';
import { startKubernetes } from '../testbed/kubernetes.ts';
import { startTemporal } from '../testbed/temporal.ts';
import { waitFor } from '../testbed/process.ts';
import { catalogue } from '../worker/catalogue.ts';
import { loadConfiguration } from '../worker/config/load.ts';
import { logTemporalTo } from '../worker/temporal-log.ts';
import { up } from '../worker/up.ts';

const count = Number(process.argv[2] ?? 30);
const logger = pino({ level: 'error' });
logTemporalTo(logger);
const dir = await mkdtemp(join(tmpdir(), 'firebreak-bench-'));
const kubernetes = await startKubernetes();
const temporal = await startTemporal();
const admin = createCluster({ name: 'bench', environment: 'bench', kubeconfig: kubernetes.adminKubeconfig });
const seen = new Map<string, number>();
const watching = await watchPolicies();
try {
  const running = await start();
  const engine: number[] = [];
  const bare: number[] = [];
  for (let index = -3; index < count; index += 1) {
    const alert = await once(`engine-${index + 3}`, 'firebreak-quarantine', (namespace) =>
      running.post(namespace),
    );
    const write = await once(`bare-${index + 3}`, 'deny', async (namespace) => {
      const spec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
      const object = {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'deny' },
        spec,
      };
      await admin.create({ ...resources.networkPolicies, namespace }, object);
    });
    // The first ones warm caches and connections.
    if (index < 0) continue;
    engine.push(alert);
    bare.push(write);
  }
  const result = { alerts: count, unit: 'ms', engine: summary(engine), bare: summary(bare) };
  const ratio = {
    p50: round(result.engine.p50 / result.bare.p50),
    p99: round(result.engine.p99 / result.bare.p99),
  };
  process.stdout.write(`${JSON.stringify({ ...result, ratio }, undefined, 2)}\n`);
  await running.stop();
} finally {
  watching.abort();
  await kubernetes.stop();
  await temporal.stop();
  await rm(dir, { recursive: true, force: true });
}
process.exit(0);

async function start() {
  const file = join(dir, 'firebreak.yaml');
  const engineUser = 'firebreak:engine';
  const approval = { from: ['responders'] };
  const configuration = {
    temporal: { address: temporal.address },
    gateway: { port: 0 },
    clusters: [
      { name: 'bench', environment: 'bench', kubeconfig: await kubernetes.kubeconfigFor(engineUser) },
    ],
    people: [{ id: 'falco', kind: 'service' }],
    playbooks: new URL('../playbooks', import.meta.url).pathname,
    guardrails: { automatic: [{ environments: ['bench'], minSeverity: 'info' }] },
    approvals: { default: approval, release: approval, escalation: ['leads'] },
  };
  const route = {
    name: 'all',
    match: 'true',
    playbook: 'FB-001',
    mode: 'automatic',
    inputs: { cluster: '${{ alert.cluster }}', namespace: '${{ alert.namespace }}' },
  };
  await writeFile(file, JSON.stringify(configuration));
  await writeFile(join(dir, 'routes.yaml'), JSON.stringify([route]));
  const loaded = await loadConfiguration(file);
  const { actions } = catalogue(loaded);
  const manifests = rbacManifests({
    permissions: actions.flatMap(({ permissions }) => permissions),
    engine: { kind: 'User', name: engineUser },
    responderGroup: loaded.responderGroup,
  });
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests });
  const applied = await kubectl(kubernetes, kubernetes.adminKubeconfig, ['apply', '-f', '-'], list);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const running = await up(loaded, { logger });
  await running.working;
  const tokens = await openTokens(join(loaded.state, 'tokens'));
  const { secret } = await tokens.create({
    owner: 'falco',
    scopes: ['alerts'],
    cluster: 'bench',
    label: 'bench',
  });
  return {
    stop: () => running.stop(),
    async post(namespace: string) {
      const body = JSON.stringify({
        output: 'bench',
        priority: 'Critical',
        rule: 'bench',
        source: 'syscall',
        time: new Date().toISOString(),
        output_fields: { 'k8s.ns.name': namespace },
      });
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${secret}` };
      const response = await fetch(`${running.url}/v1/alerts/falco`, { method: 'POST', headers, body });
      if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    },
  };
}

/** Milliseconds from `act` until the policy `name` is seen in a new namespace that has one allow policy. */
async function once(
  namespace: string,
  name: string,
  act: (namespace: string) => Promise<void>,
): Promise<number> {
  await admin.create(resources.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  const spec = { podSelector: {}, ingress: [{}] };
  await admin.create(
    { ...resources.networkPolicies, namespace },
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'allow' }, spec },
  );
  const began = performance.now();
  await act(namespace);
  await waitFor(`${name} in ${namespace}`, () => Promise.resolve(seen.has(`${namespace}/${name}`)));
  return (seen.get(`${namespace}/${name}`) ?? 0) - began;
}

async function watchPolicies(): Promise<AbortController> {
  const config = new KubeConfig();
  config.loadFromFile(kubernetes.adminKubeconfig);
  return new Watch(config).watch(
    '/apis/networking.k8s.io/v1/networkpolicies',
    {},
    (_phase: string, object: { metadata: { name: string; namespace: string } }) => {
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      if (!seen.has(key)) seen.set(key, performance.now());
    },
    () => undefined,
  );
}

function summary(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), min: at(0), max: round(sorted.at(-1) ?? 0) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
