import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { hash } from 'bcryptjs';
import { createImageAssessor } from '../../activities/images/assess.ts';
import { inForce, type PolicySource } from '../../activities/images/in-force.ts';
import { parseImagePolicy } from '../../activities/images/policy.ts';
import { createRegistryClient, type RegistryClient } from '../../activities/images/registry/client.ts';
import { verifyImages } from '../../activities/images/verify.ts';
import type { VerifyImagesInput } from '../../activities/images/verify/contract.ts';
import type { Action, ActionContext, Mandate } from '../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceStore } from '../../domain/evidence.ts';
import { jsonCopy, type Digest } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import { openEvidence } from '../../stores/evidence.ts';
import { basicAuthorization, pusher, pushImage, pushIndex, type Pusher } from '../../testbed/image.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { readingContext } from '../support/action-context.ts';
import { startFront, type Front } from '../support/registry-front.ts';
import { pushSimpleSigning } from '../support/signed-images.ts';
import { createSigstore } from '../support/sigstore.ts';
import { catalogue } from '../../worker/catalogue.ts';
import { loadConfiguration } from '../../worker/config/load.ts';

const password = 'pull-password-0123456789';
const host = 'registry.example';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();

let registry: Registry;
let front: Front;
let client: RegistryClient;
let sigstore: Awaited<ReturnType<typeof createSigstore>>;
let directory: string;
let evidence: EvidenceStore;
let push: Pusher;
let repository = '';
let policy: PolicySource;
let action: Action<VerifyImagesInput>;
let context: ActionContext;

const policyWith = (more: object): PolicySource => {
  const whole = inForce(
    parseImagePolicy({
      images: [{ repositories: [`${host}/shop/*`], signedBy: [{ key: 'release' }] }],
      keys: { release: { pem } },
      ...more,
    }),
  );
  return async () => whole;
};

beforeAll(async () => {
  registry = await startRegistry({ htpasswd: `puller:${(await hash(password, 4)).replace('$2b$', '$2y$')}` });
  front = await startFront(registry.url);
  sigstore = await createSigstore();
  directory = await mkdtemp(join(tmpdir(), 'firebreak-images-verify-'));
  evidence = await openEvidence(join(directory, 'evidence'), { maxTotalBytes: 1e8, maxArtefactBytes: 1e7 });
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
  action = verifyImages({ images, registries: [{ host, name: 'images', environment: 'production' }] });
}, 600_000);

afterAll(async () => {
  await client.close();
  await Promise.all([registry.stop(), front.stop()]);
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  repository = `shop/${randomBytes(4).toString('hex')}`;
  push = pusher(registry.url, repository, { authorization: basicAuthorization('puller', password) });
  policy = policyWith({});
  context = readingContext(evidence);
});
afterEach(() => {
  front.answer = () => false;
});

const sign = async (digest: Digest) =>
  pushSimpleSigning(push, digest, await sigstore.simpleSigning(digest, { key: privateKey }));
const named = (reference: string) => `${host}/${repository}${reference}`;
let steps = 0;

async function planned(given: object): Promise<Mandate<VerifyImagesInput>> {
  const input = action.input.parse(given);
  const step = `verify-${(steps += 1)}`;
  const plan = await action.plan(context, { incident: 'inc-1', step, input });
  return { incident: 'inc-1', step, input, authority: plan.authority, base: plan.snapshot };
}
async function run(given: object) {
  const mandate = await planned(given);
  const applied = await action.apply(context, mandate);
  const valid = new Ajv({ strict: false }).compile(action.outputs);
  expect(valid(applied.outputs) ? [] : valid.errors).toEqual([]);
  return { mandate, outputs: applied.outputs, verification: await action.verify(context, mandate) };
}

test('of each image: digest, verdict, who signed it; the lists that admission takes', async () => {
  const index = await pushIndex(push, 'good');
  await sign(index.digest);
  const bad = await pushImage(push, 'bad');
  const { outputs, verification } = await run({ images: [named(':good'), named(':bad')] });
  expect(outputs).toEqual({
    accepted: false,
    digests: [index.digest, ...index.children.map(({ digest }) => digest)],
    digestCount: 3,
    refused: [bad.digest],
    refusedCount: 1,
    images: [
      {
        image: named(':good'),
        digest: index.digest,
        children: index.children.map(({ digest, platform }) => ({
          platform: `${platform.os}/${platform.architecture}`,
          digest,
        })),
        verdict: 'accepted',
        reasons: [expect.objectContaining({ code: 'signed' })],
        by: { key: 'release', identity: '', issuer: '' },
        signedAt: '',
      },
      expect.objectContaining({
        image: named(':bad'),
        digest: bad.digest,
        verdict: 'refused',
        reasons: [expect.objectContaining({ code: 'unsigned' })],
      }),
    ],
    evidence: expect.stringMatching(/^sha256:/),
  });
  expect(verification).toMatchObject({ state: 'in-place', verdict: 'verified' });
});

test('a refused image is an answer, unless all are required; then it says which and why', async () => {
  await sign((await pushImage(push, 'good')).digest);
  await pushImage(push, 'bad');
  await expect(run({ images: [named(':good')], require: 'all' })).resolves.toMatchObject({
    outputs: { accepted: true },
  });
  const mandate = await planned({ images: [named(':good'), named(':bad')], require: 'all' });
  await expect(action.apply(context, mandate)).rejects.toMatchObject({
    type: 'FB3822',
    nonRetryable: true,
    message: expect.stringMatching(/1 of 2 images .*:bad: unsigned/),
  });
});

test('what cannot be judged is refused with its reason, and keeps no other from being judged', async () => {
  await sign((await pushImage(push, 'good')).digest);
  const unread = [
    'NO REFERENCE',
    'elsewhere.example/shop/api:1',
    named(':gone'),
    `${named('')}@sha256:${'0'.repeat(64)}`,
  ];
  const { outputs, verification } = await run({ images: [...unread, named(':good')] });
  expect(outputs).toMatchObject({
    accepted: false,
    digestCount: 1,
    refused: [],
    images: [
      { digest: '', verdict: 'refused', reasons: [{ code: 'reference-invalid' }] },
      { digest: '', verdict: 'refused', reasons: [{ code: 'registry-not-configured' }] },
      { digest: '', verdict: 'refused', reasons: [{ code: 'image-gone' }] },
      { digest: '', verdict: 'refused', reasons: [{ code: 'image-gone' }] },
      { verdict: 'accepted' },
    ],
  });
  expect(verification.verdict).toBe('verified');
});

test('a registry that is away fails the step, and may be tried again; it is no verdict', async () => {
  const { digest } = await pushImage(push, 'v1');
  await sign(digest);
  front.answer = (_, response) => {
    response.writeHead(503).end();
    return true;
  };
  await expect(planned({ images: [named(':v1')] })).rejects.toMatchObject({
    type: 'FB3805',
    nonRetryable: false,
  });
});

describe('between plan, apply and verify', () => {
  test('a tag that moves: what was approved is judged, and verify tells that the tag names another now', async () => {
    const good = await pushImage(push, 'v1');
    await sign(good.digest);
    const mandate = await planned({ images: [named(':v1')] });
    expect(mandate.authority.targets).toEqual([
      { kind: 'Image', cluster: 'registry:images', name: `${host}/${repository}`, uid: good.digest },
    ]);
    await pushImage(push, 'v1');
    const { outputs } = await action.apply(context, mandate);
    expect(outputs).toMatchObject({ accepted: true, digests: [good.digest] });
    expect(await action.verify(context, mandate)).toMatchObject({
      state: 'partial',
      verdict: 'unverifiable',
      claims: [{ detail: expect.stringContaining('names sha256:') }],
    });
  });

  test('a signature that vanishes', async () => {
    const { digest } = await pushImage(push, 'v1');
    const signature = await sign(digest);
    const mandate = await planned({ images: [named(':v1')] });
    await action.apply(context, mandate);
    await push.delete(signature.digest);
    expect(await action.verify(context, mandate)).toMatchObject({
      verdict: 'failed',
      claims: [{ detail: expect.stringContaining('unsigned') }],
    });
    expect((await action.apply(context, mandate)).outputs).toMatchObject({
      accepted: false,
      refused: [digest],
    });
  });

  test('a digest that is denied meanwhile', async () => {
    const { digest } = await pushImage(push, 'v1');
    await sign(digest);
    const { mandate } = await run({ images: [named(':v1')] });
    policy = policyWith({ deniedDigests: [digest] });
    expect(await action.verify(context, mandate)).toMatchObject({
      verdict: 'failed',
      claims: [{ detail: expect.stringContaining('digest-denied') }],
    });
  });

  test('evidence that is full: the verdicts are given, and cannot be verified', async () => {
    await sign((await pushImage(push, 'v1')).digest);
    const mandate = await planned({ images: [named(':v1')] });
    const full = readingContext({
      ...evidence,
      put: () => Promise.reject(new EvidenceStoreFull('full')),
      index: (incident) => evidence.index(incident),
    });
    const applied = await action.apply(full, mandate);
    expect(applied).toMatchObject({ outputs: { accepted: true, evidence: '' }, unavailable: [{}] });
    expect((await action.verify(full, mandate)).verdict).toBe('unverifiable');
  });
});

test('a child that an acceptable index names is not among the refused, also where it was asked for by itself', async () => {
  const index = await pushIndex(push, 'v1');
  await sign(index.digest);
  const [child] = index.children;
  const { outputs } = await run({ images: [named(':v1'), named(`@${child?.digest}`)] });
  expect(outputs).toMatchObject({ accepted: false, refused: [] });
});

test('as it is configured: credentials and policy of firebreak.yaml, and a policy that changes under way', async () => {
  const { digest } = await pushImage(push, 'v1');
  await sign(digest);
  const home = join(directory, 'configured');
  await mkdir(home);
  const file = (name: string) => join(home, name);
  const rules = {
    images: [{ repositories: [`${host}/shop/*`], signedBy: [{ key: 'release' }] }],
    keys: { release: { pem } },
  };
  await writeFile(file('images.yaml'), JSON.stringify(rules));
  await writeFile(file('pull-password'), password, { mode: 0o600 });
  const approval = { from: ['leads'] };
  await writeFile(
    file('firebreak.yaml'),
    JSON.stringify({
      clusters: [{ name: 'shop', environment: 'production', kubeconfig: 'kubeconfig' }],
      registries: [
        {
          name: 'images',
          environment: 'production',
          kind: 'oci',
          host,
          url: registry.url,
          credentials: { username: 'puller', password: { file: 'pull-password' } },
        },
      ],
      images: { policy: 'images.yaml' },
      approvals: { default: approval, release: approval, escalation: ['leads'] },
    }),
  );
  const { clusters: _, ...configured } = await loadConfiguration(file('firebreak.yaml'));
  const configuredAction = catalogue(configured).actions.find(({ name }) => name === 'images.verify');
  if (configuredAction === undefined) throw new Error('there is no such action');
  const request = {
    incident: 'inc-1',
    step: 'configured',
    input: jsonCopy(Object(configuredAction.input.parse({ images: [named(':v1')] }))),
  };
  const plan = await configuredAction.plan(context, request);
  expect(plan.facts).toMatchObject([{ cluster: 'registry:images', environment: 'production' }]);
  const mandate = { ...request, authority: plan.authority, base: plan.snapshot };
  expect((await configuredAction.apply(context, mandate)).outputs).toMatchObject({
    accepted: true,
    digests: [digest],
  });
  await writeFile(file('images.yaml'), JSON.stringify({ ...rules, deniedDigests: [digest] }));
  expect((await configuredAction.apply(context, mandate)).outputs).toMatchObject({
    accepted: false,
    refused: [digest],
  });
  await writeFile(file('images.yaml'), JSON.stringify({ ...rules, deniedDigests: ['sha256:short'] }));
  await expect(configuredAction.apply(context, mandate)).rejects.toMatchObject({
    type: 'FB3811',
    message: expect.stringContaining('deniedDigests.0'),
  });
});

test('its input is strict', () => {
  for (const wrong of [
    { images: [] },
    { images: Array.from({ length: 51 }, () => 'a') },
    { images: ['a'], platforms: ['amd64'] },
    { images: ['a'], platforms: [] },
    { images: ['a'], require: 'some' },
    { images: ['a'], more: 1 },
  ])
    expect(action.input.safeParse(wrong).success).toBe(false);
});
