import { expect, test } from '@jest/globals';
import type { Cluster } from '../../../activities/kubernetes/client.ts';
import { clusterRegistry } from '../../../activities/kubernetes/client.ts';
import { KubernetesError } from '../../../activities/kubernetes/errors.ts';
import { readNamespace } from '../../../activities/kubernetes/read-namespace.ts';
import { input } from '../../../activities/kubernetes/reading/contract.ts';
import { summarise, type PodToSum } from '../../../activities/kubernetes/reading/summary.ts';
import type { KubernetesObject } from '../../../activities/kubernetes/resources.ts';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { sha256 } from '../../../domain/json.ts';
import { compilePlaybook } from '../../../language/compile/compile.ts';
import { catalogue } from '../../../worker/catalogue.ts';
import { readingContext } from '../../support/action-context.ts';

const shop = (uid = 'u-1', labels = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'shop', uid, labels },
});
const pod = (spec: PodToSum['spec'], status: PodToSum['status'] = {}): PodToSum => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: spec ?? {},
  status: status ?? {},
});
const wanted = { cluster: 'prod', namespace: 'shop' };

const refuse = (status: number) =>
  new KubernetesError({ cluster: 'prod', operation: 'get' }, { status, reason: 'x', message: 'no' });

/** A cluster of one namespace, or none; `fail` is what every read of a namespace meets. */
function clusterWith(state: { namespace?: KubernetesObject; pods?: PodToSum[]; fail?: number }): Cluster {
  const fake: Partial<Cluster> = {
    name: 'prod',
    environment: 'production',
    get: async () => {
      if (state.fail !== undefined) throw refuse(state.fail);
      if (state.namespace === undefined) throw refuse(404);
      return state.namespace as never;
    },
    list: async () => ({ items: (state.pods ?? []) as never[], resourceVersion: '1' }),
  };
  return fake as Cluster;
}

const contextWith = (full = false): ActionContext =>
  readingContext({
    put: async (text: string) => {
      if (full) throw new EvidenceStoreFull('full');
      return { digest: sha256(text), size: text.length, mediaType: 'application/json' };
    },
  } as unknown as ActionContext['evidence']);

async function mandateOn(state: Parameters<typeof clusterWith>[0], full = false) {
  const action = readNamespace({ clusters: clusterRegistry([clusterWith(state)]) });
  const plan = await action.plan(contextWith(full), { incident: 'inc-1', step: 's', input: wanted });
  const mandate: Mandate<typeof wanted> = {
    incident: 'inc-1',
    step: 's',
    input: wanted,
    authority: plan.authority,
    base: plan.snapshot,
  };
  return { action, plan, mandate };
}

test('counts pods by what their status says, of every kind of container', () => {
  const reading = summarise(shop('u-1', { team: 'web', app: 'shop' }), [
    pod(
      {
        containers: [{ image: 'b:1' }, { image: 'a:1' }],
        initContainers: [{ image: 'init:1' }],
        hostNetwork: true,
      },
      {
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 0 }, { restartCount: 3 }],
      },
    ),
    pod(
      { containers: [{ image: 'a:1' }], ephemeralContainers: [{ image: 'debug:1' }] },
      {
        conditions: [{ type: 'Ready', status: 'False' }],
        containerStatuses: [{ restartCount: 0, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
        initContainerStatuses: [{ restartCount: 1 }],
      },
    ),
    // Not scheduled yet: it has no status at all.
    pod(undefined, undefined),
  ]);
  expect(reading).toEqual({
    exists: true,
    uid: 'u-1',
    pods: 3,
    ready: 1,
    restarting: 3,
    images: ['a:1', 'b:1', 'debug:1', 'init:1'],
    imageCount: 4,
    hostNetworkPods: 1,
    labels: { app: 'shop', team: 'web' },
    labelCount: 2,
  });
});

test('whoever deploys many images or labels makes no reading that a history refuses, and the counts say so', () => {
  const pods = Array.from({ length: 300 }, (_, index) =>
    pod({ containers: [{ image: `${String(index).padStart(3, '0')}${'x'.repeat(10_000)}` }] }),
  );
  const labels = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`l${index}`, 'v']));
  const reading = summarise(shop('u-1', labels), pods);
  expect(reading).toMatchObject({ pods: 300, imageCount: 300, labelCount: 150 });
  expect(reading.images).toHaveLength(200);
  expect(Object.keys(reading.labels)).toHaveLength(100);
  expect(Math.max(...reading.images.map((image) => image.length))).toBe(512);
  expect(JSON.stringify(reading).length).toBeLessThan(150_000);
});

test('a namespace that is missing is a reading, at every verb', async () => {
  const { action, plan, mandate } = await mandateOn({});
  expect(plan.authority.targets).toEqual([]);
  expect((await action.apply(contextWith(), mandate)).outputs).toMatchObject({
    exists: false,
    uid: '',
    pods: 0,
  });
  expect(await action.verify(contextWith(), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'verified',
  });
});

test.each([
  ['another came', { namespace: shop('u-2') }, 'u-2'],
  ['it went', {}, 'gone'],
])('when %s between reading and verification, nothing is claimed', async (_, later, said) => {
  const state: Parameters<typeof clusterWith>[0] = { namespace: shop('u-1') };
  const { action, mandate } = await mandateOn(state);
  delete state.namespace;
  Object.assign(state, later);
  const { verdict, claims } = await action.verify(contextWith(), mandate);
  expect(verdict).toBe('unverifiable');
  expect(claims[0]?.detail).toContain(said);
});

test('a forbidden read is not taken for a missing namespace', async () => {
  const state: Parameters<typeof clusterWith>[0] = { namespace: shop() };
  const { action, mandate } = await mandateOn(state);
  state.fail = 403;
  for (const verb of ['apply', 'verify'] as const)
    await expect(action[verb](contextWith(), mandate)).rejects.toMatchObject({
      type: 'FB3202',
      nonRetryable: true,
    });
});

test('repeated, it plans the same to the byte, and needs no room in the evidence store', async () => {
  const first = await mandateOn({ namespace: shop() });
  const again = await mandateOn({ namespace: shop() }, true);
  expect(again.plan).toEqual(first.plan);
});

test('the input is a cluster and a namespace, and nothing else', () => {
  expect(input.safeParse(wanted).success).toBe(true);
  for (const wrong of [
    { cluster: 'prod' },
    { ...wanted, namespace: 'Shop/../x' },
    { ...wanted, cluster: '' },
    { ...wanted, pods: true },
  ])
    expect(input.safeParse(wrong).success).toBe(false);
});

test('the compiler sees who collects evidence, and freezes nothing of it', () => {
  const { signatures } = catalogue();
  const collects = signatures.filter(({ evidence }) => evidence === 'collects');
  expect(collects.map(({ name }) => name)).toEqual(['kubernetes.collect-evidence']);
  const compiled = compilePlaybook(
    {
      file: 'playbook.yaml',
      text: [
        'id: T-1',
        'name: Test',
        'version: 1',
        'steps:',
        '  - id: evidence',
        '    uses: kubernetes.collect-evidence',
        '    with: { cluster: prod, namespace: shop }',
      ].join('\n'),
    },
    signatures,
  );
  if (!('ok' in compiled)) throw new Error(JSON.stringify(compiled));
  const { evidence: _, ...rest } = collects[0] ?? {};
  expect(compiled.ok.playbook.actions).toEqual({ 'kubernetes.collect-evidence': rest });
});
