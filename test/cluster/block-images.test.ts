import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BlockInput } from '../../activities/kubernetes/block-images/contract.ts';
import { policyName } from '../../activities/kubernetes/block-images/policy.ts';
import { refusalOf, ruleOf } from '../../activities/kubernetes/block-images/rule.ts';
import { replaceRunning } from '../../activities/kubernetes/block-images/replace.ts';
import { findRunning } from '../../activities/kubernetes/block-images/running.ts';
import { mandated } from '../../activities/kubernetes/block-images/target.ts';
import { parseImagePolicy } from '../../activities/images/policy.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import { refusals } from '../../domain/guardrails.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import type { Applied, Mandate, Undone } from '../../domain/action.ts';
import type { Intents } from '../support/action-context.ts';
import { changesBy, requestsBy } from '../support/audit-log.ts';
import { admitted, BlockHouse, digestOf, image, makers } from '../support/block-house.ts';
import { runningPods, workload } from '../support/credential-house.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import {
  collectionOf,
  createNamespace,
  engineUser,
  pod,
  responderGroup,
} from '../support/quarantine-house.ts';

const deny = [digestOf('bad')];
const allow = [digestOf('good')];
const policies = resources.validatingAdmissionPolicies;
const bindings = resources.validatingAdmissionPolicyBindings;

const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();
const imagePolicy = parseImagePolicy({
  images: [{ repositories: ['shop.example/**'], signedBy: [{ key: 'release' }] }],
  keys: { release: { pem: publicKey } },
});

let house: BlockHouse;
beforeAll(async () => {
  house = await BlockHouse.open(async () => imagePolicy);
}, 120_000);
afterAll(async () => {
  await house.house.close();
}, 30_000);

const container = (at: string, name = 'app') => ({ name, image: at });
const spec = (at: string) => ({ containers: [container(at)] });
async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test()));
}
const nameOf = (mandate: Mandate<BlockInput>) => policyName(mandated(mandate));
const blocks = async () =>
  [...(await house.admin.list(policies)).items, ...(await house.admin.list(bindings)).items]
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith('firebreak-images-'));

const many = (word: string, count: number) =>
  Array.from({ length: count }, (_, at) => digestOf(`${word}${at}`));
const large = (at: string) =>
  pod('covered', 'x', {}, { containers: Array.from({ length: 100 }, (_, n) => container(at, `c${n}`)) });

describe('what is refused', () => {
  let namespaces: string[];
  beforeAll(async () => {
    namespaces = ['covered', 'beside', 'temporal-fake'];
    for (const name of namespaces) await createNamespace(house.admin, name);
  });

  test('in every kind that makes pods: the denied digest anywhere, in covered namespaces whatever is not listed', async () => {
    const { plan, mandate, applied } = await house.block({ namespaces: ['covered'], deny, allow });
    expect(applied).toMatchObject({
      changes: [{ verb: 'create' }, { verb: 'create' }],
      outputs: {
        denied: 1,
        allowed: 1,
        running: [],
        runningCount: 0,
        blocked: [],
        replaced: 0,
        manifests: 0,
      },
    });
    expect(plan.authority.targets).toMatchObject([{ kind: 'Namespace', name: 'covered' }]);
    const expected: [where: string, at: string, as: string][] = [
      ['beside', image('bad'), 'denied'],
      ['beside', image('good'), 'passes'],
      ['beside', 'shop.example/any:1', 'passes'],
      ['covered', image('bad'), 'denied'],
      ['covered', image('good'), 'passes'],
      ['covered', image('other'), 'not allowed'],
      ['covered', 'shop.example/good:1', 'not allowed'],
      ['temporal-fake', image('bad'), 'passes'],
      ['kube-system', image('bad'), 'passes'],
    ];
    for (const [where, at, as] of expected) {
      for (const object of makers(where, spec(at)))
        expect(`${where} ${object.kind} ${at}: ${await house.admit(object)}`).toBe(
          `${where} ${object.kind} ${at}: ${as}`,
        );
    }
    const onlyThere = [
      { initContainers: [container(image('bad'), 'init')], ...spec(image('good')) },
      { containers: [container(image('good')), container(image('bad'), 'side')] },
      // A sidecar.
      {
        initContainers: [{ ...container(image('bad'), 'side'), restartPolicy: 'Always' }],
        ...spec(image('good')),
      },
    ];
    for (const one of onlyThere) {
      for (const object of makers('beside', one)) expect(await house.admit(object)).toBe('denied');
    }
    expect(await house.house.action.verify(house.context(), mandate)).toMatchObject({
      state: 'in-place',
      verdict: 'verified',
    });
    // Nobody but the responder group, and only with its own objects.
    const [bad = pod('covered', 'x')] = makers('covered', spec(image('bad')));
    expect(await house.admit(bad, await house.house.as('rita', ['system:masters', responderGroup]))).toBe(
      'passes',
    );
    expect(await house.admit(bad, await house.house.as('eve', ['system:masters']))).toBe('denied');
    expect(
      await house.admit(bad, await house.house.as('system:kube-controller-manager', ['system:masters'])),
    ).toBe('denied');

    await house.house.action.undo(house.context(), mandate);
    for (const object of makers('covered', spec(image('bad'))))
      expect(await house.admit(object)).toBe('passes');
    expect(await blocks()).toEqual([]);
  }, 120_000);

  test('images that are written to get past it: the API server and the rule here agree', async () => {
    const good = digestOf('good');
    const bad = digestOf('bad');
    const tricky = [
      `shop.example/a:1@${bad}`,
      `shop.example/a@${bad.toUpperCase()}`,
      `shop.example/a@SHA256:${bad.slice(7)}`,
      `shop.example/a@${bad}@${good}`,
      `shop.example/a@${good}@${bad}`,
      `@${bad}`,
      `@${good}`,
      bad,
      good,
      `shop.example/a@ ${bad}`,
      `shop.example/a@${good} x`,
      `shop.example/a:1@${good}`,
      `shop.example/a@${good.toUpperCase()}`,
      `shop.example/a@sha512:${'a'.repeat(128)}`,
      `shop.example/a@${good}0`,
      `shop.example/a@${good.slice(0, -1)}`,
      `shop.example/a:${good.slice(7)}`,
      `shop.example/a=@${good}`,
      `shop.example/a=b@${bad}`,
      'shop.example/a@',
      'shop.example/a@@',
      `${good}@${good}`,
      `[::1]:5000/a@${good}`,
      `$(IMAGE)@${good}`,
      `shop.example/ſ@${bad}`,
      'a'.repeat(5_000),
    ];
    const input = { namespaces: ['covered'], deny, allow };
    const { mandate } = await house.block(input);
    const words = { denied: 'denied', 'not-pinned': 'not allowed', 'not-allowed': 'not allowed' } as const;
    const answers: string[] = [];
    for (const at of tricky) {
      for (const namespace of ['covered', 'beside']) {
        const refusal = refusalOf(at, namespace, ruleOf(input));
        const answer = await house.admit(pod(namespace, 'x', {}, spec(at)));
        expect(`${namespace} ${at}: ${answer}`).toBe(
          `${namespace} ${at}: ${refusal === undefined ? 'passes' : words[refusal]}`,
        );
        answers.push(answer);
      }
    }
    expect(new Set(answers)).toEqual(new Set(['passes', 'denied', 'not allowed']));
    await house.house.action.undo(house.context(), mandate);
  }, 60_000);

  test('at its full size it is accepted, and an empty list of allowed digests lets nothing start', async () => {
    const full = { namespaces: ['covered'], deny: many('d', 1_000), allow: many('a', 1_500) };
    const { mandate } = await house.block(full);
    expect(await house.admit(large(image('d999')))).toBe('denied');
    for (const word of ['a0', 'a999', 'a1000', 'a1499'])
      expect(await house.admit(large(image(word)))).toBe('passes');
    expect(await house.admit(large(image('a1500')))).toBe('not allowed');
    await house.house.action.undo(house.context(), mandate);

    const nothing = await house.block({ namespaces: ['covered'] });
    expect(nothing.plan.description.ifApproved.join(' ')).toContain('NOTHING new can start in covered');
    expect(await house.admit(pod('covered', 'x', {}, spec(image('good'))))).toBe('not allowed');
    expect(await house.house.action.verify(house.context(), nothing.mandate)).toMatchObject({
      verdict: 'verified',
    });
    await house.house.action.undo(house.context(), nothing.mandate);
  }, 60_000);
});

describe('what is there already', () => {
  test('it goes on, is scaled, labelled and ended; a rollback goes through; what was named as unable to restart is', async () => {
    const namespace = 'existing';
    await createNamespace(house.admin, namespace);
    const create = (object: KubernetesObject) => house.admin.create(collectionOf(object), object);
    await create(
      workload('Deployment', namespace, 'web', {
        containers: [container(image('bad')), container('shop.example/side:1', 'side')],
      }),
    );
    await create(workload('Deployment', namespace, 'fine', spec(image('good'))));
    await create(pod(namespace, 'bare', {}, { ...spec(image('bad')) }));
    await runningPods(house.admin, namespace, 'web', 2);
    const input = { namespaces: [namespace], deny, allow };
    const { plan, mandate, applied } = await house.block(input);
    expect(plan.notCovered.find(({ code }) => code === 'cannot-restart')).toMatchObject({
      objects: [`${namespace}/Deployment/web`],
      count: 1,
    });
    expect(plan.description.ifApproved.join(' ')).toContain(
      '1 workloads will NOT be able to start pods again',
    );
    expect(applied.outputs).toMatchObject({
      blocked: [`${namespace}/Deployment/web`],
      runningCount: 3,
      running: expect.arrayContaining([`${namespace}/bare`]),
    });

    const web = { ...resources.deployments, namespace, name: 'web' };
    const patch = (body: object) => admitted(house.admin.patch(web, body));
    expect(await patch({ spec: { replicas: 3 } })).toBe('passes');
    expect(await patch({ metadata: { labels: { seen: 'yes' }, finalizers: ['shop.example/wait'] } })).toBe(
      'passes',
    );
    expect(await patch({ metadata: { finalizers: null } })).toBe('passes');
    // A container that names it newly is judged, whatever the others name already.
    expect(
      await patch([{ op: 'replace', path: '/spec/template/spec/containers/1/image', value: image('bad') }]),
    ).toBe('denied');
    expect(
      await patch([
        { op: 'replace', path: '/spec/template/spec/containers/1/image', value: 'shop.example/side:2' },
      ]),
    ).toBe('not allowed');
    const pods = await house.admin.list({ ...resources.pods, namespace }, { labelSelector: 'app=web' });
    const [{ metadata } = { metadata: { name: '' } }] = pods.items;
    const one = { ...resources.pods, namespace, name: metadata.name };
    expect(await admitted(house.admin.patch(one, { metadata: { annotations: { seen: 'yes' } } }))).toBe(
      'passes',
    );
    expect(
      await admitted(house.admin.patch({ ...one, subresource: 'status' }, { status: { message: 'seen' } })),
    ).toBe('passes');
    const debug = (at: string) =>
      admitted(
        house.admin.patch(
          { ...one, subresource: 'ephemeralcontainers' },
          { spec: { ephemeralContainers: [container(at, 'debug')] } },
          { dryRun: true },
        ),
      );
    expect(await debug(image('bad'))).toBe('denied');
    expect(await debug('shop.example/tool:1')).toBe('not allowed');
    expect(await debug(image('good'))).toBe('passes');
    expect(
      await admitted(
        house.admin.patch(one, [{ op: 'replace', path: '/spec/containers/0/image', value: image('other') }]),
      ),
    ).toBe('not allowed');

    // Its controller is refused a third pod: no exemption.
    for (;;) {
      const { items } = await house.admin.list<KubernetesObject & { message?: string }>(
        { ...resources.events, namespace },
        { fieldSelector: 'reason=FailedCreate' },
      );
      if (items.some(({ message = '' }) => message.includes('Firebreak denies the digest'))) break;
    }
    await runningPods(house.admin, namespace, 'web', 2);

    // The way back.
    const back = [container(image('good')), container(image('good'), 'side')];
    expect(await patch({ spec: { template: { spec: { containers: back } } } })).toBe('passes');
    await until(async () => {
      const { items } = await findRunning(house.admin, ruleOf(input), AbortSignal.timeout(10_000));
      return items.map(({ name }) => name).join() === 'bare';
    });
    await runningPods(house.admin, namespace, 'web', 3);
    expect(await admitted(house.admin.delete({ ...resources.pods, namespace, name: 'bare' }))).toBe('passes');
    await house.house.action.undo(house.context(), mandate);
  }, 60_000);
});

class Killed extends Error {}

/** Runs a verb again and again: each attempt dies at the first boundary that none has died at. */
async function killedEverywhere<T extends Applied | Undone>(
  verb: (context: ReturnType<BlockHouse['context']>) => Promise<T>,
  intents: Intents = new Map(),
): Promise<{ result: T; killedAt: Set<string> }> {
  const killedAt = new Set<string>();
  for (;;) {
    const atBoundary = (name: string) => {
      if (killedAt.has(name)) return;
      killedAt.add(name);
      throw new Killed(name);
    };
    try {
      return { result: await verb(house.context({ atBoundary, intents })), killedAt };
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
}

const changes = () => changesBy(house.house.kubernetes.auditLogFile, engineUser, { withNamespaces: true });

describe('kills, others, and conflicts', () => {
  test('killed at every boundary of apply and undo it ends the same, and nothing is written twice', async () => {
    await createNamespace(house.admin, 'killed');
    const { mandate } = await house.plan({ namespaces: ['killed'], deny, allow });
    const { action } = house.house;
    let earlier = (await changes()).length;
    const applied = await killedEverywhere((context) => action.apply(context, mandate));
    const name = nameOf(mandate);
    const objects = [
      `validatingadmissionpolicies.admissionregistration.k8s.io/${name}`,
      `validatingadmissionpolicybindings.admissionregistration.k8s.io/${name}`,
    ];
    expect([...applied.killedAt]).toEqual(
      expect.arrayContaining(objects.flatMap((what) => [`create ${what}`, `created ${what}`])),
    );
    expect((await changes()).slice(earlier)).toEqual([
      `create validatingadmissionpolicies//${name}`,
      `create validatingadmissionpolicybindings//${name}`,
    ]);
    expect(applied.result).toMatchObject({ changes: [], already: 2, outputs: { policy: name } });
    expect(await action.verify(house.context(), mandate)).toMatchObject({
      state: 'in-place',
      verdict: 'verified',
    });

    earlier = (await changes()).length;
    const undone = await killedEverywhere((context) => action.undo(context, mandate));
    expect([...undone.killedAt]).toEqual(
      expect.arrayContaining(objects.flatMap((what) => [`delete ${what}`, `deleted ${what}`])),
    );
    expect((await changes()).slice(earlier)).toEqual([
      `delete validatingadmissionpolicybindings//${name}`,
      `delete validatingadmissionpolicies//${name}`,
    ]);
    expect(undone.result).toMatchObject({ conflicts: [], claims: [{ verdict: 'verified' }] });
    expect(await action.verify(house.context(), mandate)).toMatchObject({
      state: 'absent',
      verdict: 'failed',
    });
  }, 60_000);

  test('two incidents over the same namespace stand side by side; the last one to let go takes both away', async () => {
    const namespace = 'shared';
    await createNamespace(house.admin, namespace);
    await createNamespace(house.admin, 'not-shared');
    const { action } = house.house;
    const apart = await house.block({ namespaces: ['not-shared'], deny, allow }, 'inc-0');
    const one = await house.block({ namespaces: [namespace], allow: [...allow, digestOf('both')] }, 'inc-1');
    const again = await house.plan({ namespaces: [namespace], allow: [...allow, digestOf('both')] }, 'inc-2');
    expect(again.plan).toMatchObject({ alreadyHeld: true });
    expect(again.plan.authority).toEqual(one.plan.authority);
    expect(await action.apply(house.context(), again.mandate)).toMatchObject({ changes: [], already: 2 });

    const other = await house.plan(
      { namespaces: [namespace], deny, allow: [digestOf('both'), digestOf('new')] },
      'inc-3',
    );
    expect(other.plan.notCovered.find(({ code }) => code === 'stricter-block')).toMatchObject({ count: 1 });
    await action.apply(house.context(), other.mandate);
    const admit = (word: string) => house.admit(pod(namespace, 'x', {}, spec(image(word))));
    expect([await admit('both'), await admit('good'), await admit('new')]).toEqual([
      'passes',
      'not allowed',
      'not allowed',
    ]);
    for (const { mandate } of [one, other])
      expect(['verified', 'evaluated']).toContain((await action.verify(house.context(), mandate)).verdict);
    // Each by its own base: the hold hands the first one's to all.
    const undone = await action.undo(house.context(), { ...other.mandate, base: one.plan.snapshot });
    expect(undone.changes).toHaveLength(4);
    expect([await admit('good'), await admit('bad')]).toEqual(['passes', 'denied']);
    expect(await blocks()).toHaveLength(2);
    await action.undo(house.context(), apart.mandate);
    expect(await admit('bad')).toBe('passes');
  }, 60_000);

  test('what was altered is put right by apply, and kept by undo; what bears its name and no mark is drift', async () => {
    await createNamespace(house.admin, 'altered');
    const { action } = house.house;
    const { mandate } = await house.block({ namespaces: ['altered'], deny, allow });
    const name = nameOf(mandate);
    const weaken = async () => {
      await house.admin.patch({ ...policies, name }, { spec: { failurePolicy: 'Ignore' } });
      await house.admin.patch({ ...bindings, name }, { spec: { validationActions: ['Audit'] } });
    };
    await weaken();
    expect(await action.verify(house.context(), mandate)).toMatchObject({
      state: 'partial',
      verdict: 'failed',
    });
    expect(await action.apply(house.context(), mandate)).toMatchObject({
      changes: [{ verb: 'update' }, { verb: 'update' }],
    });
    expect(await action.verify(house.context(), mandate)).toMatchObject({ verdict: 'verified' });
    await weaken();
    expect((await action.undo(house.context(), mandate)).conflicts).toHaveLength(2);
    expect(await blocks()).toEqual([name, name]);
    await house.admin.patch({ ...policies, name }, { metadata: { labels: null } });
    await expect(action.apply(house.context(), mandate)).rejects.toMatchObject({ type: failureTypes.drift });
    for (const resource of [bindings, policies]) await house.admin.delete({ ...resource, name });
    // The API server forgets it with a delay.
    const bad = pod('altered', 'x', {}, spec(image('bad')));
    await until(async () => (await house.admit(bad)) === 'passes');
  }, 60_000);

  test('the authority binds the lists; protected and supporting namespaces are refused', async () => {
    await createNamespace(house.admin, 'bound');
    const { action } = house.house;
    const { mandate } = await house.plan({ namespaces: ['bound'], deny, allow });
    for (const input of [
      { ...mandate.input, allow: [...allow, digestOf('sneaked')] },
      { ...mandate.input, deny: [] },
      { ...mandate.input, namespaces: ['beside'] },
      { ...mandate.input, replace: true },
    ])
      await expect(action.apply(house.context(), { ...mandate, input })).rejects.toMatchObject({
        type: failureTypes.refused,
      });
    const policy = { protectedNamespaces: [], maxNamespaces: 5, maxPods: 50, automatic: [] };
    const judge = async (input: object) =>
      refusals(policy, 'contain', (await house.plan(input)).plan.facts).map(({ code }) => code);
    expect(await judge({ namespaces: ['bound'], deny, allow })).toEqual([]);
    expect(await judge({ deny })).toEqual([]);
    expect(await judge({ namespaces: ['kube-system'], allow })).toEqual(['FB3101']);
    await createNamespace(house.admin, 'plugin');
    const cni = [{ name: 'cni', hostPath: { path: '/etc/cni/net.d' } }];
    const plugin = workload('DaemonSet', 'plugin', 'cni', {
      ...spec(image('bad')),
      hostNetwork: true,
      volumes: cni,
    });
    await house.admin.create(collectionOf(plugin), plugin);
    await until(async () => (await judge({ deny })).join() === 'FB3103');
    await house.admin.delete({ ...resources.daemonSets, namespace: 'plugin', name: 'cni' });
  }, 60_000);
});

const refuseAll = (kind: string, spec: object) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: `ValidatingAdmissionPolicy${kind}`,
  // Policies refuse in the order of their names, if in any.
  metadata: { name: 'a-freeze' },
  spec,
});

const crd = (group: string, plural: string, kind: string, version: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Cluster',
    names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

describe('beside others', () => {
  test('denied digests alone are a hold of the cluster; where something else refuses first, it is computed', async () => {
    const { action } = house.house;
    const { plan, mandate } = await house.block({ deny });
    expect(plan.authority.targets).toMatchObject([
      { kind: 'Cluster', name: 'shop-1', uid: expect.any(String) },
    ]);
    expect(plan.facts).toMatchObject([{ namespace: '', principal: 'admission/images', supports: [] }]);
    expect(await action.verify(house.context(), mandate)).toMatchObject({ verdict: 'verified' });
    await action.undo(house.context(), mandate);

    await createNamespace(house.admin, 'frozen');
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }];
    await house.admin.create(
      policies,
      refuseAll('', { matchConstraints: { resourceRules: rules }, validations: [{ expression: 'false' }] }),
    );
    await house.admin.create(
      bindings,
      refuseAll('Binding', {
        policyName: 'a-freeze',
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'frozen' } } },
      }),
    );
    await until(async () => (await house.admit(pod('frozen', 'x', {}, spec('x')))).startsWith('otherwise'));
    const masked = await house.block({ namespaces: ['frozen'], allow });
    const { claims, verdict, state } = await action.verify(house.context(), masked.mandate);
    expect(state).toBe('in-place');
    // Which policy the API server tells of is its choice.
    expect(['verified', 'evaluated']).toContain(verdict);
    expect(claims.find(({ claim }) => claim.startsWith('an allowed digest'))).toMatchObject({
      verdict: 'evaluated',
    });
    for (const resource of [bindings, policies]) await house.admin.delete({ ...resource, name: 'a-freeze' });
    await action.undo(house.context(), masked.mandate);
  }, 60_000);

  test("what the image policy says is kept for the cluster's verifiers, and applied by nobody", async () => {
    const definitions = [
      crd('policy.sigstore.dev', 'clusterimagepolicies', 'ClusterImagePolicy', 'v1beta1'),
      crd('kyverno.io', 'clusterpolicies', 'ClusterPolicy', 'v1'),
    ];
    for (const definition of definitions) await house.admin.create(collectionOf(definition), definition);
    await until(async () => {
      const served = (await house.admin.groups()).map(({ name }) => name);
      return served.includes('policy.sigstore.dev') && served.includes('kyverno.io');
    });
    const { applied, mandate } = await house.block({ deny });
    expect(applied.outputs).toMatchObject({ manifests: 2 });
    expect(applied.artefacts).toHaveLength(2);
    const texts = await Promise.all(
      applied.artefacts.map(async (ref) => new TextDecoder().decode(await house.house.evidence.get(ref))),
    );
    for (const text of texts) expect(text).toContain(JSON.stringify(publicKey).slice(1, -1));
    const records = await house.house.evidence.index('inc-1');
    expect(records.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['block/policy-controller.json', 'block/kyverno.json']),
    );
    for (const {
      spec: { group, names, versions },
    } of definitions) {
      const [version] = versions;
      const location = { group, version: version?.name ?? '', resource: names.plural };
      await until(async () => (await admitted(house.admin.list(location))) === 'passes');
      expect((await house.admin.list(location)).items).toEqual([]);
    }
    await house.house.action.undo(house.context(), mandate);
  }, 60_000);
});

describe('replacement', () => {
  test('evicts what its controller makes better, as budgets allow, and says what it leaves; killed anywhere it counts the same', async () => {
    const namespace = 'replaced';
    await createNamespace(house.admin, namespace);
    const create = (object: KubernetesObject) => house.admin.create(collectionOf(object), object);
    const onDelete = { updateStrategy: { type: 'OnDelete' } };
    await create(
      workload('StatefulSet', namespace, 'set', spec(image('bad')), { ...onDelete, serviceName: 'set' }),
    );
    await create(workload('DaemonSet', namespace, 'daemon', spec(image('bad')), onDelete));
    await create(workload('Deployment', namespace, 'web', spec(image('good'))));
    await create(workload('Deployment', namespace, 'stuck', spec(image('bad'))));
    await create(workload('DaemonSet', namespace, 'held', spec(image('bad')), onDelete));
    await create(pod(namespace, 'bare', {}, spec(image('bad'))));
    const [, , controller] = makers(namespace, spec(image('bad')));
    if (controller === undefined) throw new Error('there is none');
    await create({
      ...controller,
      metadata: { name: 'old', namespace },
      spec: {
        selector: { app: 'old' },
        template: { metadata: { labels: { app: 'old' } }, spec: spec(image('bad')) },
      },
    });
    const budget = (app: string, maxUnavailable: number) => ({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: app, namespace },
      spec: { selector: { matchLabels: { app } }, maxUnavailable },
    });
    await create(budget('set', 1));
    await create({
      ...budget('held', 0),
      spec: { selector: { matchLabels: { app: 'held' } }, minAvailable: 1 },
    });
    const before = {
      set: await runningPods(house.admin, namespace, 'set', 2),
      daemon: await runningPods(house.admin, namespace, 'daemon', 1),
      web: await runningPods(house.admin, namespace, 'web', 2),
      old: await runningPods(house.admin, namespace, 'old', 1),
      held: await runningPods(house.admin, namespace, 'held', 1),
    };
    await runningPods(house.admin, namespace, 'stuck', 2);
    const better = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: image('good') }];
    await house.admin.patch({ ...resources.statefulSets, namespace, name: 'set' }, better);
    await house.admin.patch({ ...resources.daemonSets, namespace, name: 'daemon' }, better);
    await house.admin.patch({ ...resources.daemonSets, namespace, name: 'held' }, better);
    await house.admin.patch(
      { group: '', version: 'v1', resource: 'replicationcontrollers', namespace, name: 'old' },
      better,
    );
    // One pod of a good Deployment, into which somebody put a denied container.
    const [first] = (await house.admin.list({ ...resources.pods, namespace }, { labelSelector: 'app=web' }))
      .items;
    await house.admin.patch(
      { ...resources.pods, namespace, name: first?.metadata.name ?? '', subresource: 'ephemeralcontainers' },
      { spec: { ephemeralContainers: [container(image('bad'), 'debug')] } },
    );
    // And one of which only the node says it: its spec names the tag.
    const tagged = await create(pod(namespace, 'tagged', {}, spec('shop.example/bad:1')));
    await until(async () => {
      const found = await house.admin.get<
        KubernetesObject & { status?: { phase?: string; containerStatuses?: object[] } }
      >({ ...resources.pods, namespace, name: tagged.metadata.name });
      return found.status?.phase === 'Running';
    });
    const status = {
      containerStatuses: [
        {
          name: 'app',
          image: 'shop.example/bad:1',
          imageID: image('bad'),
          ready: true,
          restartCount: 0,
          state: { running: {} },
        },
      ],
    };
    await house.admin.patch(
      { ...resources.pods, namespace, name: 'tagged', subresource: 'status' },
      { status },
    );

    const { plan, mandate } = await house.plan({ namespaces: [namespace], deny, allow, replace: true });
    expect(plan.authority.caps).toEqual({ pods: 20 });
    expect(plan.facts[0]).toMatchObject({ namespace, pods: 6 });
    // One budget never lets go.
    const running = await findRunning(house.admin, ruleOf(mandate.input), AbortSignal.timeout(10_000));
    expect(running.items).toHaveLength(10);
    const intents: Intents = new Map();
    const work = {
      ...mandated(mandate),
      cluster: house.house.engine,
      context: house.context({ intents }),
      responderGroup,
    };
    const part = await replaceRunning(work, running.items, 8_000);
    expect(part.gone).toBe(5);
    expect(part.left).toEqual([
      `${namespace}/bare: it has no controller: nobody would start another`,
      expect.stringMatching(/^replaced\/held-\w+: a PodDisruptionBudget does not let it go$/),
      expect.stringMatching(
        /^replaced\/stuck-\S+: the template of Deployment stuck is refused as well \(denied\)/,
      ),
      expect.stringMatching(
        /^replaced\/stuck-\S+: the template of Deployment stuck is refused as well \(denied\)/,
      ),
      `${namespace}/tagged: it has no controller: nobody would start another`,
    ]);
    await house.admin.delete({ ...resources.podDisruptionBudgets, namespace, name: 'held' });
    const { result, killedAt } = await killedEverywhere(
      (context) => house.house.action.apply(context, mandate),
      intents,
    );
    expect([...killedAt].filter((name) => name.startsWith('evict'))).toHaveLength(2);
    expect(result.outputs).toMatchObject({ replaced: 6, runningCount: 4, notReplaced: { length: 4 } });
    expect(await house.house.action.verify(house.context(), mandate)).toMatchObject({ verdict: 'verified' });
    for (const [app, uids] of Object.entries(before)) {
      const after = await runningPods(house.admin, namespace, app, uids.length);
      expect(after.filter((uid) => uids.includes(uid))).toHaveLength(app === 'web' ? 1 : 0);
    }
    await house.house.action.undo(house.context(), mandate);
  }, 90_000);
});

test('the permissions are those that were used', async () => {
  const requests = await requestsBy(house.house.kubernetes.auditLogFile, engineUser);
  expect(kubernetesPermissionsUsed(house.house.action, requests)).toEqual({ unused: [], undeclared: [] });
});
