import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allowance, atOnce, waves, type Budget } from '../../../activities/kubernetes/restart/budget.ts';
import { rolloutOf } from '../../../activities/kubernetes/restart/rollout.ts';
import { judge } from '../../../activities/kubernetes/restart/users.ts';
import { usesSecret, usesServiceAccount } from '../../../activities/kubernetes/restart/uses.ts';
import type { Pod, Workload } from '../../../activities/kubernetes/workload/kinds.ts';

function workload(kind: string, name: string, spec: object = {}, rest: object = {}): Workload {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop', uid: `${kind}-${name}`, generation: 1 },
    spec: { replicas: 4, template: { metadata: { labels: { app: name } }, spec: {} }, ...spec },
    ...rest,
  };
}

function pod(name: string, owner?: { kind: string; uid: string }, rest: object = {}): Pod {
  const ownerReferences =
    owner === undefined ? [] : [{ apiVersion: 'v1', name: owner.uid, controller: true, ...owner }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, ownerReferences, ...rest }, spec: {} };
}

function budget(name: string, app: string, expectedPods: number, desiredHealthy: number): Budget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, generation: 1 },
    spec: { selector: { matchLabels: { app } } },
    status: { observedGeneration: 1, expectedPods, desiredHealthy },
  };
}

const world = {
  uses: () => true,
  spared: {},
  pods: [] as Pod[],
  workloads: [] as Workload[],
  replicaSets: [],
  budgets: [] as Budget[],
};

describe('who uses a Secret', () => {
  const uses = usesSecret('db', 'password');
  test.each([
    [
      'env',
      {
        containers: [{ env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }] }],
      },
    ],
    ['envFrom of an init container', { initContainers: [{ envFrom: [{ secretRef: { name: 'db' } }] }] }],
    ['an ephemeral container', { ephemeralContainers: [{ envFrom: [{ secretRef: { name: 'db' } }] }] }],
    ['a volume', { volumes: [{ secret: { secretName: 'db' } }] }],
    ['a volume of that key', { volumes: [{ secret: { secretName: 'db', items: [{ key: 'password' }] } }] }],
    ['a projected volume', { volumes: [{ projected: { sources: [{}, { secret: { name: 'db' } }] } }] }],
    ['pulling images', { imagePullSecrets: [{ name: 'db' }] }],
    ['a CSI driver', { volumes: [{ csi: { nodePublishSecretRef: { name: 'db' } } }] }],
    ['another driver', { volumes: [{ name: 'x', cephfs: { secretRef: { name: 'db' } } }] }],
  ])('%s', (_, spec) => expect(uses(spec)).toBe(true));

  test.each([
    ['another Secret', { containers: [{ envFrom: [{ secretRef: { name: 'other' } }] }] }],
    [
      'another key',
      { containers: [{ env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'db', key: 'user' } } }] }] },
    ],
    ['a volume of another key', { volumes: [{ secret: { secretName: 'db', items: [{ key: 'user' }] } }] }],
    ['a volume that bears its name', { volumes: [{ name: 'db', emptyDir: {} }] }],
    ['nothing', {}],
  ])('not: %s', (_, spec) => expect(uses(spec)).toBe(false));
});

test('a template that names no ServiceAccount runs as default', () => {
  expect(usesServiceAccount('default')({})).toBe(true);
  expect(usesServiceAccount('default')({ serviceAccountName: '' })).toBe(true);
  expect(usesServiceAccount('default')({ serviceAccountName: 'app' })).toBe(false);
  expect(usesServiceAccount('app')({})).toBe(false);
});

describe('what is restarted', () => {
  test('a workload by a pod that an admission webhook gave what its template does not name', () => {
    const web = workload('Deployment', 'web');
    const injected = {
      ...pod('web-1', { kind: 'ReplicaSet', uid: 'rs' }),
      spec: { serviceAccountName: 'x' },
    };
    const replicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { ...pod('web-rs', { kind: 'Deployment', uid: 'Deployment-web' }).metadata, uid: 'rs' },
    };
    const found = judge({
      ...world,
      uses: usesServiceAccount('x'),
      workloads: [web],
      pods: [injected],
      replicaSets: [replicaSet],
    });
    expect(found).toEqual({ waves: [[web]], left: [], pods: 1 });
  });

  test('not what would stop a suspect, end work, or start nothing', () => {
    const found = judge({
      ...world,
      spared: { pods: ['kept-0'], labels: { suspect: 'yes' } },
      workloads: [
        workload('StatefulSet', 'kept'),
        workload('DaemonSet', 'labelled', {}, { status: { desiredNumberScheduled: 1 } }),
        workload('StatefulSet', 'evidence'),
        workload('Deployment', 'paused', { paused: true }),
        workload(
          'DaemonSet',
          'by-hand',
          { updateStrategy: { type: 'OnDelete' } },
          { status: { desiredNumberScheduled: 1 } },
        ),
        workload('StatefulSet', 'parted', { updateStrategy: { rollingUpdate: { partition: 2 } } }),
        workload('Deployment', 'empty', { replicas: 0 }),
      ],
      pods: [
        pod('kept-0', { kind: 'StatefulSet', uid: 'StatefulSet-kept' }),
        pod('labelled-x', { kind: 'DaemonSet', uid: 'DaemonSet-labelled' }, { labels: { suspect: 'yes' } }),
        pod(
          'evidence-0',
          { kind: 'StatefulSet', uid: 'StatefulSet-evidence' },
          { labels: { 'firebreak.dev/forensics': '' } },
        ),
        pod('alone'),
        pod('work-1', { kind: 'Job', uid: 'job' }),
        pod('roll-1', { kind: 'Rollout', uid: 'rollout' }),
        { ...pod('done'), status: { phase: 'Succeeded' } },
      ],
    });
    expect(found.waves).toEqual([]);
    expect(Object.fromEntries(found.left.map(({ object, why }) => [object, why]))).toEqual({
      'statefulsets/kept': 'suspect',
      'daemonsets/labelled': 'suspect',
      'statefulsets/evidence': 'suspect',
      'deployments/paused': 'paused',
      'daemonsets/by-hand': 'on-delete',
      'statefulsets/parted': 'partition',
      'pods/alone': 'bare-pod',
      'pods/work-1': 'job',
      'pods/roll-1': 'other-controller',
    });
  });

  test('a selector without labels cannot be written, and an inherited name is no label', () => {
    const found = judge({ ...world, spared: { labels: { constructor: 'x' } }, pods: [pod('a')] });
    expect(found.left).toEqual([{ object: 'pods/a', why: 'bare-pod' }]);
  });
});

describe('budgets', () => {
  test.each([
    ['the default of a Deployment of 4', workload('Deployment', 'a'), 1],
    ['the default of a Deployment of 1: it surges', workload('Deployment', 'a', { replicas: 1 }), 0],
    ['Recreate', workload('Deployment', 'a', { strategy: { type: 'Recreate' } }), 4],
    [
      'neither surge nor unavailable after rounding',
      workload('Deployment', 'a', { strategy: { rollingUpdate: { maxUnavailable: '10%', maxSurge: 0 } } }),
      1,
    ],
    ['a StatefulSet', workload('StatefulSet', 'a'), 1],
    [
      '7 % of 100',
      workload('Deployment', 'a', { replicas: 100, strategy: { rollingUpdate: { maxUnavailable: '7%' } } }),
      7,
    ],
    [
      'a DaemonSet, rounded up',
      workload(
        'DaemonSet',
        'a',
        { updateStrategy: { rollingUpdate: { maxUnavailable: '30%' } } },
        { status: { desiredNumberScheduled: 5 } },
      ),
      2,
    ],
  ])('%s', (_, each, expected) => expect(atOnce(each)).toBe(expected));

  test('one that its controller has not looked at allows nothing', () => {
    const fresh = { ...budget('b', 'a', 4, 1), metadata: { name: 'b', generation: 2 } };
    expect(allowance(fresh)).toBe(0);
  });

  test('what goes beyond one is left; what shares one goes one after another', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) =>
      workload('Deployment', name, { strategy: { rollingUpdate: { maxUnavailable: 1 } } }),
    );
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four');
    const found = judge({
      ...world,
      workloads: [a, b, c, d],
      budgets: [
        {
          ...budget('both', 'a', 8, 7),
          spec: { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] } },
        },
        budget('none', 'c', 4, 4),
      ],
    });
    expect(found.waves).toEqual([[a, d], [b]]);
    expect(found.left).toEqual([{ object: 'deployments/c', why: 'budget' }]);
  });

  test('no wave takes more of a budget down than it allows, and nothing is lost', () => {
    const arbitrary = fc.record({
      sizes: fc.array(
        fc.record({ replicas: fc.integer({ min: 1, max: 9 }), most: fc.integer({ min: 0, max: 9 }) }),
        { minLength: 1, maxLength: 8 },
      ),
      budgets: fc.array(fc.record({ allowed: fc.integer({ min: 0, max: 6 }), covers: fc.array(fc.nat(7)) }), {
        maxLength: 4,
      }),
    });
    fc.assert(
      fc.property(arbitrary, ({ sizes, budgets: given }) => {
        const all = sizes.map(({ replicas, most }, index) =>
          workload('Deployment', `w${index}`, {
            replicas,
            strategy: { rollingUpdate: { maxUnavailable: most, maxSurge: 1 } },
          }),
        );
        const budgets = given.map(({ allowed }, index) => budget(`b${index}`, 'x', 9, 9 - allowed));
        const own = new Map(
          all.map((each, at) => [each, budgets.filter((_, index) => given[index]?.covers.includes(at))]),
        );
        const planned = waves(all, own);
        expect([...planned.waves.flat(), ...planned.beyond].toSorted(byName)).toEqual(all.toSorted(byName));
        for (const wave of planned.waves)
          for (const one of budgets) {
            const down = wave
              .filter((each) => own.get(each)?.includes(one))
              .reduce((sum, each) => sum + atOnce(each), 0);
            expect(down).toBeLessThanOrEqual(allowance(one));
          }
      }),
    );
  });
});

const byName = (a: Workload, b: Workload) => (a.metadata.name < b.metadata.name ? -1 : 1);

test.each([
  ['not seen yet', 'Deployment', {}, false],
  ['old pods go on', 'Deployment', { updatedReplicas: 4, replicas: 5, availableReplicas: 5 }, false],
  ['not available', 'Deployment', { updatedReplicas: 4, replicas: 4, availableReplicas: 3 }, false],
  ['done', 'Deployment', { updatedReplicas: 4, replicas: 4, availableReplicas: 4 }, true],
  ['an old revision', 'StatefulSet', { currentRevision: 'a', updateRevision: 'b', readyReplicas: 4 }, false],
  ['done', 'StatefulSet', { currentRevision: 'b', updateRevision: 'b', readyReplicas: 4 }, true],
  ['half', 'DaemonSet', { desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2 }, false],
  ['done', 'DaemonSet', { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }, true],
])('a rollout, %s (%s)', (_, kind, status, done) => {
  const observed = Object.keys(status).length === 0 ? {} : { observedGeneration: 1 };
  expect(rolloutOf(workload(kind, 'w', {}, { status: { ...status, ...observed } })).done).toBe(done);
});
