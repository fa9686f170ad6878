import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { input, type RollbackInput } from '../../../activities/kubernetes/rollback/contract.ts';
import { deliveryLimits } from '../../../activities/kubernetes/rollback/delivery.ts';
import { blocking, refuseUnfit } from '../../../activities/kubernetes/rollback/fitness.ts';
import { judged, mayReport, pinned, reportedDigest } from '../../../activities/kubernetes/rollback/images.ts';
import { markKey, markOf, markText, type Mark } from '../../../activities/kubernetes/rollback/mark.ts';
import { platformsFor } from '../../../activities/kubernetes/rollback/nodes.ts';
import { judgePod } from '../../../activities/kubernetes/rollback/pods.ts';
import { heldAt, oneNew, settingsOf } from '../../../activities/kubernetes/rollback/settings.ts';
import { originOf } from '../../../activities/kubernetes/rollback/target.ts';
import { patchOf } from '../../../activities/kubernetes/rollback/write.ts';
import type { PodTemplate, Workload } from '../../../activities/kubernetes/workload/kinds.ts';
import type { Revision } from '../../../activities/kubernetes/workload/revisions.ts';
import {
  containersOf,
  normalised,
  storedDigest,
  templateDigest,
} from '../../../activities/kubernetes/workload/template.ts';
import { sha256 } from '../../../domain/json.ts';
import { Assessor, imageOf } from '../../support/rollback-house.ts';

const signal = AbortSignal.timeout(10_000);
const template = (image = 'shop.example/app:1'): PodTemplate => ({
  metadata: { labels: { app: 'web' } },
  spec: { initContainers: [{ name: 'init', image: 'i' }], containers: [{ name: 'app', image }] },
});

function workload(kind: string, spec: object = {}, more: object = {}): Workload {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7', ...more },
    spec: { replicas: 3, template: template(), ...spec },
  };
}

function to(images: { [container: string]: string }): RollbackInput['to'] {
  return {
    revision: 'web-1',
    uid: 'r1',
    templateDigest: templateDigest(template()),
    images: Object.entries(images).map(([container, image]) => ({ container, image })),
  };
}

describe('images', () => {
  test('are pinned in every container, and nothing else of the template changes', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 6 }),
        fc.nat({ max: 6 }),
        (names, inits, less) => {
          const given: PodTemplate = {
            spec: {
              initContainers: names.slice(0, inits).map((name) => ({ name, image: 'old' })),
              containers: names.slice(inits).map((name) => ({ name, image: 'old', command: ['x'] })),
            },
          };
          const all = Object.fromEntries(names.map((name) => [name, imageOf(name)]));
          const done = pinned(given, to(all));
          expect(containersOf(done).every(({ name, image }) => image === imageOf(name))).toBe(true);
          const back = JSON.parse(
            JSON.stringify(done).replaceAll(/shop\.example\/[a-z]+@sha256:[0-9a-f]{64}/g, 'old'),
          );
          expect(back).toEqual(given);
          const missing = Object.fromEntries(Object.entries(all).filter(([name]) => name !== names[less]));
          if (less < names.length) expect(() => pinned(given, to(missing))).toThrow(/FB3244/);
        },
      ),
    );
  });

  test.each([
    ['docker.io/library/app@sha256:' + 'a'.repeat(64), `sha256:${'a'.repeat(64)}`],
    ['docker-pullable://shop.example/app@sha256:' + 'b'.repeat(64), `sha256:${'b'.repeat(64)}`],
    [`sha256:${'c'.repeat(64)}`, undefined],
    ['shop.example/app:1', undefined],
    ['shop.example/app@sha256:short', undefined],
    ['', undefined],
  ])('%s reports %s', (imageID, digest) => {
    expect(reportedDigest(imageID)).toBe(digest);
  });

  test("a node may report the digest that was named, or its own platform's child: no other's", () => {
    const [index, amd, arm] = [sha256('index'), sha256('amd'), sha256('arm')];
    const approved = {
      container: 'app',
      image: 'x',
      digest: index,
      children: [
        { platform: 'linux/amd64', digest: amd },
        { platform: 'linux/arm64/v8', digest: arm },
      ],
    };
    const table = [
      [index, 'linux/amd64', true],
      [index, undefined, true],
      [amd, 'linux/amd64', true],
      [amd, 'linux/arm64', false],
      [arm, 'linux/arm64', true],
      [arm, 'linux/arm', false],
      [arm, 'windows/arm64', false],
      [amd, undefined, false],
      [amd, '/', false],
      [sha256('other'), 'linux/amd64', false],
    ] as const;
    for (const [reported, platform, may] of table) expect(mayReport(approved, reported, platform)).toBe(may);
  });

  test('each is judged once, for the platforms; one that is refused, or judged as another, is not acceptable', async () => {
    const images = new Assessor();
    const two = to({ init: imageOf('app'), app: imageOf('app') });
    expect(await judged(images, two, ['linux/amd64'], signal)).toHaveLength(2);
    expect(images.asked).toEqual([{ reference: imageOf('app'), platforms: ['linux/amd64'] }]);
    images.refused.add(imageOf('app'));
    await expect(judged(images, two, undefined, signal)).rejects.toThrow(
      /FB3245: .*unsigned: nothing signs it/,
    );
    const lying = { assess: async () => ({ ...(await new Assessor().assess(imageOf('evil'), { signal })) }) };
    await expect(judged(lying, two, undefined, signal)).rejects.toThrow(/FB3245: .*another digest/);
  });
});

const pod = (status: object, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', uid: 'p1' },
  spec: { nodeName: 'n', containers: [{ name: 'app' }], ...spec },
  status,
});

const running = (imageID: string) => ({ containerStatuses: [{ name: 'app', imageID }] });

describe('a pod', () => {
  const approved = [{ container: 'app', image: 'x', digest: sha256('app'), children: [] }];

  test.each<[string, object, object, object]>([
    ['as approved', running(`a@${sha256('app')}`), {}, { wrong: [], unknown: [], more: [], ephemeral: [] }],
    ['another image', running(`a@${sha256('evil')}`), {}, { wrong: [`app runs ${sha256('evil')}`] }],
    ['not started', {}, {}, { unknown: ['app has not started'] }],
    ['without a digest', running('sha256:x'), {}, { unknown: ['app names no digest'] }],
    [
      'a sidecar',
      running(`a@${sha256('app')}`),
      { containers: [{ name: 'app' }, { name: 'mesh' }] },
      { more: ['mesh'] },
    ],
    [
      'a debugger',
      running(`a@${sha256('app')}`),
      { ephemeralContainers: [{ name: 'sh' }] },
      { ephemeral: ['sh'] },
    ],
  ])('%s', (_, status, spec, expected) => {
    expect(judgePod(pod(status, spec), true, approved, new Map([['n', 'linux/amd64']]))).toMatchObject(
      expected,
    );
  });
});

const made = ({
  kind,
  maxSurge,
  maxUnavailable,
  ...spec
}: {
  kind: string;
  maxSurge: unknown;
  maxUnavailable: unknown;
}) => {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
  return workload(kind, {
    ...spec,
    ...(kind === 'Deployment' ? { strategy } : { updateStrategy: strategy }),
  });
};

describe('settings', () => {
  const kinds = fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet');
  const amount = fc.oneof(fc.nat({ max: 5 }), fc.constantFrom('25%', '100%'));
  const any = fc.record({
    kind: kinds,
    replicas: fc.integer({ min: 1, max: 50 }),
    minReadySeconds: fc.option(fc.nat({ max: 600 }), { nil: undefined }),
    maxSurge: amount,
    maxUnavailable: amount,
  });

  test('let one pod be new, within what the API allows, and keep what they were for the way back', () => {
    fc.assert(
      fc.property(any, fc.nat({ max: 10 }), (given, beyond) => {
        const one = made(given);
        const was = settingsOf(one);
        const size = given.replicas;
        const held = heldAt(one, was, { updated: 1, total: size + beyond });
        for (const set of [oneNew(one, was), held]) {
          expect(Object.keys(set).toSorted()).toEqual(Object.keys(was).toSorted());
          if (given.kind === 'Deployment') {
            expect(Number(set['progressDeadlineSeconds'])).toBeGreaterThan(Number(set['minReadySeconds']));
            expect(Number(set['progressDeadlineSeconds'])).toBeLessThanOrEqual(2 ** 31 - 1);
          }
        }
        if (given.kind === 'Deployment') {
          expect(oneNew(one, was)).toMatchObject({
            paused: false,
            strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          });
          // Its controller brings it to size and surge: that must be what there is.
          expect(held).toMatchObject({ paused: true, strategy: { rollingUpdate: { maxSurge: beyond } } });
        } else if (given.kind === 'StatefulSet')
          expect(oneNew(one, was)).toMatchObject({
            updateStrategy: { rollingUpdate: { partition: size - 1 } },
          });
        else expect(oneNew(one, was)).toEqual({ updateStrategy: { type: 'OnDelete' } });
      }),
    );
  });

  test.each<[string, object, string]>([
    ['paused', { paused: true }, 'is paused'],
    ['OnDelete', { updateStrategy: { type: 'OnDelete' } }, 'OnDelete'],
    ['unknown', { updateStrategy: { type: 'Later' } }, 'not known'],
    [
      'a partition',
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } },
      'partition 1',
    ],
  ])('%s is refused', (_, settings, why) => {
    const kind = 'paused' in settings ? 'Deployment' : 'StatefulSet';
    const given = { strategy: { type: 'RollingUpdate' }, ...settings };
    const its = kind === 'Deployment' ? given : settings;
    expect(() => refuseUnfit('x', kind, JSON.parse(JSON.stringify(its)))).toThrow(why);
  });

  test('what blocks an ordered StatefulSet: the highest first, none of a parallel one', () => {
    const states = [0, 1, 2].map((index) => ({ name: `web-${index + 5}`, ready: index === 1, going: false }));
    const ordered = workload('StatefulSet', { ordinals: { start: 5 } });
    expect(blocking(ordered, states).map(({ name }) => name)).toEqual(['web-7', 'web-5']);
    expect(blocking(workload('StatefulSet', { podManagementPolicy: 'Parallel' }), states)).toEqual([]);
  });
});

describe('a mark', () => {
  const mark: Mark = {
    v: 1,
    incident: 'inc-1',
    step: 'try',
    authority: sha256('a'),
    stage: 'held',
    from: { revision: 'web-2', digest: storedDigest(template('shop.example/app:2')) },
    to: storedDigest(template()),
    was: {
      strategy: { type: 'RollingUpdate' },
      minReadySeconds: 0,
      progressDeadlineSeconds: 600,
      paused: false,
    },
    set: {},
  };
  const marked = (given: Mark | string, spec: object = {}) => {
    const text = typeof given === 'string' ? given : markText(given);
    return workload('Deployment', spec, { annotations: { [markKey]: text } });
  };
  const set = settingsOf(workload('Deployment'));
  const revision = (image: string): Revision => ({
    number: 2,
    formerNumbers: [],
    name: 'web-2',
    kind: 'ReplicaSet',
    uid: 'r2',
    createdAt: '',
    current: false,
    template: normalised(template(image)),
    templateDigest: templateDigest(template(image)),
    stored: template(image),
    replicas: 0,
    editedBy: [],
  });

  test('is read back as it was written; what is not ours is unreadable', () => {
    expect(markOf(marked(mark))).toEqual(mark);
    for (const odd of ['', 'x', '{}', '{"v":2}', JSON.stringify({ ...mark, more: 1 })])
      expect(markOf(marked(odd))).toBe('unreadable');
    expect(markOf(workload('Deployment'))).toBeUndefined();
  });

  test('says what the workload was, as long as the history has it', () => {
    const ours = marked({ ...mark, set });
    const found = originOf(ours, [revision('shop.example/app:2')], 'inc-1');
    expect(found).toMatchObject({
      revision: 'web-2',
      template: template('shop.example/app:2'),
      stands: { stage: 'held' },
    });
    expect(found.settings).toEqual(mark.was);
    expect(() => originOf(ours, [revision('shop.example/app:3')], 'inc-1')).toThrow(/FB3251/);
    expect(() => originOf(ours, [], 'inc-2')).toThrow(/FB3249: .*inc-1/);
    expect(() => originOf(marked('x'), [], 'inc-1')).toThrow(/FB3249/);
    // Gone all the way, and changed since: the workload is what it is.
    const over = marked({ ...mark, set, stage: 'rest' }, { template: template('shop.example/app:9') });
    expect(originOf(over, [], 'inc-1').template).toEqual(template('shop.example/app:9'));
  });
});

test('a patch tests UID and version first, and touches nothing that it does not name', () => {
  const { metadata } = workload('Deployment');
  expect(patchOf(workload('Deployment'), { settings: { paused: true }, summary: '' })).toEqual([
    { op: 'test', path: '/metadata/uid', value: metadata.uid },
    { op: 'test', path: '/metadata/resourceVersion', value: '7' },
    { op: 'add', path: '/spec/paused', value: true },
  ]);
  const cron = patchOf(workload('CronJob'), { template: template(), mark: null, summary: '' });
  expect(cron.map(({ path }) => path).slice(2)).toEqual(['/spec/jobTemplate/spec/template']);
});

const node = (
  name: string,
  labels: { [key: string]: string },
  operatingSystem: string,
  architecture: string,
) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  status: { nodeInfo: { operatingSystem, architecture } },
});

const affinity = (operator: string, values?: string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'arch', operator, values }] }],
      },
    },
  },
});

test('the platforms of nodes that a template may come to', () => {
  const nodes = [
    node('a', { arch: 'amd64', disk: 'ssd' }, 'linux', 'amd64'),
    node('b', { arch: 'arm64' }, 'linux', 'arm64'),
    node('joining', {}, '', ''),
  ];
  const all = ['linux/amd64', 'linux/arm64'];
  const table: [object, string[] | undefined][] = [
    [{}, all],
    [{ nodeSelector: { disk: 'ssd' } }, ['linux/amd64']],
    [{ nodeSelector: { disk: 'tape' } }, undefined],
    [affinity('In', ['arm64']), ['linux/arm64']],
    [affinity('Gt', ['1']), all],
    [{ nodeName: 'b' }, ['linux/arm64']],
  ];
  for (const [spec, expected] of table) expect(platformsFor(nodes, { spec: { ...spec } })).toEqual(expected);
});

const request = (gitops?: 'warn') =>
  input.parse({
    cluster: 'c',
    namespace: 'shop',
    kind: 'Deployment',
    name: 'web',
    to: to({ app: imageOf('a') }),
    gitops,
  });
const managed = (manager: string) =>
  workload('Deployment', {}, { managedFields: [{ manager, operation: 'Apply' }] });

test('is known by who wrote the workload, too', () => {
  expect(() => deliveryLimits(managed('argocd-controller'), request())).toThrow(/FB3242: .*Argo CD/);
  expect(() => deliveryLimits(managed('kustomize-controller'), request())).toThrow(/FB3242: .*Flux/);
  expect(deliveryLimits(managed('helm-controller'), request('warn')).map(({ code }) => code)).toEqual([
    'gitops',
  ]);
  expect(deliveryLimits(managed('kubectl'), request())).toEqual([]);
});

describe('delivery', () => {
  test('a label that Argo CD shares with others is said', () => {
    const labelled = workload('Deployment', {}, { labels: { 'app.kubernetes.io/instance': 'shop' } });
    expect(deliveryLimits(labelled, request()).map(({ code }) => code)).toEqual(['perhaps-gitops']);
  });
});
