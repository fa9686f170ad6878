import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { templateOf, type RollbackKind } from '../../activities/kubernetes/workload/kinds.ts';
import { revisionsOf } from '../../activities/kubernetes/workload/revisions.ts';
import {
  deployed,
  openRollbackHouse,
  pinned,
  suspect,
  suspectImage,
  type RollbackHouse,
  type Subject,
} from '../support/rollback-house.ts';

let house: RollbackHouse;
beforeAll(async () => {
  house = await openRollbackHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const signal = AbortSignal.timeout(600_000);
const pinnedGood = {
  initContainers: [{ name: 'init', image: pinned.init }],
  containers: [{ name: 'app', image: pinned.app }],
};
const kinds: [RollbackKind][] = [['Deployment'], ['StatefulSet'], ['DaemonSet']];
const revisions = async (subject: Subject) => revisionsOf(house.admin, await subject.read(), signal);

test.each(kinds)(
  'a %s whose history is pinned: its controller takes the old revision up again',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `pinned-${kind.toLowerCase()}`, { of: pinnedGood });
    const before = await revisions(subject);
    const tried = await subject.plan(house.canary, to);
    await house.canary.apply(subject.context(), tried.mandate);
    expect((await subject.running()).filter((image) => image === pinned.app)).toHaveLength(1);
    const rest = await subject.plan(house.workload, to);
    const applied = await house.workload.apply(subject.context(), rest.mandate);
    expect(applied.outputs['revision']).toBe(to.revision);
    expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
    expect((await revisions(subject)).map(({ uid }) => uid).toSorted()).toEqual(
      before.map(({ uid }) => uid).toSorted(),
    );
  },
  60_000,
);

test('a Deployment whose suspect rollout is stuck: the pods of the good revision stay, and are proven', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'stuck', { of: pinnedGood, now: suspect() });
  await subject.patch([{ op: 'replace', path: '/spec/template/spec', value: pinnedGood }]);
  await subject.settled();
  await subject.patch([
    { op: 'replace', path: '/spec/template/spec', value: suspect({ nodeSelector: { no: 'such-node' } }) },
  ]);
  while (!(await subject.running()).includes(suspectImage));
  const good = (await subject.pods()).filter(({ spec }) => spec.containers[0]?.image === pinned.app);
  const uids = (pods: typeof good) => new Set(pods.map(({ metadata }) => metadata.uid));
  const { mandate } = await subject.plan(house.canary, to);
  const applied = await house.canary.apply(subject.context(), mandate);
  expect(applied.outputs).toMatchObject({ podCount: 3 });
  const stayed = (await subject.pods()).filter(({ spec }) => spec.containers[0]?.image === pinned.app);
  expect(uids(stayed)).toEqual(uids(good));
  const rest = await subject.plan(house.workload, to);
  await house.workload.apply(subject.context(), rest.mandate);
  expect(uids(await subject.pods())).toEqual(uids(good));
}, 60_000);

test('a revision that its controller forgets while one pod is held: the approval stays what it was', async () => {
  const { subject, to } = await deployed(house, 'DaemonSet', 'forgotten', {
    spec: { revisionHistoryLimit: 1 },
  });
  const early = await subject.plan(house.workload, to);
  const tried = await subject.plan(house.canary, to);
  await house.canary.apply(subject.context(), tried.mandate);
  while ((await revisions(subject)).some(({ name }) => name === to.revision));
  const again = await subject.plan(house.workload, to);
  expect(again.plan.authority).toEqual(early.plan.authority);
  await house.workload.apply(subject.context(), again.mandate);
  expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
  expect(await house.workload.undo(subject.context(), again.mandate)).toMatchObject({ conflicts: [] });
  expect(await house.workload.verify(subject.context(), again.mandate)).toMatchObject({ state: 'absent' });
  expect(templateOf(await subject.read()).spec?.containers?.[0]?.image).toBe(suspectImage);
}, 60_000);
