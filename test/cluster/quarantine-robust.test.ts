import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clusterRegistry, createCluster } from '../../activities/kubernetes/client.ts';
import { kubernetesActions } from '../../activities/kubernetes/index.ts';
import { resources } from '../../activities/kubernetes/resources.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import { contextOf } from '../support/action-context.ts';
import { changesBy } from '../support/audit-log.ts';
import {
  createNamespace,
  engineUser,
  mandateOf,
  openHouse,
  policiesOf,
  policy,
  requestFor,
  responderGroup,
  type House,
} from '../support/quarantine-house.ts';
import { noImages } from '../support/no-images.ts';

const run = promisify(execFile);

const secrets = secretStores([]);
let house: House;
beforeAll(async () => {
  house = await openHouse();
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

const allowAll = { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] };
const allowDns = {
  podSelector: {},
  policyTypes: ['Egress'],
  egress: [{ ports: [{ protocol: 'UDP', port: 53 }] }],
};

function at(namespace: string, name?: string) {
  return { ...resources.networkPolicies, namespace, ...(name === undefined ? {} : { name }) };
}

async function planned(
  namespace: string,
  specs: { [name: string]: object } = { allow: allowAll, dns: allowDns },
) {
  await createNamespace(house.admin, namespace);
  for (const [name, spec] of Object.entries(specs))
    await house.admin.create(at(namespace), policy(namespace, name, spec));
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  return { plan, mandate: mandateOf(plan, namespace), before: await policiesOf(house.admin, namespace) };
}

class Killed extends Error {}

/** Runs a verb again and again, killed at the first boundary, then at the second … until it gets through. */
async function killedEverywhere(
  verb: 'apply' | 'undo',
  mandate: Awaited<ReturnType<typeof planned>>['mandate'],
) {
  for (let at = 1; ; at++) {
    let boundary = 0;
    const atBoundary = () => {
      if (++boundary === at) throw new Killed();
    };
    const context = contextOf(house.evidence, { atBoundary });
    try {
      return { kills: at - 1, result: await house.quarantine[verb](context, mandate) };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

test('killed at every boundary of apply and undo: the same end, and no change twice', async () => {
  const namespace = 'killed';
  const { mandate, before } = await planned(namespace);
  const earlier = (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;
  const applied = await killedEverywhere('apply', mandate);
  expect(applied.kills).toBeGreaterThan(2);
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'in-place',
  });
  const undone = await killedEverywhere('undo', mandate);
  expect(undone.kills).toBeGreaterThan(2);
  expect(undone.result).toMatchObject({ conflicts: [], notRestored: [] });
  expect(await policiesOf(house.admin, namespace)).toEqual(before);

  const changes = (await changesBy(house.kubernetes.auditLogFile, engineUser)).slice(earlier);
  const freeze = `firebreak-freeze-${String(mandate.authority.targets[0]?.uid).slice(0, 13)}`;
  expect(changes.toSorted()).toEqual(
    [
      'create configmaps/release-killed',
      'create networkpolicies/firebreak-quarantine',
      `create validatingadmissionpolicies/${freeze}`,
      `create validatingadmissionpolicybindings/${freeze}`,
      'delete networkpolicies/allow',
      'delete networkpolicies/dns',
      'create networkpolicies/allow',
      'create networkpolicies/dns',
      'delete networkpolicies/firebreak-quarantine',
      `delete validatingadmissionpolicies/${freeze}`,
      `delete validatingadmissionpolicybindings/${freeze}`,
      'delete configmaps/release-killed',
    ].toSorted(),
  );
}, 120_000);

test('two workers at once are as one', async () => {
  const namespace = 'twice';
  const { mandate, before } = await planned(namespace);
  const both = await Promise.all(
    [1, 2].map(() => house.quarantine.apply(contextOf(house.evidence), mandate)),
  );
  expect(
    both.flatMap(({ changes }) => changes.map(({ verb, object }) => `${verb} ${object.kind} ${object.name}`))
      .length,
  ).toBeGreaterThanOrEqual(6);
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'in-place',
  });
  const undone = await Promise.all(
    [1, 2].map(() => house.quarantine.undo(contextOf(house.evidence), mandate)),
  );
  expect(undone.flatMap(({ conflicts }) => conflicts)).toEqual([]);
  expect(await policiesOf(house.admin, namespace)).toEqual(before);
}, 60_000);

test('an attacker who keeps adding and altering policies is contained, and delays nothing', async () => {
  const namespace = 'raced';
  const { mandate } = await planned(namespace);
  let added = 0;
  const over = new AbortController();
  const attack = (async () => {
    while (!over.signal.aborted) {
      const evil = policy(namespace, `evil-${added}`, allowAll, { finalizers: ['evil.example/keep'] });
      await house.admin.create(at(namespace), evil).then(
        () => added++,
        () => undefined,
      );
      const mine = at(namespace, 'firebreak-quarantine');
      await house.admin.patch(mine, { spec: { egress: [{}] } }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const context = contextOf(house.evidence);
  const applied = await house.quarantine.apply(context, mandate);
  over.abort();
  await attack;
  expect(added).toBeGreaterThan(0);
  expect(applied.measures['containedMs']).toBeLessThan(15_000);
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([
    'firebreak-quarantine',
  ]);
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'in-place',
  });
  expect(applied.artefacts.length).toBeGreaterThanOrEqual(1 + added);
  const undone = await house.quarantine.undo(contextOf(house.evidence), mandate);
  expect(undone.conflicts).toEqual([]);
  expect(new Set(undone.notRestored.map((line) => line.split(':')[0]))).toEqual(
    new Set([
      ...Array.from({ length: added }, (_, index) => `networkpolicies/evil-${index}`),
      // What the attacker made of ours, if any of it stood long enough to be seen.
      ...undone.notRestored
        .map((line) => line.split(':')[0])
        .filter((name) => name?.endsWith('/firebreak-quarantine')),
    ]),
  );
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([
    'allow',
    'dns',
  ]);
}, 60_000);

test("a third party's edit is a conflict that is named and kept", async () => {
  const namespace = 'edited';
  const { mandate } = await planned(namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  const rita = await house.as('rita', [responderGroup, 'system:masters']);
  await rita.create(at(namespace), policy(namespace, 'allow', allowDns));
  await rita.patch(at(namespace, 'firebreak-quarantine'), { metadata: { labels: { reviewed: 'yes' } } });
  expect(await house.quarantine.verify(contextOf(house.evidence), mandate)).toMatchObject({
    state: 'partial',
    verdict: 'failed',
  });
  const undone = await house.quarantine.undo(contextOf(house.evidence), mandate);
  expect(undone.conflicts.map(({ object }) => object)).toEqual([
    'networkpolicies/allow',
    'networkpolicies.networking.k8s.io/firebreak-quarantine',
  ]);
  expect((await policiesOf(house.admin, namespace)).map(({ metadata }) => metadata.name)).toEqual([
    'allow',
    'dns',
    'firebreak-quarantine',
  ]);
  expect((await house.admin.get(at(namespace, 'allow')))['spec']).toEqual(allowDns);
  expect(undone.claims.map(({ verdict }) => verdict)).toEqual(['failed', 'verified']);
}, 60_000);

test('more than was authorised: everything within the cap is removed, then it asks again', async () => {
  const namespace = 'many';
  const { mandate } = await planned(namespace, { a: allowAll, b: allowAll, c: allowAll });
  const capped = { ...mandate, authority: { ...mandate.authority, caps: { policies: 2 } } };
  await expect(house.quarantine.apply(contextOf(house.evidence), capped)).rejects.toMatchObject({
    type: 'BeyondAuthority',
  });
  expect(await policiesOf(house.admin, namespace)).toHaveLength(2);
  await expect(house.quarantine.apply(contextOf(house.evidence), capped)).rejects.toMatchObject({
    type: 'BeyondAuthority',
  });
  expect(await policiesOf(house.admin, namespace)).toHaveLength(2);
  expect(await house.quarantine.undo(contextOf(house.evidence), mandate)).toMatchObject({ conflicts: [] });
}, 60_000);

test('the release kit restores with kubectl alone, as a responder, and twice does no harm', async () => {
  const namespace = 'kit';
  const { mandate, before } = await planned(namespace);
  await house.quarantine.apply(contextOf(house.evidence), mandate);
  const kubeconfig = await house.kubernetes.kubeconfigFor('rita', [responderGroup]);
  const kubectl = `${house.kubernetes.kubectl} --kubeconfig ${kubeconfig}`;
  const { stdout: script } = await run('sh', [
    '-c',
    `${kubectl} get configmap release-kit -n firebreak -o 'jsonpath={.data.release\\.sh}'`,
  ]);
  const release = () => run('sh', ['-c', script], { env: { ...process.env, KUBECTL: kubectl } });
  expect((await release()).stdout).toContain('released: namespace kit');
  expect(await policiesOf(house.admin, namespace)).toEqual(before);
  const undone = await house.quarantine.undo(contextOf(house.evidence), mandate);
  expect(undone).toMatchObject({ changes: [], conflicts: [] });
  expect((await release()).stdout).toContain('kept: networkpolicy allow is there already');

  await house.admin.delete({ ...resources.namespaces, name: namespace });
  for (;;)
    if (
      await house.admin.get({ ...resources.namespaces, name: namespace }).then(
        () => false,
        () => true,
      )
    )
      break;
  await createNamespace(house.admin, namespace);
  await expect(release()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('refused: namespace kit is another one'),
  });
}, 60_000);

test('missing, terminating, replaced, protected: refused before anything is written', async () => {
  const { quarantine, evidence, admin } = house;
  await expect(quarantine.plan(contextOf(evidence), requestFor('nowhere'))).rejects.toMatchObject({
    type: 'TargetGone',
  });
  await expect(quarantine.plan(contextOf(evidence), requestFor('../x'))).rejects.toMatchObject({
    type: 'FB3209',
  });

  const { mandate } = await planned('fading');
  await admin.create(
    { ...resources.configMaps, namespace: 'fading' },
    { metadata: { name: 'holds-on', finalizers: ['example.com/hold'] } },
  );
  await admin.delete({ ...resources.namespaces, name: 'fading' });
  await expect(quarantine.plan(contextOf(evidence), requestFor('fading'))).rejects.toMatchObject({
    type: 'TargetGone',
  });
  const context = contextOf(evidence);
  await expect(quarantine.apply(context, mandate)).rejects.toMatchObject({ type: 'TargetGone' });
  expect(context.boundaries).toEqual([]);

  const [target] = mandate.authority.targets;
  if (target === undefined) throw new Error('no target');
  const { mandate: other } = await planned('replaced');
  const replaced = {
    ...other,
    authority: { ...other.authority, targets: [{ ...target, name: 'replaced' }] },
  };
  await expect(quarantine.apply(context, replaced)).rejects.toMatchObject({ type: 'TargetGone' });
  const system = {
    ...other,
    input: { cluster: 'shop-1', namespace: 'kube-system' },
    authority: { ...other.authority, targets: [{ ...target, name: 'kube-system' }] },
  };
  await expect(quarantine.apply(context, system)).rejects.toMatchObject({ type: 'Refused' });
  expect(context.boundaries).toEqual([]);
}, 60_000);

test('a namespace that serves the cluster is named as such', async () => {
  const namespace = 'webhooks';
  await createNamespace(house.admin, namespace);
  const configuration = {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    resource: 'validatingwebhookconfigurations',
  };
  await house.admin.create(configuration, {
    metadata: { name: 'guard' },
    webhooks: [
      {
        name: 'guard.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        clientConfig: { service: { namespace, name: 'guard' } },
        rules: [
          { apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] },
        ],
      },
    ],
  });
  const plan = await house.quarantine.plan(contextOf(house.evidence), requestFor(namespace));
  expect(plan.facts[0]?.supports).toEqual([
    'it serves ValidatingWebhookConfiguration guard with failurePolicy Fail',
  ]);
}, 60_000);

test('a verb that RBAC does not grant, and a cluster that is down, are said clearly', async () => {
  const nobody = await house.as('nobody');
  const [powerless] = kubernetesActions({
    clusters: clusterRegistry([nobody]),
    responderGroup,
    secrets,
    images: noImages,
  });
  await expect(powerless?.plan(contextOf(house.evidence), requestFor('default'))).rejects.toMatchObject({
    type: 'FB3202',
    nonRetryable: true,
    message: expect.stringMatching(/cannot (get namespaces|list \w+).*forbidden.*grant it/s),
  });
  const [elsewhere] = kubernetesActions({
    clusters: clusterRegistry([]),
    responderGroup,
    secrets,
    images: noImages,
  });
  await expect(elsewhere?.plan(contextOf(house.evidence), requestFor('default'))).rejects.toMatchObject({
    type: 'FB3201',
  });

  const away = createCluster({
    name: 'shop-1',
    environment: 'staging',
    kubeconfig: house.kubernetes.adminKubeconfig,
  });
  const [unreachable] = kubernetesActions({
    clusters: clusterRegistry([away]),
    responderGroup,
    secrets,
    images: noImages,
  });
  await house.kubernetes.stopApiServer();
  try {
    await expect(unreachable?.plan(contextOf(house.evidence), requestFor('default'))).rejects.toMatchObject({
      type: 'FB3200',
      nonRetryable: false,
      message: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
    });
  } finally {
    await house.kubernetes.startApiServer();
    await away.close();
  }
}, 60_000);
