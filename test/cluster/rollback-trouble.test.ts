import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { resources } from '../../activities/kubernetes/resources.ts';
import { templateOf, type RollbackKind, type Workload } from '../../activities/kubernetes/workload/kinds.ts';
import { sha256 } from '../../domain/json.ts';
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
afterEach(async () => {
  house.images.children.clear();
  await taint(false);
});
afterAll(async () => {
  await house.close();
}, 30_000);

const saying = (text: RegExp) => ({ message: expect.stringMatching(text) });
const kinds: [RollbackKind][] = [['Deployment'], ['StatefulSet'], ['DaemonSet']];

/** No node takes new pods, those that run stay. */
async function taint(on: boolean): Promise<void> {
  const { items } = await house.admin.list(resources.nodes);
  for (const { metadata } of items)
    await house.admin.patch(
      { ...resources.nodes, name: metadata.name },
      { spec: { taints: on ? [{ key: 'shop.example/full', effect: 'NoSchedule' }] : null } },
    );
}

const isHeld = ({ kind, spec = {} }: Workload) =>
  kind === 'Deployment'
    ? spec.paused === true
    : kind === 'DaemonSet'
      ? spec.updateStrategy?.type === 'OnDelete'
      : (spec.updateStrategy?.rollingUpdate?.partition ?? 0) > 0;

/** The name of its pod that runs what was approved, once there is one. */
async function newPod(subject: Subject): Promise<string> {
  for (;;) {
    const found = (await subject.pods()).find(
      ({ spec, status }) => spec.containers[0]?.image === pinned.app && status?.phase === 'Running',
    );
    if (found !== undefined) return found.metadata.name;
  }
}

test.each(kinds)(
  'a %s whose first pod does not come up: held, failed, undone as it was',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `late-${kind.toLowerCase()}`);
    const before = await subject.read();
    const { mandate } = await subject.plan(house.canary, to, { waitSeconds: 10 });
    await taint(true);
    await expect(house.canary.apply(subject.context(), mandate)).rejects.toMatchObject(
      saying(/^FB3247: .*did not come up within 10 s .*held/),
    );
    expect(isHeld(await subject.read())).toBe(true);
    const old = (await subject.running()).filter((image) => image === suspectImage);
    expect(old).toHaveLength(kind === 'Deployment' ? 3 : 2);
    expect(await house.canary.verify(subject.context(), mandate)).toMatchObject({
      state: 'partial',
      verdict: 'failed',
    });
    await taint(false);
    const undone = await house.canary.undo(subject.context(), mandate);
    expect(undone).toMatchObject({
      conflicts: [],
      claims: [{ verdict: 'verified' }, { verdict: 'verified' }],
    });
    expect((await subject.read()).spec).toEqual(before.spec);
    expect(await subject.running()).toEqual([suspectImage, suspectImage, suspectImage]);
  },
  120_000,
);

test.each<[RollbackKind]>([['Deployment'], ['StatefulSet']])(
  'a %s whose others do not come up: stopped where it is, and gone on with by the same step',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `stuck-${kind.toLowerCase()}`);
    const before = await subject.read();
    const { mandate } = await subject.plan(house.workload, to, { waitSeconds: 10 });
    const atBoundary = async (name: string) => {
      if (name.startsWith('go on ')) await taint(true);
    };
    await expect(house.workload.apply(subject.context({ atBoundary }), mandate)).rejects.toMatchObject(
      saying(/^FB3247: .*held/),
    );
    expect(isHeld(await subject.read())).toBe(true);
    const stopped = await subject.running();
    expect(stopped).toContain(suspectImage);
    await taint(false);
    // What is pending comes up, and nothing else moves.
    for (let settled = 0; settled < 20;) {
      const pods = await subject.pods();
      settled = pods.every(({ status }) => status?.phase === 'Running') ? settled + 1 : 0;
    }
    expect(await subject.running()).toEqual(stopped);
    // A canary's approval does not cover bringing the suspect image back to what is new by now.
    const canary = await subject.plan(house.canary, to);
    expect(await house.canary.undo(subject.context(), canary.mandate)).toMatchObject({
      changes: [],
      conflicts: [{ why: expect.stringContaining('rollback-workload') }],
    });
    await house.workload.apply(subject.context(), mandate);
    expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
    const { spec } = await subject.read();
    expect({ ...spec, template: null }).toEqual({ ...before.spec, template: null });
  },
  120_000,
);

const [amd, arm] = [sha256('amd64'), sha256('arm64')];
test.each<[string, string, (digest: string) => object, RegExp | undefined]>([
  [
    'child',
    "the child for the node's platform",
    () => status('containerStatuses', 'app', `shop.example/app@${amd}`),
    undefined,
  ],
  [
    'foreign',
    "another platform's child",
    () => status('containerStatuses', 'app', `shop.example/app@${arm}`),
    /^FB3248: .*held where it is: .*app runs sha256:/,
  ],
  [
    'other',
    'another image',
    () => status('containerStatuses', 'app', `shop.example/app@${sha256('evil')}`),
    /^FB3248: .*app runs/,
  ],
  [
    'init',
    'another image in an init container',
    () => status('initContainerStatuses', 'init', `shop.example/init@${sha256('evil')}`),
    /^FB3248: .*init runs/,
  ],
  [
    'no-digest',
    'no digest at all',
    () => status('containerStatuses', 'app', sha256('configuration')),
    /^FB3247: .*app names no digest/,
  ],
])(
  '%s: a node reports %s',
  async (namespace, _, reported, message) => {
    house.images.children.set(pinned.app, [
      { platform: 'linux/amd64', digest: amd },
      { platform: 'linux/arm64/v8', digest: arm },
    ]);
    const { subject, to } = await deployed(house, 'Deployment', `reports-${namespace}`);
    const { mandate } = await subject.plan(house.canary, to, { waitSeconds: 10 });
    const atBoundary = async (name: string) => {
      if (name.startsWith('begin: wrote'))
        await subject.report(await newPod(subject), reportedOf(reported('')));
    };
    const applied = house.canary.apply(subject.context({ atBoundary }), mandate);
    if (message === undefined) {
      await applied;
      expect(await house.canary.verify(subject.context(), mandate)).toMatchObject({ verdict: 'verified' });
    } else await expect(applied).rejects.toMatchObject(saying(message));
    expect(isHeld(await subject.read())).toBe(true);
    expect((await subject.running()).filter((image) => image === pinned.app)).toHaveLength(1);
    // A kubelet that tells the truth at first, and something else later.
    await subject.report(
      await newPod(subject),
      reportedOf(status('containerStatuses', 'app', `x@${sha256('evil')}`)),
    );
    const { claims } = await house.canary.verify(subject.context(), mandate);
    expect(claims[2]).toMatchObject({ verdict: 'failed', detail: expect.stringContaining('app runs') });
  },
  60_000,
);

interface Reported {
  list: 'containerStatuses' | 'initContainerStatuses';
  name: string;
  imageID: string;
}
function status(list: Reported['list'], name: string, imageID: string): Reported {
  return { list, name, imageID };
}
function reportedOf(given: object) {
  const { list, name, imageID } = given as Reported;
  return (now: { [list: string]: unknown }) => {
    const statuses = (now[list] ?? []) as { name: string }[];
    return { [list]: statuses.map((one) => (one.name === name ? { ...one, imageID } : one)) };
  };
}

test.each(kinds)(
  'a %s that a controller reverts: told, not fought, and the undo takes away what is left',
  async (kind) => {
    const { subject, to } = await deployed(house, kind, `reverted-${kind.toLowerCase()}`);
    const before = await subject.read();
    const tried = await subject.plan(house.canary, to);
    const template = templateOf(before);
    const over = new AbortController();
    const reverting = (async () => {
      while (!over.signal.aborted) {
        const now = templateOf(await subject.read());
        if (now.spec?.containers?.[0]?.image !== suspectImage)
          await subject.patch([{ op: 'replace', path: '/spec/template', value: template }]);
      }
    })();
    const reverted = { type: 'Drift', ...saying(/FB3220: .*a controller or a person reverts/) };
    try {
      // Else the pod may have come up before it looks.
      const atBoundary = async (name: string) => {
        while (name.startsWith('begin: wrote')) {
          const now = templateOf(await subject.read());
          if (now.spec?.containers?.[0]?.image === suspectImage) return;
        }
      };
      await expect(house.canary.apply(subject.context({ atBoundary }), tried.mandate)).rejects.toMatchObject(
        reverted,
      );
      const verified = await house.canary.verify(subject.context(), tried.mandate);
      expect(verified).toMatchObject({ state: 'absent', verdict: 'failed' });
      expect(verified.claims[0]?.detail).toContain('reverted');
      await expect(house.canary.apply(subject.context(), tried.mandate)).rejects.toMatchObject(reverted);
    } finally {
      over.abort();
      await reverting;
    }
    expect(await house.canary.undo(subject.context(), tried.mandate)).toMatchObject({ conflicts: [] });
    const after = await subject.read();
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations?.['firebreak.dev/rollback']).toBeUndefined();
  },
  120_000,
);

test("a third party's edits while one pod is held: kept, and told of by the undo", async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'edited');
  const before = await subject.read();
  const held = async () => {
    const { mandate } = await subject.plan(house.canary, to);
    await house.canary.apply(subject.context(), mandate);
    return mandate;
  };

  // One field of the strategy: the rest is put back.
  const first = await held();
  await subject.patch({ spec: { strategy: { rollingUpdate: { maxSurge: 2 } } } });
  const rest = await subject.plan(house.workload, to).catch((error: unknown) => error);
  expect(rest).toMatchObject(saying(/^FB3249: .*changed since/));
  expect(await house.canary.undo(subject.context(), first)).toMatchObject({
    changes: [{ verb: 'update' }],
    conflicts: [{ object: 'deployments/edited/web', why: expect.stringContaining('spec.strategy') }],
  });
  const kept = await subject.read();
  expect(kept.spec?.strategy?.rollingUpdate?.maxSurge).toBe(2);
  expect(templateOf(kept)).toEqual(templateOf(before));
  expect(kept.spec?.paused ?? false).toBe(false);
  await subject.patch([{ op: 'replace', path: '/spec/strategy', value: before.spec?.strategy }]);
  await subject.settled();

  // The template, and then the mark: nothing of theirs is touched.
  for (const edit of [
    { spec: { template: { metadata: { annotations: { by: 'somebody' } } } } },
    { metadata: { annotations: { 'firebreak.dev/rollback': null } } },
  ]) {
    const mandate = await held();
    const theirs = await subject.patch(edit);
    expect(await house.canary.undo(subject.context(), mandate)).toMatchObject({
      changes: [],
      conflicts: [{ object: 'deployments/edited/web', why: expect.stringContaining('kept as it is') }],
    });
    expect((await subject.read()).spec).toEqual(theirs.spec);
    await expect(house.canary.apply(subject.context(), mandate)).rejects.toMatchObject({ type: 'Drift' });
    await subject.patch([
      { op: 'replace', path: '/spec', value: before.spec },
      { op: 'add', path: '/metadata/annotations', value: before.metadata.annotations ?? {} },
    ]);
    await subject.settled();
  }
}, 120_000);

test('a workload that is scaled while one pod is held: all that there are follow, and its size stays', async () => {
  const { subject, to } = await deployed(house, 'Deployment', 'scaled');
  const early = await subject.plan(house.workload, to);
  const tried = await subject.plan(house.canary, to);
  await house.canary.apply(subject.context(), tried.mandate);
  await subject.patch({ spec: { replicas: 6 } });
  while ((await subject.pods()).length < 7);
  const { plan, mandate } = await subject.plan(house.workload, to);
  expect(plan.authority).toEqual(early.plan.authority);
  await house.workload.apply(subject.context(), mandate);
  expect(await subject.running()).toEqual(Array<string>(6).fill(pinned.app));
  expect(await house.workload.undo(subject.context(), mandate)).toMatchObject({ conflicts: [] });
  expect(await subject.running()).toEqual(Array<string>(6).fill(suspectImage));
}, 60_000);

test.each([[1], [10]])(
  'a Deployment with %d replicas: no old pod goes while the new one is held, and none comes',
  async (replicas) => {
    // What the controller would do with a paused Deployment of its own strategy: more pods, or with one replica the whole rollout.
    const strategy = { rollingUpdate: { maxSurge: '50%', maxUnavailable: '50%' } };
    const { subject, to } = await deployed(house, 'Deployment', `size-${replicas}`, {
      spec: { replicas, strategy },
    });
    const { mandate } = await subject.plan(house.canary, to);
    await house.canary.apply(subject.context(), mandate);
    const held = [...Array<string>(replicas).fill(suspectImage), pinned.app].toSorted();
    for (let look = 0; look < 30; look++) expect(await subject.running()).toEqual(held);
    const rest = await subject.plan(house.workload, to);
    await house.workload.apply(subject.context(), rest.mandate);
    expect(await subject.running()).toEqual(Array<string>(replicas).fill(pinned.app));
    expect((await subject.read()).spec?.strategy?.rollingUpdate).toEqual(strategy.rollingUpdate);
  },
  60_000,
);

test('a DaemonSet whose revision goes to other nodes has no canary: its pods would leave at once', async () => {
  const { subject, to } = await deployed(house, 'DaemonSet', 'placed', {
    now: suspect({ nodeSelector: { 'kubernetes.io/os': 'linux' } }),
  });
  await expect(subject.plan(house.canary, to)).rejects.toMatchObject(saying(/^FB3241: .*other nodes/));
  const { mandate } = await subject.plan(house.workload, to);
  await house.workload.apply(subject.context(), mandate);
  expect(await subject.running()).toEqual([pinned.app, pinned.app, pinned.app]);
}, 60_000);
