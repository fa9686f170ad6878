import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from '../../activities/kubernetes/client.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { contextOf } from '../support/action-context.ts';
import {
  createNamespace,
  mandateOf,
  openHouse,
  policiesOf,
  policy,
  releaseWithKit,
  requestFor,
  responderGroup,
  type House,
} from '../support/quarantine-house.ts';

/** Somebody with the role `admin` in the namespace tries to keep the containment from happening, or the release from being exact. */

let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const ours = 'firebreak-quarantine';
const allowAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] };
const denyAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };

function at(namespace: string, name?: string) {
  return { ...resources.networkPolicies, namespace, ...(name === undefined ? {} : { name }) };
}

/** A new namespace, and its tenant: ClusterRole `admin` there, nothing elsewhere. */
async function tenancy(namespace: string): Promise<{ uid: string; tenant: Cluster }> {
  const uid = await createNamespace(house.admin, namespace);
  await house.admin.create(
    { ...resources.roleBindings, namespace },
    {
      metadata: { name: 'tenant' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: `tenant-${namespace}` }],
    },
  );
  return { uid, tenant: await house.as(`tenant-${namespace}`) };
}

const nameOf = (line: string) => line.split(':')[0] ?? '';

const forgedMark = (uid: string) => ({
  labels: { 'app.kubernetes.io/managed-by': 'firebreak' },
  annotations: { 'firebreak.dev/hold': uid },
});

async function contained(namespace: string, mandate: ReturnType<typeof mandateOf>, names = [ours]) {
  const left = await policiesOf(house.admin, namespace);
  expect(left.map(({ metadata }) => metadata.name)).toEqual(names);
  for (const { spec } of left as (KubernetesObject & { spec: object })[]) expect(spec).toEqual(denyAll);
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'in-place',
    verdict: 'evaluated',
  });
}

test.each([
  ['plain', () => ({})],
  ['with a forged mark', forgedMark],
  ['with a finalizer and labels', () => ({ finalizers: ['evil.example/keep'], labels: { a: 'b' } })],
])(
  'a policy of our name that was there before, %s: shown in the plan, taken over, put back exactly',
  async (how, metadata) => {
    const namespace = `squat-${how.replaceAll(' ', '-')}`;
    const { uid, tenant } = await tenancy(namespace);
    await tenant.create(at(namespace), policy(namespace, ours, allowAll, metadata(uid)));
    await tenant.create(at(namespace), policy(namespace, 'allow', allowAll));
    const before = await policiesOf(house.admin, namespace);
    const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
    expect(plan.alreadyHeld).toBeUndefined();
    expect(plan.changes.find(({ object }) => object.name === ours)).toMatchObject({
      verb: 'update',
      summary: expect.stringContaining("bears the quarantine's name"),
    });
    expect(plan.authority.rule).toContain("replace any policy that bears the quarantine's name");
    const mandate = mandateOf(plan, namespace);
    await house.quarantine.apply(contextOf(house.evidence), mandate);
    await contained(namespace, mandate);
    const undone = await house.quarantine.undo(contextOf(house.evidence), mandate);
    expect(undone).toMatchObject({ conflicts: [], notRestored: [] });
    expect(undone.claims.map(({ verdict }) => verdict)).toEqual(['verified', 'verified']);
    expect(await policiesOf(house.admin, namespace)).toEqual(before);
    if (how === 'plain') return;
    // Once more, and by hand this time.
    const again = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
    await house.quarantine.apply(contextOf(house.evidence), mandateOf(again, namespace));
    expect(await releaseWithKit(house, namespace)).toContain(`released: namespace ${namespace}`);
    expect(await policiesOf(house.admin, namespace)).toEqual(before);
    expect(await house.quarantine.undo(contextOf(house.evidence), mandateOf(again, namespace))).toMatchObject(
      { changes: [], conflicts: [] },
    );
    expect(await policiesOf(house.admin, namespace)).toEqual(before);
  },
  60_000,
);

test('a policy of our name that came after the snapshot is kept in evidence, and not put back', async () => {
  const namespace = 'squat-late';
  const { tenant } = await tenancy(namespace);
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  await tenant.create(
    at(namespace),
    policy(namespace, ours, allowAll, { finalizers: ['evil.example/keep'] }),
  );
  // On its way out, and staying for as long as its author likes.
  await tenant.delete(at(namespace, ours));
  const mandate = mandateOf(plan, namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  await contained(namespace, mandate);
  const undone = await house.quarantine.undo(contextOf(house.evidence), mandate);
  expect(undone.conflicts).toEqual([]);
  expect(undone.notRestored).toEqual([
    expect.stringMatching(/^networkpolicies\/firebreak-quarantine: .* kept as evidence sha256:/),
  ]);
  expect(await policiesOf(house.admin, namespace)).toEqual([]);
}, 60_000);

test('whoever deletes, makes and alters our policy as fast as the API answers stops nothing', async () => {
  const namespace = 'squat-race';
  const { tenant } = await tenancy(namespace);
  await tenant.create(at(namespace), policy(namespace, 'allow', allowAll));
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  const over = new AbortController();
  let won = 0;
  const quiet = async (attempt: Promise<unknown>) =>
    attempt.then(
      () => won++,
      () => undefined,
    );
  const each = async (attack: () => Promise<unknown>) => {
    while (!over.signal.aborted) await quiet(attack());
  };
  const evil = policy(namespace, ours, allowAll, { finalizers: ['evil.example/keep'] });
  const attacks = [
    each(() => tenant.create(at(namespace), evil)),
    each(() => tenant.delete(at(namespace, ours))),
    each(() => tenant.patch(at(namespace, ours), { metadata: { finalizers: null } })),
    each(() => tenant.patch(at(namespace, ours), { spec: { egress: [{}] } })),
    each(() => tenant.patch(at(namespace, ours), { metadata: { annotations: { a: String(won) } } })),
  ];
  const mandate = mandateOf(plan, namespace);
  const applied = await house.quarantine
    .apply(contextOf(house.evidence), mandate)
    .finally(() => over.abort());
  await Promise.all(attacks);
  expect(won).toBeGreaterThan(10);
  expect(applied.measures['containedMs']).toBeLessThan(15_000);
  await contained(namespace, mandate);
}, 60_000);

const quotas = { group: '', version: 'v1', resource: 'resourcequotas' };
const policyCount = 'count/networkpolicies.networking.k8s.io';

/** Sets a quota, and waits until the controller has counted: before that it refuses nothing, or everything. */
async function limitPolicies(namespace: string, most: number, by: Cluster = house.admin) {
  const quota = { metadata: { name: 'few' }, spec: { hard: { [policyCount]: String(most) } } };
  const made = { ...quotas, namespace, name: 'few' };
  await by.create({ ...quotas, namespace }, quota).catch(() => by.patch(made, { spec: quota.spec }));
  for (;;) {
    const { status } = await house.admin.get<
      KubernetesObject & { status?: { hard?: { [k: string]: string } } }
    >(made);
    if (status?.hard?.[policyCount] === String(most)) return;
  }
}

test('a quota that has room for all policies only without ours takes them back all the same', async () => {
  const namespace = 'quota-late';
  const { tenant } = await tenancy(namespace);
  for (let index = 0; index < 3; index++)
    await tenant.create(at(namespace), policy(namespace, `p-${index}`, allowAll));
  const before = await policiesOf(house.admin, namespace);
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  const mandate = mandateOf(plan, namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  await limitPolicies(namespace, 3, await house.as('rita', [responderGroup, 'system:masters']));
  expect(await house.quarantine.undo(contextOf(house.evidence), mandate)).toMatchObject({ conflicts: [] });
  expect(await policiesOf(house.admin, namespace)).toEqual(before);
}, 60_000);

test.each([
  ['that allow', allowAll],
  ['that allow nothing', { podSelector: { matchLabels: { no: 'body' } }, policyTypes: ['Ingress'] }],
])(
  'a quota of policies that is filled up with policies %s leaves no room for ours: one of them is turned into it',
  async (what, spec) => {
    const namespace = `quota-${what.split(' ').length}`;
    const { tenant } = await tenancy(namespace);
    for (let index = 0; index < 3; index++)
      await tenant.create(at(namespace), policy(namespace, `p-${index}`, spec));
    await limitPolicies(namespace, 3);
    const before = await policiesOf(house.admin, namespace);
    const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
    const mandate = mandateOf(plan, namespace);
    await house.quarantine.apply(contextOf(house.evidence), mandate);
    expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
      state: 'in-place',
      verdict: 'evaluated',
    });
    const left = await policiesOf(house.admin, namespace);
    expect(left.filter(({ spec: is }) => JSON.stringify(is) === JSON.stringify(denyAll))).toHaveLength(1);
    expect(left.filter(({ spec: is }) => JSON.stringify(is) === JSON.stringify(allowAll))).toEqual([]);
    expect(await house.quarantine.apply(contextOf(house.evidence), mandate)).toMatchObject({ changes: [] });
    expect(await house.quarantine.undo(contextOf(house.evidence), mandate)).toMatchObject({ conflicts: [] });
    expect(await policiesOf(house.admin, namespace)).toEqual(before);
    const again = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
    await house.quarantine.apply(contextOf(house.evidence), mandateOf(again, namespace));
    expect(await releaseWithKit(house, namespace)).toContain('released');
    expect(await policiesOf(house.admin, namespace)).toEqual(before);
  },
  60_000,
);

test('a freeze that cannot be made does not keep the network from being cut', async () => {
  const namespace = 'no-freeze';
  const { uid, tenant } = await tenancy(namespace);
  await tenant.create(at(namespace), policy(namespace, 'allow', allowAll));
  const name = `firebreak-freeze-${uid.slice(0, 13)}`;
  const foreign = {
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: ['x'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['y'] }],
      },
      validations: [{ expression: 'true' }],
    },
  };
  await house.admin.create(resources.validatingAdmissionPolicies, foreign);
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  const mandate = mandateOf(plan, namespace);
  await expect(house.quarantine.apply(contextOf(house.evidence), mandate)).rejects.toMatchObject({
    type: 'Drift',
    message: expect.stringContaining(name),
  });
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([ours]);
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'partial',
    verdict: 'failed',
  });
  await house.admin.delete({ ...resources.validatingAdmissionPolicies, name });
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  await contained(namespace, mandate);
}, 60_000);

test('the cap counts what earlier attempts removed, and the next plan covers all that is there', async () => {
  const namespace = 'capped';
  const { tenant } = await tenancy(namespace);
  await tenant.create(at(namespace), policy(namespace, 'allow', allowAll));
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  const mandate = { ...mandateOf(plan, namespace) };
  mandate.authority = { ...mandate.authority, caps: { policies: 3 } };
  for (let index = 0; index < 6; index++)
    await tenant.create(at(namespace), policy(namespace, `evil-${index}`, allowAll));
  class Killed extends Error {}
  let deletions = 0;
  const atBoundary = (boundary: string) => {
    if (boundary.startsWith('deleted networkpolicies/') && ++deletions === 2) throw new Killed();
  };
  const killed = contextOf(house.evidence, { atBoundary });
  await expect(house.quarantine.apply(killed, mandate)).rejects.toBeInstanceOf(Killed);
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(house.quarantine.apply(contextOf(house.evidence), mandate)).rejects.toMatchObject({
      type: 'BeyondAuthority',
    });
    expect(await policiesOf(house.admin, namespace)).toHaveLength(1 + 4);
  }
  await expect(tenant.create(at(namespace), policy(namespace, 'more', allowAll))).rejects.toMatchObject({
    status: 403,
  });
  const wider = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  expect(wider.authority.caps['policies']).toBeGreaterThan(1_000);
  expect(wider.alreadyHeld).toBe(true);
  // Another incident, under the same hold: the base stays the first holder's.
  const other = { ...mandateOf(wider, namespace, 'inc-2'), base: plan.snapshot };
  await house.quarantine.apply(contextOf(house.evidence), other);
  await contained(namespace, other);
  // Whichever incident releases: what any of them removed is named.
  const undone = await house.quarantine.undo(contextOf(house.evidence), { ...other, incident: 'inc-3' });
  expect(undone.notRestored.map(nameOf).toSorted()).toEqual(
    Array.from({ length: 6 }, (_, index) => `networkpolicies/evil-${index}`),
  );
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual(['allow']);
}, 60_000);

test('a full evidence store blocks neither plan nor containment nor release', async () => {
  const namespace = 'full-store';
  const { tenant } = await tenancy(namespace);
  await tenant.create(at(namespace), policy(namespace, 'allow', allowAll));
  const dir = await mkdtemp(join(tmpdir(), 'firebreak-full-'));
  try {
    const evidence = await openEvidence(dir, { maxTotalBytes: 1, maxArtefactBytes: 1e8 });
    const plan = await house.quarantine.plan(contextOf(evidence), requestFor(namespace));
    await tenant.create(at(namespace), policy(namespace, 'late', allowAll));
    await tenant.create(at(namespace), policy(namespace, ours, allowAll));
    const mandate = mandateOf(plan, namespace);
    const applied = await house.quarantine.apply(contextOf(evidence), mandate);
    expect(applied.unavailable.map(({ what }) => what).toSorted()).toEqual([
      'copy of networkpolicies/firebreak-quarantine',
      'copy of networkpolicies/late',
    ]);
    await contained(namespace, mandate);
    const undone = await house.quarantine.undo(contextOf(evidence), mandate);
    expect(undone.conflicts).toEqual([]);
    expect(undone.notRestored.map(nameOf).toSorted()).toEqual([
      'networkpolicies/firebreak-quarantine',
      'networkpolicies/late',
    ]);
    expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([
      'allow',
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
}, 60_000);

test('a kit that is in the way is no reason not to contain', async () => {
  const namespace = 'kit-squat';
  await tenancy(namespace);
  await house.admin.create(
    { ...resources.configMaps, namespace: 'firebreak' },
    { metadata: { name: `release-${namespace}` }, data: { mine: 'yes' } },
  );
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  const mandate = mandateOf(plan, namespace);
  const applied = await house.quarantine.apply(contextOf(house.evidence), mandate);
  expect(applied.unavailable.map(({ what }) => what)).toEqual([
    "release kit in the cluster's namespace firebreak",
  ]);
  await contained(namespace, mandate);
}, 60_000);
