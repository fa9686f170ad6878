import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accountRegistry } from '../../activities/aws/accounts.ts';
import { findUse } from '../../activities/credentials/find-use.ts';
import type { FindUseInput } from '../../activities/credentials/find-use/contract.ts';
import type { Mandate } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';
import type { JsonObject } from '../../domain/json.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { startKubernetes, type Kubernetes } from '../../testbed/kubernetes.ts';
import { readingContext } from '../support/action-context.ts';

const began = new Date();
let kubernetes: Kubernetes;
let dir: string;
let evidence: EvidenceStore;
let action: ReturnType<typeof findUse>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'firebreak-find-use-'));
  evidence = await openEvidence(join(dir, 'evidence'), { maxArtefactBytes: 1e8, maxTotalBytes: 1e8 });
  kubernetes = await startKubernetes({ controllers: false, kwok: false });
  action = findUse({
    accounts: accountRegistry([]),
    registries: [],
    auditLogs: [{ cluster: 'shop', environment: 'production', files: [kubernetes.auditLogFile] }],
    registryEvents: { find: () => Promise.reject(new Error('no registry is asked')) },
  });
  await kubectl('create', 'namespace', 'web');
  for (const name of ['shop', 'shop-2']) await kubectl('create', 'serviceaccount', name, '-n', 'web');
  await kubectl('create', 'role', 'reader', '-n', 'web', '--verb=list', '--resource=configmaps');
  await kubectl('create', 'rolebinding', 'reader', '-n', 'web', '--role=reader', '--serviceaccount=web:shop');
}, 600_000);
afterAll(async () => {
  await kubernetes.stop();
  await rm(dir, { recursive: true, force: true });
});

const run = promisify(execFile);
async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await run(kubernetes.kubectl, ['--kubeconfig', kubernetes.adminKubeconfig, ...args]);
  return stdout.trim();
}

/** With a token alone, as its thief has it. */
async function use(token: string, ...args: string[]): Promise<void> {
  const server = ['--server', kubernetes.url, '--certificate-authority', kubernetes.caFile];
  // Whether it is allowed is not the question: a refused use is a use.
  await run(kubernetes.kubectl, [...server, '--kubeconfig', '/dev/null', '--token', token, ...args]).catch(
    () => undefined,
  );
}

async function mint(name: string): Promise<{ token: string; jti: string }> {
  const token = await kubectl('create', 'token', name, '-n', 'web');
  const claims: { jti: string } = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'),
  );
  return { token, jti: claims.jti };
}

async function find(credential: FindUseInput['credential'], step = 'used') {
  const input: FindUseInput = { credential, window: { since: began.toISOString() } };
  const context = readingContext(evidence);
  const plan = await action.plan(context, { incident: 'inc-1', step, input });
  const mandate: Mandate<FindUseInput> = {
    incident: 'inc-1',
    step,
    input,
    authority: plan.authority,
    base: plan.snapshot,
  };
  const { outputs } = await action.apply(context, mandate);
  return { outputs, mandate, uses: await usesOf(outputs) };
}

async function usesOf({ evidence: digest }: JsonObject): Promise<{ action: string; outcome: string }[]> {
  const bytes = await evidence.get({ digest: digest as `sha256:${string}` });
  const record: { uses: { action: string; outcome: string }[] } = JSON.parse(Buffer.from(bytes).toString());
  return record.uses;
}

const actionsOf = (uses: { action: string; outcome: string }[]) =>
  [...new Set(uses.map(({ action: what, outcome }) => `${what}: ${outcome}`))].toSorted();

test('one token of two, by its id; both by their account; nothing of a namesake, or of who impersonates', async () => {
  const [stolen, other, namesake] = [await mint('shop'), await mint('shop'), await mint('shop-2')];
  await use(stolen.token, 'get', 'configmaps', '-n', 'web');
  await use(stolen.token, 'get', 'secrets', '-n', 'web');
  await use(other.token, 'get', 'pods', '-n', 'web');
  await use(namesake.token, 'get', 'services', '-n', 'web');
  await kubectl('get', 'nodes', '--as', 'system:serviceaccount:web:shop').catch(() => '');

  const one = await find({ token: { cluster: 'shop', id: stolen.jti } });
  expect(actionsOf(one.uses)).toEqual(['list configmaps: done', 'list secrets: HTTP 403']);
  expect(one.outputs).toMatchObject({
    events: 2,
    principals: ['system:serviceaccount:web:shop'],
    addresses: ['127.0.0.1'],
    digests: [],
  });
  const { first, last } = one.outputs;
  expect(Date.parse(first as string)).toBeGreaterThanOrEqual(began.getTime());
  expect(Date.parse(last as string)).toBeGreaterThanOrEqual(Date.parse(first as string));

  const all = await find({ serviceAccount: { cluster: 'shop', namespace: 'web', name: 'shop' } });
  expect(actionsOf(all.uses)).toEqual([
    'list configmaps: done',
    'list pods: HTTP 403',
    'list secrets: HTTP 403',
  ]);
  // The log of this API server began after the window: what was before it says nothing of.
  expect(all.outputs).toMatchObject({
    complete: false,
    unavailable: [{ why: expect.stringContaining('begins at') }],
  });
}, 120_000);

test('a second look sees that it goes on; a token that was never used has no uses', async () => {
  const { token, jti } = await mint('shop');
  const none = await find({ token: { cluster: 'shop', id: jti } }, 'again');
  expect(none.outputs).toMatchObject({ events: 0, first: '', last: '' });
  await use(token, 'get', 'configmaps', '-n', 'web');
  const { claims } = await action.verify(readingContext(evidence), none.mandate);
  expect(claims[1]?.detail).toContain('1 more came after it');
}, 120_000);

test('the name of a pod that holds the token is told, and no token is kept', async () => {
  await kubectl('create', 'serviceaccount', 'podded', '-n', 'web');
  const overrides = { spec: { serviceAccountName: 'podded' } };
  await kubectl('run', 'web-1', '-n', 'web', '--image=x', `--overrides=${JSON.stringify(overrides)}`);
  const token = await kubectl(
    'create',
    'token',
    'podded',
    '--namespace=web',
    '--bound-object-kind=Pod',
    '--bound-object-name=web-1',
  );
  await use(token, 'get', 'configmaps', '-n', 'web');
  const { outputs, uses } = await find({
    serviceAccount: { cluster: 'shop', namespace: 'web', name: 'podded' },
  });
  expect(outputs['principals']).toEqual(['system:serviceaccount:web:podded (pod web-1)']);
  expect(JSON.stringify([outputs, uses])).not.toContain(token.slice(0, 40));
}, 120_000);
