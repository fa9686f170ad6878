import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Cluster } from '../../activities/kubernetes/client.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { rollbackWorkload } from '../../activities/kubernetes/rollback-workload.ts';
import type { PodTemplate } from '../../activities/kubernetes/workload/kinds.ts';
import { withImages } from '../../activities/kubernetes/workload/template.ts';
import { digest } from '../../domain/json.ts';
import { changesBy } from '../support/audit-log.ts';
import { engineUser } from '../support/quarantine-house.ts';
import {
  deployed,
  good,
  imageOf,
  openRollbackHouse,
  pinned,
  Subject,
  type RollbackHouse,
} from '../support/rollback-house.ts';

let house: RollbackHouse;
beforeAll(async () => {
  house = await openRollbackHouse(1);
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const saying = (text: string | RegExp) => ({ message: expect.stringMatching(text) });
const written = async () => (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;

const operator = {
  apiVersion: 'shop.invalid/v1',
  kind: 'Shop',
  name: 'main',
  uid: 'u-1',
  controller: true,
};
const kept: [string, object, RegExp][] = [
  ['paused', { spec: { paused: true } }, /^FB3240: deployments\/paused\/web is paused/],
  [
    'argo',
    { metadata: { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/web' } } },
    /^FB3242: .*Argo CD.*gitops: warn/,
  ],
  ['flux', { metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' } } }, /^FB3242: .*Flux/],
  [
    'flux-helm',
    { metadata: { labels: { 'helm.toolkit.fluxcd.io/name': 'shop' } } },
    /^FB3242: .*HelmRelease/,
  ],
  ['operator', { metadata: { ownerReferences: [operator] } }, /^FB3242: .*Shop main/],
];
test.each(kept)(
  '%s: a Deployment that others hold back or keep is refused',
  async (namespace, patch, message) => {
    const { subject, to } = await deployed(house, 'Deployment', namespace);
    await subject.patch(patch);
    for (const action of [house.canary, house.workload])
      await expect(subject.plan(action, to)).rejects.toMatchObject(saying(message));
  },
  60_000,
);

test('GitOps on purpose, Helm, an autoscaler, an ephemeral container: said in the plan, which goes on', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'said');
  await subject.patch({
    metadata: {
      labels: { 'kustomize.toolkit.fluxcd.io/name': 'shop' },
      annotations: { 'meta.helm.sh/release-name': 'web' },
    },
  });
  await house.admin.create(
    { ...resources.horizontalPodAutoscalers, namespace: 'said' },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'said' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 1,
        maxReplicas: 5,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
          },
        ],
      },
    },
  );
  const [pod] = await subject.pods();
  await house.admin.patch(
    {
      ...resources.pods,
      namespace: 'said',
      name: pod?.metadata.name ?? '',
      subresource: 'ephemeralcontainers',
    },
    { spec: { ephemeralContainers: [{ name: 'debug', image: 'shop.example/debug:1' }] } },
  );
  const { plan } = await subject.plan(house.workload, to, { gitops: 'warn' });
  const codes = new Map(plan.notCovered.map(({ code, objects }) => [code, objects]));
  expect(codes.get('gitops')).toEqual(['deployments/web']);
  expect(codes.has('helm')).toBe(true);
  expect(codes.get('autoscaler')).toEqual(['horizontalpodautoscalers/web']);
  expect(codes.get('ephemeral-containers')).toEqual([`pods/${pod?.metadata.name}`]);
  expect(plan.notCovered.find(({ code }) => code === 'gitops')?.text).toContain('will revert');
}, 60_000);

test.each<[string, 'StatefulSet' | 'DaemonSet' | 'Deployment', object, RegExp, 'canary' | 'both']>([
  [
    'on-delete-s',
    'StatefulSet',
    { updateStrategy: { type: 'OnDelete', rollingUpdate: null } },
    /^FB3240: .*OnDelete/,
    'both',
  ],
  [
    'on-delete-d',
    'DaemonSet',
    { updateStrategy: { type: 'OnDelete', rollingUpdate: null } },
    /^FB3240: .*OnDelete/,
    'both',
  ],
  [
    'parted',
    'StatefulSet',
    { updateStrategy: { rollingUpdate: { partition: 2 } } },
    /^FB3240: .*partition 2/,
    'both',
  ],
  [
    'recreate',
    'Deployment',
    { strategy: { type: 'Recreate', rollingUpdate: null } },
    /^FB3241: .*Recreate/,
    'canary',
  ],
  ['empty', 'Deployment', { replicas: 0 }, /^FB3241: .*has no pods/, 'canary'],
])(
  '%s: a %s whose strategy does not do',
  async (namespace, kind, spec, message, which) => {
    const { subject, to } = await deployed(house, kind, namespace);
    await subject.patch({ spec });
    await expect(subject.plan(house.canary, to)).rejects.toMatchObject(saying(message));
    if (which === 'both')
      return expect(subject.plan(house.workload, to)).rejects.toMatchObject(saying(message));
    const { plan, mandate } = await subject.plan(house.workload, to);
    expect(plan.notCovered.map(({ code }) => code)).toContain('no-canary');
    await house.workload.apply(subject.context(), mandate);
    expect(new Set(await subject.running())).toEqual(new Set(namespace === 'empty' ? [] : [pinned.app]));
    expect((await subject.read()).spec?.template?.spec?.containers?.[0]?.image).toBe(pinned.app);
  },
  60_000,
);

test('what was chosen must be there, be what was judged, and name every container once', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'chosen');
  const bad = [
    [{ ...to, uid: 'another' }, /^FB3243: .*is no revision/],
    [{ ...to, revision: 'web-0' }, /^FB3243: .*is no revision/],
    [{ ...to, templateDigest: digest('another') }, /^FB3243: .*another template/],
    [{ ...to, revision: '', uid: '' }, /^FB3243: .*not the one that was judged/],
    [{ ...to, images: to.images.slice(1) }, /^FB3244: .*init is missing/],
    [{ ...to, images: [...to.images, { container: 'x', image: imageOf('x') }] }, /^FB3244: .*no container x/],
    [{ ...to, images: [...to.images, ...to.images] }, /^FB3244: .*twice/],
  ] as const;
  for (const [wrong, message] of bad)
    await expect(subject.plan(house.workload, { ...wrong, images: [...wrong.images] })).rejects.toMatchObject(
      saying(message),
    );
  expect(() =>
    subject.request({ ...to, images: [{ container: 'app', image: 'shop.example/app:1' }] }, 'x'),
  ).toThrow(/must be <repository>@sha256/);
  const inPlace = await subject.inPlace(pinned);
  const { plan } = await subject.plan(house.workload, inPlace);
  expect(plan.changes.map(({ summary }) => summary)).toEqual([
    `image of init: shop.example/init:1 → ${pinned.init}`,
    `image of app: shop.example/app:2 → ${pinned.app}`,
  ]);

  const other = new Subject(house, 'Deployment', 'chosen', 'clean');
  const clean = { containers: [{ name: 'app', image: pinned.app }] };
  await other.deploy(good(), clean);
  const same = await other.inPlace({ app: pinned.app });
  await expect(other.plan(house.workload, same)).rejects.toMatchObject(saying(/^FB3250: /));
  await expect(
    new Subject(house, 'Deployment', 'chosen', 'none').plan(house.workload, to),
  ).rejects.toMatchObject({
    type: 'TargetGone',
  });
}, 60_000);

test('a signature that is missing, or vanishes between plan and apply, ends it with nothing changed', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'unsigned', {
    of: good({ nodeSelector: { 'kubernetes.io/os': 'linux' } }),
  });
  house.images.refused.add(pinned.init);
  await expect(subject.plan(house.canary, to)).rejects.toMatchObject(saying(/^FB3245: .*init.*unsigned/));
  house.images.refused.clear();
  const { mandate } = await subject.plan(house.canary, to);
  const rest = await subject.plan(house.workload, to);
  const before = await subject.read();
  const count = await written();
  house.images.refused.add(pinned.app);
  house.images.asked.length = 0;
  for (const [action, its] of [
    [house.canary, mandate],
    [house.workload, rest.mandate],
  ] as const)
    await expect(action.apply(subject.context(), its)).rejects.toMatchObject(
      saying(/^FB3245: .*nothing was changed/),
    );
  expect(house.images.asked[0]?.platforms).toEqual(['linux/amd64']);
  expect(await written()).toBe(count);
  expect(await subject.read()).toEqual(before);

  // It vanishes while the canary stands: the others do not follow.
  house.images.refused.clear();
  await house.canary.apply(subject.context(), mandate);
  house.images.refused.add(pinned.app);
  await expect(house.workload.apply(subject.context(), rest.mandate)).rejects.toMatchObject(
    saying(/^FB3245/),
  );
  expect((await subject.running()).filter((image) => image === pinned.app)).toHaveLength(1);
  // What failed did nothing: its undo leaves the canary to the step that it is of.
  const none = await house.workload.undo(subject.context(), rest.mandate);
  expect(none).toMatchObject({ changes: [], conflicts: [], already: 1 });
  expect((await subject.running()).filter((image) => image === pinned.app)).toHaveLength(1);
  house.images.refused.clear();
  expect(await house.canary.undo(subject.context(), mandate)).toMatchObject({ conflicts: [] });
  expect((await subject.read()).spec).toEqual(before.spec);
}, 60_000);

test('drift between plan and apply, and a namesake: refused, and nothing is overwritten', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'drift');
  const { mandate } = await subject.plan(house.workload, to);
  const edits: object[] = [
    { spec: { template: { metadata: { annotations: { by: 'somebody' } } } } },
    { spec: { paused: true } },
    { spec: { strategy: { rollingUpdate: { maxSurge: 2 } } } },
    { metadata: { annotations: { 'firebreak.dev/rollback': '{}' } } },
  ];
  const undo: object[] = [
    { spec: { template: { metadata: { annotations: { by: null } } } } },
    { spec: { paused: null } },
    { spec: { strategy: { rollingUpdate: { maxSurge: '25%' } } } },
    { metadata: { annotations: { 'firebreak.dev/rollback': null } } },
  ];
  for (const [index, edit] of edits.entries()) {
    const { spec } = await subject.patch(edit);
    const count = await written();
    await expect(house.workload.apply(subject.context(), mandate)).rejects.toMatchObject({ type: 'Drift' });
    expect(await written()).toBe(count);
    expect((await subject.read()).spec).toEqual(spec);
    await subject.patch(undo[index] ?? {});
  }
  // Scaling is not drift.
  await subject.patch({ spec: { replicas: 2 } });
  await house.workload.apply(subject.context(), mandate);
  expect(await subject.running()).toEqual([pinned.app, pinned.app]);

  const elsewhere = { ...mandate, input: { ...mandate.input, name: 'other' } };
  await expect(house.workload.apply(subject.context(), elsewhere)).rejects.toMatchObject({ type: 'Refused' });
  const longer = { ...mandate, input: { ...mandate.input, waitSeconds: 20 } };
  await expect(house.workload.apply(subject.context(), longer)).rejects.toMatchObject({ type: 'Drift' });
  await house.admin.delete(subject.location);
  await expect(house.workload.apply(subject.context(), mandate)).rejects.toMatchObject({
    type: 'TargetGone',
  });
  expect(await house.workload.verify(subject.context(), mandate)).toMatchObject({
    state: 'absent',
    claims: [{ verdict: 'failed', detail: 'it is gone' }],
  });
  const undone = await house.workload.undo(subject.context(), mandate);
  expect(undone).toMatchObject({ changes: [], conflicts: [{ object: 'deployments/drift/web' }] });
}, 120_000);

test("another incident's canary is refused; what has gone all the way is a workload like any other", async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'two');
  const { mandate } = await subject.plan(house.canary, to);
  await house.canary.apply(subject.context(), mandate);
  for (const action of [house.canary, house.workload])
    await expect(subject.plan(action, to, {}, 'inc-2')).rejects.toMatchObject(saying(/^FB3249: .*inc-1/));
  const other = { ...to, images: to.images.map(({ container }) => ({ container, image: imageOf('other') })) };
  await expect(subject.plan(house.workload, other)).rejects.toMatchObject(saying(/^FB3249/));
  const rest = await subject.plan(house.workload, to);
  await house.workload.apply(subject.context(), rest.mandate);
  const next = await subject.plan(
    house.workload,
    await subject.inPlace({ init: imageOf('init-2'), app: pinned.app }),
    {},
    'inc-2',
  );
  await house.workload.apply(subject.context(), next.mandate);
  const init = (await subject.read()).spec?.template?.spec?.initContainers?.[0]?.image;
  expect(init).toBe(imageOf('init-2'));
  // The first incident's undo would overwrite the second's.
  expect(await house.workload.undo(subject.context(), rest.mandate)).toMatchObject({
    changes: [],
    conflicts: [{ why: expect.stringContaining('mark') }],
  });
}, 60_000);

/** The cluster as one whose admission rewrites templates as they are written. */
function rewriting(rewrite: (template: PodTemplate) => PodTemplate): Cluster {
  const { engine } = house;
  return {
    ...engine,
    patch: (location, patch, options) =>
      engine.patch(
        location,
        (Array.isArray(patch) ? patch : []).map((operation: { path: string; value: PodTemplate }) =>
          operation.path.endsWith('/template')
            ? { ...operation, value: rewrite(operation.value) }
            : operation,
        ),
        options,
      ),
  };
}

test('admission that changes images is refused before anything is written; what else it changes is said, and approved', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'mutated');
  const images = rewriting((template) => withImages(template, new Map([['app', imageOf('evil')]])));
  const evil = rollbackWorkload({ clusters: () => images, images: house.images });
  await expect(subject.plan(evil, to)).rejects.toMatchObject(saying(/^FB3246: .*images/));
  const { mandate } = await subject.plan(house.workload, to);
  const count = await written();
  await expect(evil.apply(subject.context(), mandate)).rejects.toMatchObject(saying(/^FB3246: .*app: /));
  expect(await written()).toBe(count);

  const labelled = rewriting(({ metadata = {}, ...template }) => ({
    ...template,
    metadata: { ...metadata, labels: { ...metadata.labels, mesh: 'yes' } },
  }));
  const meshed = rollbackWorkload({ clusters: () => labelled, images: house.images });
  await expect(meshed.apply(subject.context(), mandate)).rejects.toMatchObject(saying(/^FB3246/));
  const planned = await subject.plan(meshed, to);
  expect(planned.plan.notCovered).toContainEqual(
    expect.objectContaining({ code: 'admission-template', objects: ['metadata.labels.mesh'] }),
  );
  expect(planned.plan.notCovered.map(({ code }) => code)).not.toContain('edited-history');
  await meshed.apply(subject.context(), planned.mandate);
  expect(await meshed.verify(subject.context(), planned.mandate)).toMatchObject({ verdict: 'verified' });
  const again = await subject.plan(meshed, to);
  expect(again.plan.authority).toEqual(planned.plan.authority);
}, 60_000);
