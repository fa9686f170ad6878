import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, expect, test } from '@jest/globals';
import type { Cluster } from '../../../activities/kubernetes/client.ts';
import { clusterRegistry } from '../../../activities/kubernetes/client.ts';
import { collectEvidence } from '../../../activities/kubernetes/collect-evidence.ts';
import { beating } from '../../../activities/kubernetes/evidence/heartbeat.ts';
import { KubernetesError } from '../../../activities/kubernetes/errors.ts';
import { pathOf } from '../../../activities/kubernetes/resources.ts';
import type { KubernetesObject, Location } from '../../../activities/kubernetes/resources.ts';
import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import type { EvidenceRecord, EvidenceStore } from '../../../domain/evidence.ts';
import { openEvidence } from '../../../stores/evidence.ts';
import { readingContext } from '../../support/action-context.ts';
import { temporaryDirectory } from '../../support/store-processes.ts';

type Answers = { [path: string]: KubernetesObject | KubernetesObject[] | KubernetesError };
type Logs = { [query: string]: () => Readable };

const object = (kind: string, name: string, more: object = {}, meta: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, uid: `uid-${kind}-${name}`, ...meta },
  ...more,
});
const owner = (apiVersion: string, kind: string, name: string) => ({
  apiVersion,
  kind,
  name,
  uid: `uid-${kind}-${name}`,
});
const refuse = (status: number, message = 'refused') =>
  new KubernetesError({ cluster: 'prod', operation: 'read' }, { status, reason: 'x', message });

let dir: string;
let evidence: EvidenceStore;
let answers: Answers;
let logs: Logs;
let asked: string[];

beforeEach(async () => {
  dir = await temporaryDirectory();
  evidence = await openEvidence(dir, { maxTotalBytes: 50e6, maxArtefactBytes: 20e6 });
  asked = [];
  const web = object(
    'Pod',
    'web-1',
    {
      spec: {
        containers: [{ name: 'app', image: 'shop:1', env: [{ name: 'PASSWORD', value: 'hunter2-secret' }] }],
      },
      status: { containerStatuses: [{ name: 'app', imageID: 'registry/shop@sha256:abc' }] },
    },
    { ownerReferences: [owner('apps/v1', 'ReplicaSet', 'web')] },
  );
  answers = {
    '/api/v1/namespaces/shop': object('Namespace', 'shop'),
    '/api/v1/namespaces/shop/pods': [web],
    '/apis/apps/v1/namespaces/shop/replicasets/web': object(
      'ReplicaSet',
      'web',
      {},
      {
        ownerReferences: [owner('apps/v1', 'Deployment', 'web')],
      },
    ),
    '/apis/apps/v1/namespaces/shop/deployments/web': object('Deployment', 'web'),
    '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings': [
      object('ClusterRoleBinding', 'ours', {
        subjects: [{ kind: 'ServiceAccount', name: 'web', namespace: 'shop' }],
      }),
      object('ClusterRoleBinding', 'ours-by-group', {
        subjects: [{ kind: 'Group', name: 'system:serviceaccounts:shop' }],
      }),
      object('ClusterRoleBinding', 'theirs', {
        subjects: [{ kind: 'ServiceAccount', name: 'web', namespace: 'shop2' }],
      }),
      object('ClusterRoleBinding', 'empty', { subjects: null }),
    ],
  };
  logs = { 'web-1 app': () => Readable.from([Buffer.from('line 1\n'), Buffer.from('line 2\n')]) };
});

const kinds: { [group: string]: [string, string][] } = {
  apps: [
    ['replicasets', 'ReplicaSet'],
    ['deployments/scale', 'Deployment'],
    ['deployments', 'Deployment'],
  ],
  '': [
    ['secrets', 'Secret'],
    ['configmaps', 'ConfigMap'],
  ],
};

async function answer(location: Location): Promise<unknown> {
  const path = pathOf(location);
  asked.push(path);
  const found = answers[path];
  if (found instanceof Error) throw found;
  return found;
}

/** An API that answers from `answers` and `logs`, and nothing else: any call that the action should not make fails the test. */
function cluster(): Cluster {
  const fake: Partial<Cluster> = {
    name: 'prod',
    environment: 'production',
    list: async (location) => ({ items: ((await answer(location)) ?? []) as never[], resourceVersion: '1' }),
    get: async (location) => {
      const found = await answer(location);
      if (found === undefined) throw refuse(404, 'not found');
      return found as never;
    },
    stream: async (location, query, options) => {
      const tail = query['tailLines'] === undefined ? '' : ' tail';
      const previous = query['previous'] === undefined ? '' : ' previous';
      asked.push(`${pathOf(location)}${previous}${tail}`);
      const found = logs[`${location.name} ${query['container']}${previous}${tail}`];
      if (found === undefined) throw refuse(400, 'previous terminated container not found');
      const stream = found();
      options?.signal?.addEventListener('abort', () => stream.destroy(new Error('aborted')));
      return stream;
    },
    apiResources: async ({ group }) =>
      (kinds[group] ?? []).map(([name, kind]) => ({ name, kind, namespaced: true, verbs: ['get'] })),
  };
  return fake as Cluster;
}

function context(more: Partial<ActionContext> = {}): ActionContext {
  return { ...readingContext(evidence, () => new Date('2026-01-01T00:00:00Z')), ...more };
}

const action = () => collectEvidence({ clusters: clusterRegistry([cluster()]) });
const wanted = { cluster: 'prod', namespace: 'shop', logBytes: 1_024, deadlineSeconds: 60 };

async function mandate(input = wanted): Promise<Mandate<typeof wanted>> {
  const plan = await action().plan(context(), { incident: 'inc-1', step: 'evidence', input });
  return { incident: 'inc-1', step: 'evidence', input, authority: plan.authority, base: plan.snapshot };
}

const read = async (name: string): Promise<string> => {
  const record = (await evidence.index('inc-1')).findLast((line) => line.name === `namespaces/shop/${name}`);
  if (record === undefined) throw new Error(`no artefact ${name}`);
  return Buffer.from(await evidence.get(record.ref)).toString();
};
const why = (applied: Applied, what: string) =>
  applied.unavailable.find((missing) => missing.what === what)?.why;

test('plans what it will read, changes nothing, and binds the namespace by UID', async () => {
  const plan = await action().plan(context(), { incident: 'inc-1', step: 'evidence', input: wanted });
  expect(plan.authority.targets).toEqual([
    { kind: 'Namespace', cluster: 'prod', name: 'shop', uid: 'uid-Namespace-shop' },
  ]);
  expect(plan.authority.caps).toEqual({ logBytes: 1_024, deadlineSeconds: 60 });
  expect(plan.changes).toEqual([]);
  expect(plan.facts).toEqual([
    { cluster: 'prod', namespace: 'shop', supports: [], pods: 1, environment: 'production' },
  ]);
  expect(plan.description.ifApproved[0]).toContain('1 containers in 1 pods');
  expect(JSON.parse(Buffer.from(await evidence.get(plan.snapshot)).toString())).toMatchObject({
    pods: [{ name: 'web-1', uid: 'uid-Pod-web-1' }],
  });
});

test('collects objects, owners up to the root, images, bindings that name the accounts, and logs', async () => {
  const applied = await action().apply(context(), await mandate());
  expect(JSON.parse(await read('owners')).map(({ kind }: KubernetesObject) => kind)).toEqual([
    'Deployment',
    'ReplicaSet',
  ]);
  expect(
    JSON.parse(await read('clusterrolebindings')).map(({ metadata }: KubernetesObject) => metadata.name),
  ).toEqual(['ours', 'ours-by-group']);
  expect(await read('pods/web-1/logs/app.current')).toBe('line 1\nline 2\n');
  expect(applied.outputs).toMatchObject({
    complete: true,
    pods: ['web-1'],
    images: [{ pod: 'web-1', container: 'app', image: 'shop:1', imageID: 'registry/shop@sha256:abc' }],
  });
  expect(applied.unavailable).toEqual([
    {
      what: 'namespaces/shop/pods/web-1/logs/app.previous',
      why: expect.stringContaining('previous terminated container not found'),
    },
  ]);
  const lines = await evidence.index('inc-1');
  expect(lines.every(({ collector }) => collector === 'kubernetes.collect-evidence/evidence')).toBe(true);
  expect(lines.find(({ name }) => name.endsWith('/services'))?.source).toBe(
    '/api/v1/namespaces/shop/services',
  );
  expect(asked.filter((path) => /secret/i.test(path))).toEqual([]);
});

test('values of a pod spec are in the evidence store and nowhere else', async () => {
  const ordered = await mandate();
  const plan = await action().plan(context(), { incident: 'inc-1', step: 'evidence', input: wanted });
  const applied = await action().apply(context(), ordered);
  const verification = await action().verify(context(), ordered);
  expect(await read('pods')).toContain('hunter2-secret');
  const outside = JSON.stringify([plan, applied, verification, await evidence.index('inc-1')]);
  const referenced = [await evidence.get(plan.snapshot), await evidence.get(plan.full)].map(String).join('');
  expect(outside + referenced + (await read('manifest'))).not.toContain('hunter2');
});

test('a retry that finds the same stores and indexes nothing twice', async () => {
  const ordered = await mandate();
  const first = await action().apply(context(), ordered);
  const lines = await evidence.index('inc-1');
  const second = await action().apply(context({ now: () => new Date('2026-01-02T00:00:00Z') }), ordered);
  expect(second.outputs).toEqual(first.outputs);
  expect(second.artefacts).toEqual(first.artefacts);
  expect(await evidence.index('inc-1')).toEqual(lines);
});

test('verify: verified as long as every byte is there; failed, and named, when one is flipped', async () => {
  const ordered = await mandate();
  await action().apply(context(), ordered);
  expect(await action().verify(context(), ordered)).toMatchObject({ state: 'in-place', verdict: 'verified' });
  const pods = (await evidence.index('inc-1')).find(
    ({ name }) => name === 'namespaces/shop/pods',
  ) as EvidenceRecord;
  const hex = pods.ref.digest.slice('sha256:'.length);
  await writeFile(join(dir, 'sha256', hex.slice(0, 2), hex), (await read('pods')).replace('web-1', 'web-2'));
  const verification = await action().verify(context(), ordered);
  expect(verification).toMatchObject({ state: 'partial', verdict: 'failed' });
  expect(verification.claims[0]?.detail).toBe('1 are absent or altered: namespaces/shop/pods');
});

test('what the engine may not read is recorded, the rest is collected, and completeness is unverifiable', async () => {
  answers['/api/v1/namespaces/shop/services'] = refuse(403, 'services is forbidden');
  const ordered = await mandate();
  const applied = await action().apply(context(), ordered);
  expect(why(applied, 'namespaces/shop/services')).toContain('services is forbidden');
  expect(applied.outputs['complete']).toBe(false);
  expect(await read('pods/web-1/logs/app.current')).toBe('line 1\nline 2\n');
  expect(await action().verify(context(), ordered)).toMatchObject({
    state: 'partial',
    verdict: 'unverifiable',
  });
});

test('a log over its cap keeps its first bytes, and its last lines beside it', async () => {
  logs['web-1 app'] = () =>
    Readable.from(Array.from({ length: 100 }, (_, n) => Buffer.from(`${n}`.padEnd(99).concat('\n'))));
  logs['web-1 app tail'] = () => Readable.from([Buffer.from('the end\n')]);
  const applied = await action().apply(context(), await mandate());
  const kept = await read('pods/web-1/logs/app.current');
  expect(kept).toHaveLength(1_024);
  expect(kept.startsWith('0 ')).toBe(true);
  expect(await read('pods/web-1/logs/app.current.tail')).toBe('the end\n');
  expect(why(applied, 'namespaces/shop/pods/web-1/logs/app.current beyond its first 1024 bytes')).toContain(
    'logBytes',
  );
});

test('a log of exactly its cap is whole; one that breaks off keeps what came', async () => {
  logs['web-1 app'] = () => Readable.from([Buffer.alloc(1_024, 'x')]);
  logs['web-1 app previous'] = () =>
    Readable.from(
      (function* () {
        yield Buffer.from('half');
        throw new Error('connection reset');
      })(),
    );
  const applied = await action().apply(context(), await mandate());
  expect(await read('pods/web-1/logs/app.current')).toHaveLength(1_024);
  expect(await read('pods/web-1/logs/app.previous')).toBe('half');
  expect(applied.unavailable).toEqual([
    {
      what: 'namespaces/shop/pods/web-1/logs/app.previous beyond its first 4 bytes',
      why: 'the stream broke: connection reset',
    },
  ]);
});

test('at the deadline the rest is recorded as such, and a log that hangs ends', async () => {
  logs['web-1 app'] = () => {
    const stream = new Readable({ read: () => undefined });
    stream.push('begun');
    return stream;
  };
  const applied = await action().apply(context(), await mandate({ ...wanted, deadlineSeconds: 1 }));
  expect(await read('pods/web-1/logs/app.current')).toBe('begun');
  expect(applied.unavailable).toEqual([
    { what: 'namespaces/shop/pods/web-1/logs/app.current beyond its first 5 bytes', why: 'deadline' },
    { what: 'namespaces/shop/pods/web-1/logs/app.previous', why: 'deadline' },
  ]);
});

test('a full store fails neither plan nor apply: what did not fit is recorded, and logs are not even read', async () => {
  evidence = await openEvidence(dir, { maxTotalBytes: 10, maxArtefactBytes: 20e6 });
  const plan = await action().plan(context(), { incident: 'inc-1', step: 'evidence', input: wanted });
  expect(plan.notCovered.map(({ code }) => code)).toContain('evidence-store-full');
  const ordered = await mandate();
  const applied = await action().apply(context(), ordered);
  expect(applied.artefacts).toEqual([]);
  expect(why(applied, 'namespaces/shop/pods')).toBe('the evidence store is full');
  expect(asked.filter((path) => path.endsWith('/log'))).toEqual([]);
  expect(await action().verify(context(), ordered)).toMatchObject({
    state: 'absent',
    verdict: 'unverifiable',
  });
});

test('a namesake of the namespace is not collected from', async () => {
  const ordered = await mandate();
  answers['/api/v1/namespaces/shop'] = object('Namespace', 'shop', {}, { uid: 'another' });
  await expect(action().apply(context(), ordered)).rejects.toMatchObject({ type: 'TargetGone' });
  delete answers['/api/v1/namespaces/shop'];
  await expect(action().apply(context(), ordered)).rejects.toMatchObject({ type: 'TargetGone' });
  expect(await evidence.index('inc-1')).toEqual([]);
});

test('a pod that names a Secret as its owner does not make the engine read it', async () => {
  answers['/api/v1/namespaces/shop/pods'] = [
    object(
      'Pod',
      'evil',
      {},
      {
        ownerReferences: [
          owner('v1', 'Secret', 'db'),
          owner('apps/v1', 'Deployment', 'web'),
          owner('x.io/v1', 'Odd', 'o'),
        ],
      },
    ),
  ];
  answers['/api/v1/namespaces/shop/secrets/db'] = object('Secret', 'db', { data: { password: 'x' } });
  answers['/apis/apps/v1/namespaces/shop/deployments/web'] = object(
    'Deployment',
    'web',
    {},
    { uid: 'another' },
  );
  const applied = await action().apply(context(), await mandate());
  expect(why(applied, 'owner Secret db')).toBe('Secrets are never read');
  expect(why(applied, 'owner Deployment web')).toBe('another object has its name now');
  expect(why(applied, 'owner Odd o')).toBe('the cluster has no x.io/v1 Odd');
  expect(asked.filter((path) => path.includes('secret'))).toEqual([]);
});

test('owners that own each other come to an end', async () => {
  answers['/apis/apps/v1/namespaces/shop/deployments/web'] = object(
    'Deployment',
    'web',
    {},
    {
      ownerReferences: [owner('apps/v1', 'ReplicaSet', 'web')],
    },
  );
  await action().apply(context(), await mandate());
  expect(JSON.parse(await read('owners'))).toHaveLength(2);
});

test('thousands of containers fit: few at once, few in the result, all in the manifest', async () => {
  const containers = Array.from({ length: 20 }, (_, n) => ({ name: `c${n}`, image: 'i' }));
  answers['/api/v1/namespaces/shop/pods'] = Array.from({ length: 40 }, (_, n) =>
    object('Pod', `p-${n}`, { spec: { containers } }),
  );
  for (let n = 0; n < 40; n++)
    for (const { name } of containers) logs[`p-${n} ${name}`] = () => Readable.from([]);
  logs['p-39 c0'] = () => {
    throw refuse(403, 'logs are forbidden');
  };
  const applied = await action().apply(context(), await mandate());
  expect(JSON.stringify(applied).length).toBeLessThan(100_000);
  expect(applied.unavailable).toHaveLength(101);
  // A fault comes before what was to be expected.
  expect(applied.unavailable[0]?.why).toContain('logs are forbidden');
  expect(applied.unavailable.at(-1)).toEqual({ what: '701 more', why: 'named in the manifest' });
  expect(JSON.parse(await read('manifest')).unavailable).toHaveLength(801);
});

test('a cancelled activity stops', async () => {
  const ordered = await mandate();
  const cancel = new AbortController();
  logs['web-1 app'] = () => {
    cancel.abort(new Error('cancelled'));
    return Readable.from([Buffer.from('x')]);
  };
  await expect(action().apply(context({ signal: cancel.signal }), ordered)).rejects.toThrow('cancelled');
});

test('names that pods and containers bear never become paths', async () => {
  await action().apply(context(), await mandate());
  const files = await readdir(dir, { recursive: true });
  for (const file of files)
    expect(file).toMatch(/^(sha256|index)(\/(\.drafts|[0-9a-f]{2}(\/[0-9a-f]{64})?|inc-1\.jsonl))?$/);
});

test.each([
  [{ namespace: '../kube-system' }],
  [{ namespace: '' }],
  [{ logBytes: 0 }],
  [{ deadlineSeconds: 601 }],
  [{ other: 1 }],
])('the input %j is refused', (change) => {
  expect(action().input.safeParse({ cluster: 'prod', namespace: 'shop', ...change }).success).toBe(false);
  expect(action().input.parse({ cluster: 'prod', namespace: 'shop' })).toEqual({
    cluster: 'prod',
    namespace: 'shop',
    logBytes: 10 * 1024 * 1024,
    deadlineSeconds: 120,
  });
});

test('long work heartbeats, and a refused heartbeat is not lost', async () => {
  let beats = 0;
  const thrice = () => waitUntil(() => beats >= 3).then(() => 'done');
  expect(await beating(async () => void beats++, thrice, 1)).toBe('done');
  let refusals = 0;
  const refusing = () => {
    refusals++;
    return Promise.reject(new Error('cancelled'));
  };
  await expect(beating(refusing, () => waitUntil(() => refusals > 0), 1)).rejects.toThrow('cancelled');
});

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
