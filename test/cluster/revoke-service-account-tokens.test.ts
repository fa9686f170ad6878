import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { quarantineNamespace } from '../../activities/kubernetes/quarantine-namespace.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import { revokeServiceAccountTokens } from '../../activities/kubernetes/revoke-service-account-tokens.ts';
import { clusterRegistry } from '../../activities/kubernetes/client.ts';
import { meaning } from '../../activities/kubernetes/quarantine/marks.ts';
import type { RevokeInput } from '../../activities/kubernetes/service-account/contract.ts';
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
import {
  collectionOf,
  createNamespace,
  engineUser,
  mandateOf,
  pod,
  requestFor as quarantineRequest,
} from '../support/quarantine-house.ts';

const roleArn = 'arn:aws:iam::111122223333:role/shop';

let house: CredentialHouse<RevokeInput>;
/** Which requests of the engine another action made. */
let ofQuarantine = { from: 0, count: 0 };
beforeAll(async () => {
  const beside = quarantineNamespace({ clusters: clusterRegistry([]), responderGroup: 'responders' });
  house = await openCredentialHouse(revokeServiceAccountTokens, [beside]);
}, 120_000);
afterAll(async () => {
  await house.close();
}, 30_000);

function requestFor(namespace: string, serviceAccount: string, more: Partial<RevokeInput> = {}) {
  const given = { cluster: 'shop-1', namespace, serviceAccount, ...more };
  return { incident: 'inc-1', step: 'revoke', input: house.action.input.parse(given) };
}

async function planned(namespace: string, serviceAccount: string, more: Partial<RevokeInput> = {}) {
  const request = requestFor(namespace, serviceAccount, more);
  const plan = await house.action.plan(contextOf(house.evidence), request);
  return { plan, mandate: mandateFor(request, plan) };
}

const accountAt = (namespace: string, name: string) => ({ ...resources.serviceAccounts, namespace, name });

async function create(...objects: KubernetesObject[]) {
  for (const object of objects) await house.admin.create(collectionOf(object), object);
}

function account(
  namespace: string,
  name: string,
  metadata: object = {},
  rest: object = {},
): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, ...metadata }, ...rest };
}

/** A token as it could be stolen, and where it can be tried: the account may list the ConfigMaps of its namespace. */
async function steal(namespace: string, name: string) {
  await create(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  );
  const mint = async () => {
    const { status } = await house.admin.create<KubernetesObject & { status: { token: string } }>(
      { ...accountAt(namespace, name), subresource: 'token' },
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
    );
    return status.token;
  };
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  return { token: await mint(), mint, use: (token: string) => house.statusWith(token, path) };
}

test('a stolen token works before and is refused after, workloads get new pods, and nothing of the account is lost', async () => {
  const namespace = 'stolen';
  await createNamespace(house.admin, namespace);
  const made = account(
    namespace,
    'web',
    {
      labels: { team: 'shop' },
      annotations: { 'eks.amazonaws.com/role-arn': roleArn, note: 'as it was' },
      finalizers: ['example.com/keep'],
    },
    {
      imagePullSecrets: [{ name: 'pull' }],
      secrets: [{ name: 'mountable' }],
      automountServiceAccountToken: false,
    },
  );
  await create(
    made,
    workload('Deployment', namespace, 'web', { serviceAccountName: 'web' }),
    workload('StatefulSet', namespace, 'db', { serviceAccountName: 'web' }),
    workload('DaemonSet', namespace, 'agent', { serviceAccountName: 'web' }),
    workload('Deployment', namespace, 'other'),
    workload('Deployment', namespace, 'suspect', { serviceAccountName: 'web' }),
    pod(namespace, 'alone', {}, { serviceAccountName: 'web' }),
  );
  const stolen = await steal(namespace, 'web');
  expect(await stolen.use(stolen.token)).toBe(200);
  const before = {
    web: await runningPods(house.admin, namespace, 'web', 2),
    db: await runningPods(house.admin, namespace, 'db', 2),
    agent: await runningPods(house.admin, namespace, 'agent', 1),
    other: await runningPods(house.admin, namespace, 'other', 2),
    suspect: await runningPods(house.admin, namespace, 'suspect', 2),
  };
  const old = await house.admin.get(accountAt(namespace, 'web'));

  const { plan, mandate } = await planned(namespace, 'web', { suspects: { labels: { app: 'suspect' } } });
  expect(plan).toMatchObject({
    authority: { undo: 'none', targets: [{ kind: 'ServiceAccount', uid: old.metadata.uid }] },
    undo: { kind: 'none' },
    facts: [{ namespace, supports: [], pods: 5 }],
  });
  const codes = new Map(plan.notCovered.map(({ code, objects }) => [code, objects]));
  expect(codes.get('cloud-identity')).toEqual([`eks.amazonaws.com/role-arn=${roleArn}`]);
  expect(codes.get('bindings')).toContain(`RoleBinding ${namespace}/web: Role web, by ServiceAccount`);
  expect(codes.get('not-restarted-suspect')).toEqual(['deployments/suspect']);
  expect(codes.get('not-restarted-bare-pod')).toEqual(['pods/alone']);
  expect([...codes.keys()]).toEqual(expect.arrayContaining(['offline-verifiers', 'open-connections']));

  const context = contextOf(house.evidence);
  const applied = await house.action.apply(context, mandate);
  expect(await stolen.use(stolen.token)).toBe(401);
  expect(applied.outputs).toMatchObject({
    previousUid: old.metadata.uid,
    oldTokenRefused: true,
    restarted: 3,
    notRestarted: expect.arrayContaining(['pods/alone (bare-pod)', 'deployments/suspect (suspect)']),
  });
  expect(applied.measures['tokenSeenRefusedForMs']).toBeGreaterThan(10_000);

  const now = await house.admin.get(accountAt(namespace, 'web'));
  expect(now.metadata.uid).not.toBe(old.metadata.uid);
  expect(now.metadata.uid).toBe(applied.outputs['uid']);
  expect(meaning(now)).toEqual(meaning(old));

  const verified = await house.action.verify(contextOf(house.evidence), mandate);
  expect(verified.claims.map(({ claim, verdict }) => [verdict, claim])).toEqual([
    ['verified', `tokens of the account with UID ${old.metadata.uid} are refused by the API server`],
    ['verified', 'the account has the labels, annotations, owners, pull secrets and settings that it had'],
    ['verified', `new tokens of ${namespace}/web are accepted`],
    ['verified', `3 workloads in ${namespace} were restarted, and run with new tokens`],
    ['unverifiable', `everything else in ${namespace} that uses it runs with new tokens`],
  ]);
  expect(verified.state).toBe('in-place');
  expect(await stolen.use(await stolen.mint())).toBe(200);

  for (const app of ['web', 'db', 'agent'] as const) {
    const after = await runningPods(house.admin, namespace, app, before[app].length);
    expect(after.filter((uid) => before[app].includes(uid))).toEqual([]);
  }
  expect(await runningPods(house.admin, namespace, 'other', 2)).toEqual(before.other);
  expect(await runningPods(house.admin, namespace, 'suspect', 2)).toEqual(before.suspect);
  await expect(house.action.undo(contextOf(house.evidence), mandate)).rejects.toMatchObject({
    type: 'Refused',
    message: expect.stringContaining('FB3226'),
  });
}, 120_000);

function ownerOf({ apiVersion, kind, metadata: { name, uid = '' } }: KubernetesObject) {
  return { apiVersion, kind, name, uid };
}

const mounting = (name: string) => ({ volumes: [{ name: 'token', secret: { secretName: name } }] });

class Killed extends Error {}

test('killed at every boundary: the account comes back as it was, nothing twice, and what was not measured is said', async () => {
  const namespace = 'killed';
  await createNamespace(house.admin, namespace);
  await create(
    account(namespace, 'web', { annotations: { note: 'as it was' }, finalizers: ['example.com/keep'] }),
    workload('Deployment', namespace, 'web', { serviceAccountName: 'web' }),
  );
  await runningPods(house.admin, namespace, 'web', 2);
  const stolen = await steal(namespace, 'web');
  const old = await house.admin.get(accountAt(namespace, 'web'));
  const { mandate } = await planned(namespace, 'web');
  const earlier = (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;

  const intents: Intents = new Map();
  const killedAt: string[] = [];
  let applied;
  while (applied === undefined) {
    const passed = new Set(killedAt);
    // Each attempt dies at the first boundary that none has died at; the questions to the API server have one name.
    const atBoundary = (name: string) => {
      if (passed.has(name)) return;
      killedAt.push(name);
      throw new Killed(name);
    };
    try {
      applied = await house.action.apply(contextOf(house.evidence, { atBoundary, intents }), mandate);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  expect(killedAt).toEqual(
    expect.arrayContaining([
      'intended revoke',
      'mint a token of serviceaccounts/web',
      'delete serviceaccounts/web',
      'deleted serviceaccounts/web',
      'unfinalize serviceaccounts/web',
      'unfinalized serviceaccounts/web',
      'create serviceaccounts/web',
      'created serviceaccounts/web',
      'restart deployments/web',
      'restarted deployments/web',
      'kept the proof',
    ]),
  );
  const changes = (await changesBy(house.kubernetes.auditLogFile, engineUser)).slice(earlier);
  expect(changes.filter((change) => !change.includes('tokenreviews'))).toEqual([
    'delete serviceaccounts/web',
    'patch serviceaccounts/web',
    'create serviceaccounts/web',
    'patch deployments/web',
  ]);
  expect(meaning(await house.admin.get(accountAt(namespace, 'web')))).toEqual(meaning(old));
  expect(await stolen.use(stolen.token)).toBe(401);
  expect(applied.outputs['oldTokenRefused']).toBe(false);
  const { claims } = await house.action.verify(contextOf(house.evidence), mandate);
  expect(claims[0]).toMatchObject({
    verdict: 'evaluated',
    detail: expect.stringContaining('no old token was tried'),
  });
  expect(claims.slice(1).map(({ verdict }) => verdict)).toEqual(['verified', 'verified', 'verified']);
}, 180_000);

test('default comes back bare by itself, and is completed; a frozen namespace is no obstacle', async () => {
  const namespace = 'frozen';
  await createNamespace(house.admin, namespace);
  const arn = { 'eks.amazonaws.com/role-arn': roleArn };
  await house.admin.patch(accountAt(namespace, 'default'), {
    metadata: { annotations: arn },
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'pull' }],
  });
  await create(workload('Deployment', namespace, 'web'));
  const before = await runningPods(house.admin, namespace, 'web', 2);
  const old = await house.admin.get(accountAt(namespace, 'default'));
  const stolen = await steal(namespace, 'default');

  const quarantine = quarantineNamespace({
    clusters: clusterRegistry([house.engine]),
    responderGroup: 'responders',
  });
  const asked = async () => (await requestsBy(house.kubernetes.auditLogFile, engineUser)).length;
  const from = await asked();
  const held = await quarantine.plan(contextOf(house.evidence), {
    ...quarantineRequest(namespace),
    input: { cluster: 'shop-1', namespace },
  });
  await quarantine.apply(contextOf(house.evidence), {
    ...mandateOf(held, namespace),
    input: { cluster: 'shop-1', namespace },
  });
  ofQuarantine = { from, count: (await asked()) - from };

  const { mandate } = await planned(namespace, 'default');
  // The controller has made it anew by the time that the engine looks.
  const atBoundary = async (name: string) => {
    if (name !== 'deleted serviceaccounts/default') return;
    for (;;) {
      const found = await house.admin.get(accountAt(namespace, 'default')).catch(() => undefined);
      if (found !== undefined && found.metadata.uid !== old.metadata.uid) return;
    }
  };
  const applied = await house.action.apply(contextOf(house.evidence, { atBoundary }), mandate);
  expect(applied.changes.map(({ verb, object }) => `${verb} ${object.kind}`)).toEqual([
    'delete ServiceAccount',
    'update ServiceAccount',
    'update Deployment',
  ]);
  expect(meaning(await house.admin.get(accountAt(namespace, 'default')))).toEqual(meaning(old));
  expect(await stolen.use(stolen.token)).toBe(401);
  const verified = await house.action.verify(contextOf(house.evidence), mandate);
  expect(verified).toMatchObject({ state: 'in-place', verdict: 'verified' });
  const after = await runningPods(house.admin, namespace, 'web', 2);
  expect(after.filter((uid) => before.includes(uid))).toEqual([]);
}, 120_000);

test('token Secrets die with the account, are issued again only where asked, and their tokens are never read', async () => {
  const namespace = 'legacy';
  await createNamespace(house.admin, namespace);
  const tokenSecret = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: {
      name,
      namespace,
      labels: { for: 'ci' },
      annotations: { 'kubernetes.io/service-account.name': 'web' },
    },
  });
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'unreadable', namespace } };
  const unreadable = await house.admin.create({ ...resources.configMaps, namespace }, configMap);
  const owning = workload('Deployment', namespace, 'owner', {}, { replicas: 0 });
  const living = await house.admin.create({ ...resources.deployments, namespace }, owning);
  await create(
    account(namespace, 'web', { ownerReferences: [ownerOf(living), ownerOf(unreadable)] }),
    tokenSecret('kept'),
    tokenSecret('lost'),
    workload('Deployment', namespace, 'uses-kept', mounting('kept')),
    workload('Deployment', namespace, 'uses-lost', mounting('lost')),
  );
  await runningPods(house.admin, namespace, 'uses-lost', 2);
  const stolen = await steal(namespace, 'web');
  const tokenOf = async (name: string) => {
    for (;;) {
      const { data } = await house.admin.get<KubernetesObject & { data?: { token?: string } }>({
        ...resources.secrets,
        namespace,
        name,
      });
      if (data?.token !== undefined) return Buffer.from(data.token, 'base64').toString('utf8');
    }
  };
  const [kept, lost] = [await tokenOf('kept'), await tokenOf('lost')];
  expect(await stolen.use(kept)).toBe(200);

  await expect(planned(namespace, 'web', { reissue: ['missing'] })).rejects.toMatchObject({ type: 'FB3227' });
  const { plan, mandate } = await planned(namespace, 'web', { reissue: ['kept'] });
  const codes = new Map(plan.notCovered.map(({ code, objects }) => [code, objects]));
  expect(codes.get('token-secrets')).toEqual(['lost']);
  expect(codes.get('not-restarted-breaks')).toEqual(['deployments/uses-lost']);
  // The measurement outlives the attempt that made it.
  const intents: Intents = new Map();
  const atBoundary = (name: string) => {
    if (name === 'kept the proof') throw new Killed(name);
  };
  const killed = house.action.apply(contextOf(house.evidence, { atBoundary, intents }), mandate);
  await expect(killed).rejects.toThrow(Killed);
  const applied = await house.action.apply(contextOf(house.evidence, { intents }), mandate);
  expect(applied.outputs).toMatchObject({ oldTokenRefused: true });
  expect(applied.unavailable.map(({ what }) => what)).toEqual([
    'owner ConfigMap unreadable of the account',
    'restart of deployments/uses-lost',
  ]);
  const remade = await house.admin.get(accountAt(namespace, 'web'));
  expect(remade.metadata.ownerReferences).toEqual([ownerOf(living)]);
  expect(applied.outputs).toMatchObject({ tokenSecrets: ['kept', 'lost'], reissued: ['kept'] });
  expect([await stolen.use(kept), await stolen.use(lost)]).toEqual([401, 401]);
  const fresh = await tokenOf('kept');
  expect(await stolen.use(fresh)).toBe(200);
  const again = await house.admin.get({ ...resources.secrets, namespace, name: 'kept' });
  expect(again.metadata.labels).toMatchObject({ for: 'ci' });
  const verified = await house.action.verify(contextOf(house.evidence), mandate);
  expect(verified.claims).toContainEqual({
    claim: 'the 2 token Secrets that the account had are gone',
    verdict: 'verified',
    detail: 'listed by their UIDs',
  });
  const grep = new Grep({ kept, lost, fresh, stolen: stolen.token });
  const full = new TextDecoder().decode(await house.evidence.get(plan.full));
  const snapshot = new TextDecoder().decode(await house.evidence.get(plan.snapshot));
  expect(grep.in([JSON.stringify([plan, applied, verified]), full, snapshot].join('\n'))).toEqual([]);
}, 120_000);

test('drift, a namesake, another maker: refused, and nothing is overwritten', async () => {
  const namespace = 'drift';
  await createNamespace(house.admin, namespace);
  await create(account(namespace, 'edited'), account(namespace, 'namesake'), account(namespace, 'raced'));

  const edited = await planned(namespace, 'edited');
  await house.admin.patch(accountAt(namespace, 'edited'), { metadata: { annotations: { now: 'other' } } });
  const untouched = await house.admin.get(accountAt(namespace, 'edited'));
  await expect(house.action.apply(contextOf(house.evidence), edited.mandate)).rejects.toMatchObject({
    type: 'Drift',
  });
  expect(await house.admin.get(accountAt(namespace, 'edited'))).toEqual(untouched);

  const namesake = await planned(namespace, 'namesake');
  await house.admin.delete(accountAt(namespace, 'namesake'));
  const intents: Intents = new Map();
  const gone = house.action.apply(contextOf(house.evidence, { intents }), namesake.mandate);
  await expect(gone).rejects.toMatchObject({
    type: 'TargetGone',
    message: expect.stringContaining('FB3225'),
  });
  await create(account(namespace, 'namesake'));
  await expect(
    house.action.apply(contextOf(house.evidence, { intents: new Map() }), namesake.mandate),
  ).rejects.toMatchObject({ type: 'TargetGone' });

  const raced = await planned(namespace, 'raced');
  const atBoundary = async (name: string) => {
    if (name === 'create serviceaccounts/raced')
      await create(account(namespace, 'raced', { annotations: { 'eks.amazonaws.com/role-arn': roleArn } }));
  };
  await expect(
    house.action.apply(contextOf(house.evidence, { atBoundary }), raced.mandate),
  ).rejects.toMatchObject({ type: 'Drift', message: expect.stringContaining('role-arn') });
  // The old tokens are dead all the same, and that is kept.
  const { claims } = await house.action.verify(contextOf(house.evidence), raced.mandate);
  expect(claims.slice(0, 2).map(({ verdict }) => verdict)).toEqual(['verified', 'failed']);
  const theirs = await house.admin.get(accountAt(namespace, 'raced'));
  expect(theirs.metadata.annotations).toEqual({ 'eks.amazonaws.com/role-arn': roleArn });

  await expect(planned(namespace, 'missing')).rejects.toMatchObject({ type: 'TargetGone' });
  const elsewhere = { ...edited.mandate, input: { ...edited.mandate.input, serviceAccount: 'raced' } };
  await expect(house.action.apply(contextOf(house.evidence), elsewhere)).rejects.toMatchObject({
    type: 'Refused',
  });
}, 120_000);

test('two workers at once are as one', async () => {
  const namespace = 'twice';
  await createNamespace(house.admin, namespace);
  await create(
    account(namespace, 'web', { annotations: { note: 'as it was' } }),
    workload('Deployment', namespace, 'web', { serviceAccountName: 'web' }),
  );
  await runningPods(house.admin, namespace, 'web', 2);
  const old = await house.admin.get(accountAt(namespace, 'web'));
  const { mandate } = await planned(namespace, 'web');
  const earlier = (await changesBy(house.kubernetes.auditLogFile, engineUser)).length;
  const intents: Intents = new Map();
  const both = await Promise.all(
    [1, 2].map(() => house.action.apply(contextOf(house.evidence, { intents }), mandate)),
  );
  expect(new Set(both.map(({ outputs }) => outputs['uid'])).size).toBe(1);
  const changes = (await changesBy(house.kubernetes.auditLogFile, engineUser)).slice(earlier);
  expect(changes.filter((change) => change.endsWith('serviceaccounts/web'))).toEqual([
    'delete serviceaccounts/web',
    'create serviceaccounts/web',
  ]);
  expect(meaning(await house.admin.get(accountAt(namespace, 'web')))).toEqual(meaning(old));
  const { metadata } = await house.admin.get({ ...resources.deployments, namespace, name: 'web' });
  // One for its creation, one for the restart.
  expect(metadata.generation).toBe(2);
}, 120_000);

test('every right is used, and nothing else was asked for', async () => {
  const { from, count } = ofQuarantine;
  const requests = (await requestsBy(house.kubernetes.auditLogFile, engineUser)).toSpliced(from, count);
  expect(kubernetesPermissionsUsed(house.action, requests)).toEqual({
    unused: [],
    // An owner of another kind is looked for, refused, and told of.
    undeclared: ['get configmaps/unreadable'],
  });
});
