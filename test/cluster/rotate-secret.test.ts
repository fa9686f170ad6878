import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import { rolloutOf } from '../../activities/kubernetes/restart/rollout.ts';
import type { Workload } from '../../activities/kubernetes/workload/kinds.ts';
import { rotateSecret } from '../../activities/kubernetes/rotate-secret.ts';
import type { RotateInput } from '../../activities/kubernetes/secret/contract.ts';
import { secretStores } from '../../activities/secrets/index.ts';
import { Secret, type SecretStore } from '../../domain/secret.ts';
import { Grep } from '../../testbed/grep.ts';
import { contextOf, type Intents } from '../support/action-context.ts';
import { changesBy, requestsBy } from '../support/audit-log.ts';
import {
  mandateFor,
  openCredentialHouse,
  runningPods,
  workload,
  type CredentialHouse,
} from '../support/credential-house.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { collectionOf, createNamespace, engineUser } from '../support/quarantine-house.ts';

const oldPassword = 'correct-horse-battery-staple';
const namedPassword = 'a-value-that-another-store-holds';

/** Holds one value; nothing is written to it. */
const vault: SecretStore = {
  name: 'vault',
  describe: (path) => `secret ${path} in the vault`,
  read: async (path) => (path === 'db/new' ? { value: new Secret(namedPassword), version: '1' } : undefined),
  write: () => Promise.reject(new Error('nothing is written here')),
  previous: async () => undefined,
};

/** What the passwords are for: it knows one at a time. */
let accepted = oldPassword;
let asked: string[] = [];
const endpoint = createServer((request, response) => {
  const given = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64').toString('utf8');
  asked.push(given);
  response.writeHead(given === `shop:${accepted}` ? 200 : 401).end();
});

let house: CredentialHouse<RotateInput>;
let check: NonNullable<RotateInput['check']>;
beforeAll(async () => {
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  const { port } = endpoint.address() as AddressInfo;
  check = { as: 'basic', url: `http://127.0.0.1:${port}/health`, username: 'shop', withinSeconds: 10 };
  const secrets = secretStores([vault]);
  house = await openCredentialHouse(({ clusters }) => rotateSecret({ clusters, secrets }));
}, 120_000);
afterAll(async () => {
  endpoint.close();
  await house.close();
}, 30_000);

async function planned(namespace: string, more: Partial<RotateInput> = {}) {
  const given = { cluster: 'shop-1', namespace, secret: 'db', key: 'password', ...more };
  const request = { incident: 'inc-1', step: 'rotate', input: house.action.input.parse(given) };
  const plan = await house.action.plan(contextOf(house.evidence), request);
  return { plan, mandate: mandateFor(request, plan) };
}

interface SecretObject extends KubernetesObject {
  data: { [key: string]: string };
}

async function create(...objects: KubernetesObject[]) {
  for (const object of objects) await house.admin.create(collectionOf(object), object);
}

/** A namespace with the Secret as `kubectl apply` leaves it: with a copy of its values in an annotation. */
async function prepare(namespace: string, rest: object = {}) {
  accepted = oldPassword;
  asked = [];
  await createNamespace(house.admin, namespace);
  const stringData = { user: 'shop', password: oldPassword };
  await create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'db',
      namespace,
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ stringData }) },
    },
    stringData,
    ...rest,
  });
}

const secretAt = (namespace: string) => ({ ...resources.secrets, namespace, name: 'db' });

async function valuesOf(namespace: string): Promise<{ [key: string]: string }> {
  const { data } = await house.admin.get<SecretObject>(secretAt(namespace));
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** Everything that the evidence store keeps. */
async function evidenceText(): Promise<string> {
  const entries = await readdir(house.evidenceDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')));
  return texts.join('\n');
}

const consumers: { [app: string]: object } = {
  env: {
    containers: [
      {
        name: 'app',
        image: 'shop.invalid/app:1',
        env: [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } }],
      },
    ],
  },
  envfrom: {
    containers: [{ name: 'app', image: 'shop.invalid/app:1', envFrom: [{ secretRef: { name: 'db' } }] }],
  },
  volume: { volumes: [{ name: 'v', secret: { secretName: 'db' } }] },
  projected: { volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'db' } }] } }] },
  pulling: { imagePullSecrets: [{ name: 'db' }] },
};

test('a generated value: every consumer restarts, the old value is refused, and neither is anywhere else', async () => {
  const namespace = 'rotated';
  await prepare(namespace);
  await create(
    ...Object.entries(consumers).map(([app, spec]) =>
      workload(
        kindOf[app] ?? 'Deployment',
        namespace,
        app,
        spec,
        kindOf[app] === 'DaemonSet' ? {} : { replicas: 1 },
      ),
    ),
    workload('Deployment', namespace, 'other', {}, { replicas: 1 }),
  );
  const apps = Object.keys(consumers);
  const before = new Map<string, string[]>();
  for (const app of [...apps, 'other']) before.set(app, await runningPods(house.admin, namespace, app, 1));

  const { plan, mandate } = await planned(namespace, { check });
  expect(plan).toMatchObject({
    authority: { undo: 'none', caps: { workloads: 50 }, rule: expect.stringContaining(check.url) },
    facts: [{ namespace, pods: 5 }],
    changeCount: 6,
  });
  // The endpoint takes the new value over once it has restarted.
  const atBoundary = async (name: string) => {
    if (name === 'restarted deployments/env') accepted = (await valuesOf(namespace))['password'] ?? '';
  };
  const context = contextOf(house.evidence, { atBoundary });
  const applied = await house.action.apply(context, mandate);
  expect(applied.outputs).toMatchObject({ restarted: 5, notRestarted: [], oldValueRefused: true });
  const now = await valuesOf(namespace);
  const password = now['password'] ?? '';
  expect(now).toEqual({ user: 'shop', password: expect.stringMatching(/^[A-Za-z0-9]{32}$/) });

  const verified = await house.action.verify(contextOf(house.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });
  expect(verified.claims.map(({ claim }) => claim)).toEqual([
    `secrets/${namespace}/db holds the new value under password`,
    `5 workloads in ${namespace} were restarted, and run with the new value`,
    `the old value is refused at ${check.url}`,
    `the new value is accepted at ${check.url}`,
  ]);
  for (const app of apps)
    expect(await runningPods(house.admin, namespace, app, 1)).not.toEqual(before.get(app));
  expect(await runningPods(house.admin, namespace, 'other', 1)).toEqual(before.get('other'));

  const grep = new Grep({ old: oldPassword, new: password });
  const told = JSON.stringify([plan, mandate, applied, verified, context.boundaries]);
  expect(grep.in([told, await evidenceText()].join('\n'))).toEqual([]);
  // Written since by somebody else: what is known of the value is less.
  await house.admin.patch(secretAt(namespace), { metadata: { labels: { touched: 'yes' } } });
  const again = await house.action.verify(contextOf(house.evidence), mandate);
  expect(again.claims[0]).toMatchObject({ verdict: 'evaluated' });
}, 120_000);

const kindOf: { [app: string]: 'StatefulSet' | 'DaemonSet' } = {
  volume: 'StatefulSet',
  projected: 'DaemonSet',
};

class Killed extends Error {}

test('killed at every boundary, with a value from a store: written once, and a trial that was lost is said', async () => {
  const namespace = 'killed';
  await prepare(namespace);
  await create(workload('Deployment', namespace, 'web', consumers['env']));
  await runningPods(house.admin, namespace, 'web', 2);
  const { mandate } = await planned(namespace, { from: 'vault/db/new', check });
  const earlier = (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;
  const intents: Intents = new Map();
  const killedAt = new Set<string>();
  let applied;
  while (applied === undefined) {
    const atBoundary = (name: string) => {
      if (killedAt.has(name)) return;
      killedAt.add(name);
      throw new Killed(name);
    };
    try {
      applied = await house.action.apply(contextOf(house.evidence, { atBoundary, intents }), mandate);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  expect([...killedAt]).toEqual(
    expect.arrayContaining([
      `write secrets/${namespace}/db`,
      `wrote secrets/${namespace}/db`,
      'restart deployments/web',
      'restarted deployments/web',
      'kept the proof',
    ]),
  );
  const changes = (await changesBy(house.kubernetes.auditLogFile, engineUser)).slice(earlier);
  expect(changes).toEqual(['patch secrets/db', 'patch deployments/web']);
  expect(await valuesOf(namespace)).toEqual({ user: 'shop', password: namedPassword });
  expect(applied.outputs['oldValueRefused']).toBe(false);
  expect(applied.unavailable).toEqual([
    { what: 'a trial of the old value', why: expect.stringContaining('took it with it') },
  ]);
  accepted = namedPassword;
  const { claims } = await house.action.verify(contextOf(house.evidence), mandate);
  expect(claims.map(({ verdict }) => verdict)).toEqual(['verified', 'verified', 'unverifiable', 'verified']);
}, 120_000);

test('an old value that goes on being accepted is a failure; one that never was, no proof', async () => {
  const namespace = 'stubborn';
  await prepare(namespace);
  const stubborn = await planned(namespace, { check });
  const applied = await house.action.apply(contextOf(house.evidence), stubborn.mandate);
  expect(applied.outputs['oldValueRefused']).toBe(false);
  const failed = await house.action.verify(contextOf(house.evidence), stubborn.mandate);
  expect(failed.claims.slice(-2).map(({ verdict }) => verdict)).toEqual(['failed', 'failed']);

  accepted = 'something else';
  const never = await planned(namespace, { check });
  await house.action.apply(contextOf(house.evidence), never.mandate);
  const unknown = await house.action.verify(contextOf(house.evidence), never.mandate);
  expect(unknown.claims.at(-2)).toMatchObject({
    verdict: 'unverifiable',
    detail: 'the old value was not accepted before: HTTP 401',
  });
}, 120_000);

test('a trial outlives the attempt that made it; budgets are kept, those that share one follow each other', async () => {
  const namespace = 'budgets';
  await prepare(namespace);
  await create(
    ...['one', 'two'].map((app) => workload('StatefulSet', namespace, app, consumers['env'])),
    workload('StatefulSet', namespace, 'held', consumers['env']),
  );
  const budget = (name: string, apps: string[], minAvailable: number) => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { minAvailable, selector: { matchExpressions: [{ key: 'app', operator: 'In', values: apps }] } },
  });
  for (const app of ['one', 'two', 'held']) await runningPods(house.admin, namespace, app, 2);
  await create(budget('shared', ['one', 'two'], 3), budget('strict', ['held'], 2));
  for (;;) {
    interface Budget extends KubernetesObject {
      status?: { expectedPods?: number };
    }
    const { items } = await house.admin.list<Budget>({ ...resources.podDisruptionBudgets, namespace });
    const expected = items.map(({ status }) => status?.expectedPods);
    if (expected.includes(4) && expected.includes(2)) break;
  }
  const { plan, mandate } = await planned(namespace, { check });
  expect(plan.notCovered.find(({ code }) => code === 'not-restarted-budget')?.objects).toEqual([
    'statefulsets/held',
  ]);
  const intents: Intents = new Map();
  const order: string[] = [];
  const atBoundary = async (name: string) => {
    if (name.startsWith('restart ') || name === 'await rollout') order.push(name);
    if (name === 'restart statefulsets/two') {
      const first = await house.admin.get<Workload>({ ...resources.statefulSets, namespace, name: 'one' });
      expect(rolloutOf(first).done).toBe(true);
      accepted = (await valuesOf(namespace))['password'] ?? '';
    }
    if (name === 'kept the proof') throw new Killed(name);
  };
  const killed = house.action.apply(contextOf(house.evidence, { atBoundary, intents }), mandate);
  await expect(killed).rejects.toThrow(Killed);
  expect(order.filter((name) => name !== 'await rollout')).toEqual([
    'restart statefulsets/one',
    'restart statefulsets/two',
  ]);
  const applied = await house.action.apply(contextOf(house.evidence, { intents }), mandate);
  expect(applied).toMatchObject({
    changes: [],
    already: 3,
    outputs: { restarted: 2, notRestarted: ['statefulsets/held (budget)'], oldValueRefused: true },
    unavailable: [{ what: 'restart of statefulsets/held' }],
  });
}, 120_000);

test('drift, a namesake, what must not be rotated, a source that is not there: nothing is written', async () => {
  const namespace = 'refused';
  await prepare(namespace);
  const drifted = await planned(namespace);
  await house.admin.patch(secretAt(namespace), { stringData: { password: 'changed-by-a-person' } });
  await expect(house.action.apply(contextOf(house.evidence), drifted.mandate)).rejects.toMatchObject({
    type: 'Drift',
  });
  expect((await valuesOf(namespace))['password']).toBe('changed-by-a-person');

  const raced = await planned(namespace);
  const atBoundary = async (name: string) => {
    if (name === `write secrets/${namespace}/db`)
      await house.admin.patch(secretAt(namespace), { stringData: { password: 'changed-just-now' } });
  };
  await expect(
    house.action.apply(contextOf(house.evidence, { atBoundary }), raced.mandate),
  ).rejects.toMatchObject({ type: 'Drift' });
  expect((await valuesOf(namespace))['password']).toBe('changed-just-now');

  const elsewhere = { ...raced.mandate, input: { ...raced.mandate.input, key: 'user' } };
  await expect(house.action.apply(contextOf(house.evidence), elsewhere)).rejects.toMatchObject({
    type: 'Drift',
  });
  await expect(planned(namespace, { from: 'vault/missing' })).rejects.toMatchObject({ type: 'FB3227' });
  await expect(planned(namespace, { from: 'nowhere/x' })).rejects.toMatchObject({ type: 'FB3401' });
  await expect(planned(namespace, { key: 'token' })).rejects.toMatchObject({ type: 'FB3227' });

  const namesake = await planned(namespace);
  await house.admin.delete(secretAt(namespace));
  await create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'db', namespace },
    stringData: { password: 'x' },
    immutable: true,
  });
  await expect(house.action.apply(contextOf(house.evidence), namesake.mandate)).rejects.toMatchObject({
    type: 'TargetGone',
  });
  await expect(planned(namespace)).rejects.toMatchObject({ message: expect.stringContaining('immutable') });
  await house.admin.delete(secretAt(namespace));
  await expect(planned(namespace)).rejects.toMatchObject({ type: 'TargetGone' });
}, 60_000);

test('what admission says of the value it was sent is not repeated', async () => {
  const namespace = 'talkative';
  await prepare(namespace);
  const policies = resources.validatingAdmissionPolicies;
  await house.admin.create(policies, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'talkative' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['secrets'] },
        ],
      },
      validations: [{ expression: 'false', messageExpression: "'no: ' + string(object.data['password'])" }],
    },
  });
  await house.admin.create(resources.validatingAdmissionPolicyBindings, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'talkative' },
    spec: { policyName: 'talkative', validationActions: ['Deny'] },
  });
  const refusal = async () =>
    house.admin.patch(secretAt(namespace), { metadata: { labels: { probe: 'yes' } } }, { dryRun: true }).then(
      () => '',
      (error: Error) => error.message,
    );
  while (!(await refusal()).includes('no: ')) await new Promise((resolve) => setTimeout(resolve, 50));
  const { mandate } = await planned(namespace, { from: 'vault/db/new' });
  const error = await house.action.apply(contextOf(house.evidence), mandate).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error?.message).toContain('cannot write secrets/talkative/db');
  expect(
    new Grep({ named: namedPassword }).in(JSON.stringify([error, error?.message, error?.stack])),
  ).toEqual([]);
  expect((await valuesOf(namespace))['password']).toBe(oldPassword);
}, 60_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(house.kubernetes.auditLogFile, engineUser);
  expect(kubernetesPermissionsUsed(house.action, requests)).toEqual({ unused: [], undeclared: [] });
});
