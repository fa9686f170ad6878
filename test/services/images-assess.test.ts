import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import { createImageAssessor } from '../../activities/images/assess.ts';
import { inForce, type PolicyInForce } from '../../activities/images/in-force.ts';
import { parseImagePolicy } from '../../activities/images/policy.ts';
import { createRegistryClient, type RegistryClient } from '../../activities/images/registry/client.ts';
import type { ImageAssessment, ImageAssessor } from '../../domain/image.ts';
import { sha256 } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import {
  basicAuthorization,
  OCI_INDEX,
  pusher,
  pushImage,
  pushIndex,
  type Pusher,
} from '../../testbed/image.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { startFront, type Front } from '../support/registry-front.ts';
import { pushBundles, pushSimpleSigning } from '../support/signed-images.ts';
import { createSigstore } from '../support/sigstore.ts';

const password = 'pull-password-0123456789';
const host = 'registry.example';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const identity = 'https://git.example/shop/api/release.yml@refs/heads/main';
const issuer = 'https://ci.example';

let registry: Registry;
let front: Front;
let client: RegistryClient;
let sigstore: Awaited<ReturnType<typeof createSigstore>>;
let push: Pusher;
let repository = '';
let current: () => PolicyInForce;
let assessor: ImageAssessor;
let clock = new Date();

const policy = (more: object = {}): PolicyInForce =>
  inForce(
    parseImagePolicy({
      images: [{ repositories: [`${host}/shop/*`], signedBy: [{ key: 'release' }, { identity, issuer }] }],
      keys: { release: { pem } },
      trustedRoot: {
        file: 'root.json',
        sha256: sha256(sigstore.trustedRoot),
        asOf: new Date(Date.now() - 60_000).toISOString(),
        maxAgeDays: 30,
      },
      ...more,
    }),
    sigstore.trustedRoot,
  );

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
    atOnce: 3,
  });
}, 600_000);

afterAll(async () => {
  await client.close();
  await Promise.all([registry.stop(), front.stop()]);
});

afterEach(() => {
  front.answer = () => false;
});

/** A whole second, and after the authorities came to be. */
const soon = () => new Date((Math.ceil(Date.now() / 1_000) + 1) * 1_000);

/** Each test has an assessor that knows nothing yet, and a repository of its own. */
function fresh(): void {
  repository = `shop/${randomBytes(4).toString('hex')}`;
  push = pusher(registry.url, repository, { authorization: basicAuthorization('puller', password) });
  const whole = policy();
  current = () => whole;
  clock = new Date();
  assessor = createImageAssessor({
    client,
    policy: async () => current(),
    now: () => clock,
  });
}
const assess = (reference: string, platforms?: string[]): Promise<ImageAssessment> =>
  assessor.assess(`${host}/${repository}${reference}`, {
    signal: AbortSignal.timeout(20_000),
    ...(platforms === undefined ? {} : { platforms }),
  });
const withDenied = (...deniedDigests: (string | undefined)[]) => {
  const denying = policy({ deniedDigests });
  current = () => denying;
};
const codes = ({ judgement }: ImageAssessment): string[] => judgement.reasons.map(({ code }) => code);
const asked = async (work: () => Promise<unknown>): Promise<string[]> => {
  const from = front.calls.length;
  await work();
  return front.calls.slice(from).map(({ path }) => path.replace(/^.*\/(manifests|blobs|referrers)\//, '$1 '));
};

describe('what a reference names', () => {
  test('a tag is the digest that it names now, and what is accepted of it is that digest', async () => {
    fresh();
    const good = await pushImage(push, 'v1');
    await pushSimpleSigning(
      push,
      good.digest,
      await sigstore.simpleSigning(good.digest, { key: privateKey }),
    );
    expect(await assess(':v1')).toEqual({
      repository: `${host}/${repository}`,
      digest: good.digest,
      children: [],
      judgement: {
        verdict: 'accepted',
        by: { key: 'release' },
        reasons: [{ code: 'signed', text: expect.stringContaining('the key release') }],
      },
    });
    const bad = await pushImage(push, 'v1');
    const moved = await assess(':v1');
    expect([moved.digest, codes(moved)]).toEqual([bad.digest, ['unsigned']]);
    // As a runtime does: with a digest, nobody asks what the tag names.
    const pinned = await assess(`:v1@${good.digest}`);
    expect([pinned.digest, pinned.judgement.verdict]).toEqual([good.digest, 'accepted']);
  });

  test('a bundle with a certificate counts, by its log’s time', async () => {
    fresh();
    const { digest } = await pushImage(push, 'v1');
    const loggedAt = soon();
    await pushBundles(push, digest, await sigstore.bundle(digest, { identity, issuer, loggedAt }));
    expect((await assess(':v1')).judgement).toMatchObject({
      verdict: 'accepted',
      by: { identity, issuer },
      signedAt: loggedAt.toISOString(),
    });
  });

  test('no tag is latest; what is no reference, or of no registry that is configured, is an error', async () => {
    fresh();
    const { digest } = await pushImage(push, 'latest');
    expect((await assess('')).digest).toBe(digest);
    const signal = AbortSignal.timeout(5_000);
    await expect(assessor.assess('UPPER CASE', { signal })).rejects.toThrow('FB3801');
    await expect(assessor.assess('elsewhere.example/a:1', { signal })).rejects.toThrow('FB3802');
    await expect(assess(':none')).rejects.toMatchObject({ code: 'FB3803' });
  });
});

describe('an index', () => {
  test('its signature covers what it names; that of a child neither it nor its siblings', async () => {
    fresh();
    const index = await pushIndex(push, 'v1');
    const [amd, arm] = index.children;
    if (amd === undefined || arm === undefined) throw new Error('two children were pushed');
    await pushSimpleSigning(push, amd.digest, await sigstore.simpleSigning(amd.digest, { key: privateKey }));
    expect(codes(await assess(':v1'))).toEqual(['unsigned']);
    expect(codes(await assess(':v1', ['linux/amd64']))).toEqual(['unsigned']);
    expect((await assess(`@${amd.digest}`)).judgement.verdict).toBe('accepted');
    expect(codes(await assess(`@${arm.digest}`))).toEqual(['unsigned']);
    await pushSimpleSigning(
      push,
      index.digest,
      await sigstore.simpleSigning(index.digest, { key: privateKey }),
    );
    const whole = await assess(':v1');
    expect(whole).toMatchObject({ digest: index.digest, judgement: { verdict: 'accepted' } });
    expect(whole.children).toEqual([
      { platform: 'linux/amd64', digest: amd.digest },
      { platform: 'linux/arm64', digest: arm.digest },
    ]);
    expect((await assess(':v1', ['linux/arm64'])).children).toEqual([
      { platform: 'linux/arm64', digest: arm.digest },
    ]);
    // As cosign: by itself the child has no signature.
    expect(codes(await assess(`@${arm.digest}`))).toEqual(['unsigned']);
  });

  test('is refused for a denied child that a node would run, and for its own digest', async () => {
    fresh();
    const index = await pushIndex(push, 'v1');
    await pushSimpleSigning(
      push,
      index.digest,
      await sigstore.simpleSigning(index.digest, { key: privateKey }),
    );
    const [amd] = index.children;
    withDenied(amd?.digest);
    expect(codes(await assess(':v1'))).toEqual(['digest-denied']);
    expect(codes(await assess(':v1', ['linux/amd64']))).toEqual(['digest-denied']);
    expect((await assess(':v1', ['linux/arm64'])).judgement.verdict).toBe('accepted');
    withDenied(index.digest);
    expect(codes(await assess(':v1', ['linux/arm64']))).toEqual(['digest-denied']);
  });

  test.each([
    ['has no image for the platform', ['linux/s390x'], (children: object[]) => children],
    [
      'holds another index',
      undefined,
      (children: object[]) => [...children, { ...children[0], mediaType: OCI_INDEX }],
    ],
    [
      'holds what may be any platform’s',
      ['linux/amd64'],
      (children: object[]) => children.map((child) => ({ ...child, platform: undefined })),
    ],
    [
      'has several for one platform',
      ['linux/amd64'],
      (children: object[]) =>
        children.map((child) => ({ ...child, platform: { os: 'linux', architecture: 'amd64' } })),
    ],
    [
      'has attestations only',
      undefined,
      (children: object[]) =>
        children.map((child) => ({ ...child, platform: { os: 'unknown', architecture: 'unknown' } })),
    ],
  ])('that %s is refused, whoever signed it', async (_, platforms, change) => {
    fresh();
    const { children } = await pushIndex(push);
    const index = await push.manifest(
      { schemaVersion: 2, mediaType: OCI_INDEX, manifests: change(children) },
      'v1',
    );
    await pushSimpleSigning(
      push,
      index.digest,
      await sigstore.simpleSigning(index.digest, { key: privateKey }),
    );
    const refused = await assess(':v1', platforms);
    expect([refused.judgement.verdict, ...codes(refused)]).toEqual(['refused', 'platform-unusable']);
    expect(refused.children).toEqual([]);
  });

  test('what a caller takes for a platform must be one', async () => {
    fresh();
    await pushIndex(push, 'v1');
    await expect(assess(':v1', ['amd64'])).rejects.toThrow('FB3810');
  });
});

describe('what is kept', () => {
  test('content that was proven is read once; tags, `.sig` and referrers are asked each time', async () => {
    fresh();
    const index = await pushIndex(push, 'v1');
    await pushSimpleSigning(
      push,
      index.digest,
      await sigstore.simpleSigning(index.digest, { key: privateKey }),
    );
    await pushBundles(push, index.digest, await sigstore.bundle(index.digest, { key: privateKey }));
    const hex = index.digest.slice('sha256:'.length);
    const first = await asked(() => assess(':v1'));
    const again = await asked(() => assess(':v1'));
    const always = [
      'manifests v1',
      `manifests sha256-${hex}`,
      `manifests sha256-${hex}.att`,
      `manifests sha256-${hex}.sig`,
      `referrers ${index.digest}`,
    ];
    expect(again.toSorted()).toEqual(always.toSorted());
    expect(first.filter((path) => path.startsWith('blobs'))).toHaveLength(2);
  });

  test('a signature that vanishes is gone at once, and one that comes counts at once', async () => {
    fresh();
    const { digest } = await pushImage(push, 'v1');
    expect(codes(await assess(':v1'))).toEqual(['unsigned']);
    const signature = await pushSimpleSigning(
      push,
      digest,
      await sigstore.simpleSigning(digest, { key: privateKey }),
    );
    expect((await assess(':v1')).judgement.verdict).toBe('accepted');
    await push.delete(signature.digest);
    expect(codes(await assess(':v1'))).toEqual(['unsigned']);
  });

  test('a policy that changes counts at once: a window, a key that is taken away, and faults', async () => {
    fresh();
    const { digest } = await pushImage(push, 'v1');
    const loggedAt = new Date(Date.now() - 10_000);
    await pushBundles(push, digest, await sigstore.bundle(digest, { key: privateKey, loggedAt }));
    expect((await assess(':v1')).judgement.verdict).toBe('accepted');
    const window = policy({ window: { from: new Date(Date.now() - 60_000).toISOString() } });
    current = () => window;
    expect(codes(await assess(':v1'))).toEqual(['signed-in-window']);
    const another = policy({
      keys: { release: { pem: other.publicKey.export({ format: 'pem', type: 'spki' }).toString() } },
    });
    current = () => another;
    expect(codes(await assess(':v1'))).toEqual(['unknown-key']);
    current = () => {
      throw new Error('the policy is broken');
    };
    await expect(assess(':v1')).rejects.toThrow('the policy is broken');
  });

  test('a root that grows old meanwhile: what was verified by it no longer counts', async () => {
    fresh();
    const { digest } = await pushImage(push, 'v1');
    const loggedAt = soon();
    await pushBundles(push, digest, await sigstore.bundle(digest, { identity, issuer, loggedAt }));
    expect((await assess(':v1')).judgement.verdict).toBe('accepted');
    clock = new Date(Date.now() + 31 * 86_400_000);
    expect(codes(await assess(':v1'))).toEqual(['trusted-root-stale']);
    clock = new Date();
    expect((await assess(':v1')).judgement.verdict).toBe('accepted');
  });

  test('the same signature about another image is not one of it', async () => {
    fresh();
    const [one, two] = [await pushImage(push, 'v1'), await pushImage(push, 'v2')];
    const signature = await sigstore.simpleSigning(one.digest, { key: privateKey });
    await pushSimpleSigning(push, one.digest, signature);
    await pushSimpleSigning(push, two.digest, signature);
    expect((await assess(':v1')).judgement.verdict).toBe('accepted');
    expect(codes(await assess(':v2'))).toEqual(['wrong-subject']);
  });
});

describe('a registry', () => {
  test('that is away, or lies, is an error and never an unsigned image — also of an image that is known', async () => {
    fresh();
    const { digest } = await pushImage(push, 'v1');
    await pushSimpleSigning(push, digest, await sigstore.simpleSigning(digest, { key: privateKey }));
    await assess(`@${digest}`);
    front.answer = ({ path }, response) => {
      if (!path.endsWith('.sig')) return false;
      response.writeHead(503).end();
      return true;
    };
    await expect(assess(`@${digest}`)).rejects.toMatchObject({ code: 'FB3805' });
    front.answer = ({ path }, response) => {
      if (!path.includes('/manifests/v1')) return false;
      response
        .writeHead(200, {
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
          'docker-content-digest': digest,
        })
        .end('{}');
      return true;
    };
    await expect(assess(':v1')).rejects.toMatchObject({ code: 'FB3804' });
  });

  test('is asked a few reads at once, however many images are assessed; who waits can go', async () => {
    fresh();
    await pushImage(push, 'v1');
    const waiting: (() => void)[] = [];
    let most = 0;
    front.answer = (_, response) => {
      waiting.push(() => response.writeHead(404).end());
      most = Math.max(most, waiting.length);
      return true;
    };
    const all = Array.from({ length: 12 }, () => assess(':v1').catch((error: unknown) => error));
    const leaving = new AbortController();
    const left = assessor
      .assess(`${host}/${repository}:v1`, { signal: leaving.signal })
      .catch((error: unknown) => error);
    await expectSoon(() => waiting.length === 3);
    leaving.abort(new Error('cancelled'));
    expect(await left).toEqual(new Error('cancelled'));
    const ended: unknown[] = [];
    for (const one of all) void one.then((error) => ended.push(error));
    while (ended.length < all.length) {
      for (const answer of waiting.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const result of ended) expect(result).toMatchObject({ code: 'FB3803' });
    expect(most).toBe(3);
  });
});

async function expectSoon(holds: () => boolean): Promise<void> {
  const until = Date.now() + 500;
  while (!holds()) {
    if (Date.now() > until) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
