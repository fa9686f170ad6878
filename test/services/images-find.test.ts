import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { hash } from 'bcryptjs';
import { createRegistryClient, type RegistryClient } from '../../activities/images/registry/client.ts';
import { findSignatures, MOST_FOUND } from '../../activities/images/signatures/find.ts';
import type { Findings } from '../../activities/images/signatures/found.ts';
import type { Digest } from '../../domain/json.ts';
import { sha256 } from '../../domain/json.ts';
import { Secret } from '../../domain/secret.ts';
import { startRegistry, type Registry } from '../../testbed/registry.ts';
import { OCI_EMPTY, OCI_IMAGE, OCI_INDEX, pusher, type Pushed, type Pusher } from '../../testbed/image.ts';
import { startFront, type Front } from '../support/registry-front.ts';

const password = 'pull-password-0123456789';
const authorization = `Basic ${Buffer.from(`puller:${password}`).toString('base64')}`;
const SIMPLE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const DSSE = 'application/vnd.dsse.envelope.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const MiB = 1024 * 1024;

let registry: Registry;
let front: Front;
let client: RegistryClient;
let push: Pusher;
let digest: Digest;
let repository = '';

beforeAll(async () => {
  registry = await startRegistry({ htpasswd: `puller:${(await hash(password, 4)).replace('$2b$', '$2y$')}` });
  front = await startFront(registry.url);
  client = createRegistryClient({
    registries: [
      {
        host: 'registry.example',
        url: front.url,
        credentials: () => Promise.resolve({ username: 'puller', password: new Secret(password) }),
      },
    ],
    timeoutMs: 3_000,
    deadlineMs: 6_000,
  });
}, 600_000);

afterAll(async () => {
  await client.close();
  await Promise.all([registry.stop(), front.stop()]);
});

afterEach(() => {
  front.answer = () => false;
});

/** Each test has an image of its own, in a repository of its own. */
async function image(): Promise<void> {
  repository = `shop/${randomBytes(4).toString('hex')}`;
  push = pusher(registry.url, repository, { authorization });
  digest = (await registry.push('puller', password, repository, 'v1')) as Digest;
}
const tag = (suffix = '') => `${digest.replace(':', '-')}${suffix}`;
const find = (): Promise<Findings> =>
  findSignatures(
    client,
    { registry: 'registry.example', repository, digest },
    { signal: AbortSignal.timeout(25_000) },
  );

/** An image of these layers: cosign's first format, when it is tagged. */
async function layered(layers: object[], more: object = {}): Promise<object> {
  const config = await push.blob('{}', 'application/vnd.oci.image.config.v1+json');
  return { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers, ...more };
}

type Referrer = Pushed & { artifactType: string };

/** What cosign pushes for a bundle (WriteReferrer of cosign 3.1), or something wrong of this form. */
async function referrer(layers: object[], more: object = {}): Promise<Referrer> {
  const subject = { mediaType: OCI_IMAGE, digest, size: 1 };
  const config = await push.blob('{}', OCI_EMPTY);
  const document = {
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    artifactType: BUNDLE,
    config,
    layers,
    subject,
    ...more,
  };
  return { ...(await push.manifest(document)), artifactType: BUNDLE };
}
const bundleBlob = (text: string) => push.blob(text, BUNDLE);
const list = (manifests: object[]) =>
  push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, tag());
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test('an image with nothing: nothing, and nothing skipped', async () => {
  await image();
  expect(await find()).toEqual({ found: [], skipped: [] });
});

test('the tags of the first format and bundles by the fallback tag, with where each is', async () => {
  await image();
  const annotations = { 'dev.cosignproject.cosign/signature': 'c2ln' };
  const payloads = [await push.blob('{"one":1}', SIMPLE), await push.blob('{"two":2}', SIMPLE)];
  const signed = await push.manifest(
    await layered(payloads.map((layer) => ({ ...layer, annotations }))),
    tag('.sig'),
  );
  const envelope = await push.blob('{"payload":""}', DSSE);
  const attested = await push.manifest(await layered([envelope]), tag('.att'));
  const bundle = await referrer([await bundleBlob('{"bundle":1}')]);
  await list([bundle]);
  const name = `registry.example/${repository}`;
  const { found, skipped } = await find();
  expect(skipped).toEqual([]);
  expect(
    found.map((one) => ({
      ...one,
      ...(one.way === 'simple-signing' ? { payload: text(one.payload) } : {}),
      ...(one.way === 'envelope' ? { envelope: text(one.envelope) } : {}),
      ...(one.way === 'bundle' ? { bundle: text(one.bundle) } : {}),
    })),
  ).toEqual([
    {
      way: 'simple-signing',
      where: `${name}:${tag('.sig')}, layer 0`,
      manifestDigest: signed.digest,
      payload: '{"one":1}',
      annotations,
    },
    {
      way: 'simple-signing',
      where: `${name}:${tag('.sig')}, layer 1`,
      manifestDigest: signed.digest,
      payload: '{"two":2}',
      annotations,
    },
    {
      way: 'envelope',
      where: `${name}:${tag('.att')}, layer 0`,
      manifestDigest: attested.digest,
      envelope: '{"payload":""}',
      annotations: {},
    },
    {
      way: 'bundle',
      where: `${name}@${bundle.digest}, layer 0`,
      manifestDigest: bundle.digest,
      bundle: '{"bundle":1}',
    },
  ]);
});

test("bundles by the referrers API, and cosign's older formats as referrers", async () => {
  await image();
  const all = [
    await referrer([await bundleBlob('a')]),
    await referrer([await push.blob('b', SIMPLE)], {
      artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
    }),
    await referrer([await push.blob('c', DSSE)], { artifactType: 'application/vnd.in-toto+json' }),
  ];
  const sbom = {
    ...(await referrer([await push.blob('d', 'text/spdx+json')])),
    artifactType: 'text/spdx+json',
  };
  front.answer = ({ path }, response) => {
    if (!path.endsWith(`/referrers/${digest}`)) return false;
    response.writeHead(200, { 'content-type': OCI_INDEX });
    response.end(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...all, sbom, all[0]] }),
    );
    return true;
  };
  front.calls.length = 0;
  const { found, skipped } = await find();
  expect(skipped).toEqual([]);
  expect(found.map(({ way, manifestDigest }) => [way, manifestDigest])).toEqual([
    ['bundle', all[0]?.digest],
    ['simple-signing', all[1]?.digest],
    ['envelope', all[2]?.digest],
  ]);
  expect(front.calls.some(({ path }) => path.endsWith(sbom.digest))).toBe(false);
});

test('whatever somebody may push is skipped with a reason, and hides nothing beside it', async () => {
  await image();
  const good = await referrer([await bundleBlob('good')]);
  const blob = await bundleBlob('other');
  const large = { mediaType: BUNDLE, digest: sha256('large'), size: 4 * MiB + 1 };
  // A registry checks that blobs are there, and not what is said of them.
  const lying = { ...(await bundleBlob('twelve bytes')), size: 5 };
  const long = { ...(await bundleBlob('twelve bytes!')), size: 100 };
  const foreign = await referrer([blob], {
    subject: { mediaType: OCI_IMAGE, digest: sha256('another image'), size: 1 },
  });
  const alone = await push.manifest(await layered([blob]));
  const two = await referrer([blob, await bundleBlob('second')]);
  const short = await referrer([lying]);
  const more = await referrer([long]);
  const gone = { mediaType: OCI_IMAGE, digest: sha256('gone'), size: 10, artifactType: BUNDLE };
  const algorithm = { ...gone, digest: `sha512:${'a'.repeat(128)}` };
  const listed = [
    foreign,
    { ...alone, artifactType: BUNDLE },
    two,
    short,
    more,
    gone,
    algorithm,
    { ...gone, digest: sha256('x'), size: 5 * MiB },
    good,
  ];
  // An index has no layers.
  await push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, tag('.sig'));
  front.answer = (call, response) => {
    if (call.path.includes('/referrers/')) {
      response.writeHead(200, { 'content-type': OCI_INDEX });
      response.end(JSON.stringify({ schemaVersion: 2, manifests: listed }));
      return true;
    }
    if (call.authorization === undefined || !call.path.endsWith(tag('.att'))) return false;
    const layers = [
      large,
      { ...large, size: 10, digest: `sha512:${'a'.repeat(128)}` },
      { ...large, size: 9, digest: sha256('no') },
    ];
    const document = { schemaVersion: 2, mediaType: OCI_IMAGE, config: blob, layers };
    response.writeHead(200, { 'content-type': OCI_IMAGE }).end(JSON.stringify(document));
    return true;
  };
  const { found, skipped } = await find();
  expect(found.map((one) => one.manifestDigest)).toEqual([good.digest]);
  const name = `registry.example/${repository}`;
  const why = Object.fromEntries(skipped.map((one) => [one.where.slice(name.length + 1), one.why]));
  expect(Object.keys(why)).toHaveLength(skipped.length);
  expect(why).toEqual({
    [tag('.sig')]: expect.stringContaining('an index'),
    [`${tag('.att')}, layer 0`]: expect.stringContaining('4194305 bytes'),
    [`${tag('.att')}, layer 1`]: expect.stringContaining('not SHA-256'),
    [`${tag('.att')}, layer 2`]: expect.stringContaining('404'),
    [foreign.digest]: expect.stringContaining('something else'),
    [alone.digest]: expect.stringContaining('something else'),
    [two.digest]: expect.stringContaining('beside its bundle'),
    [`${short.digest}, layer 0`]: expect.stringContaining('exceeds 5 bytes'),
    [`${more.digest}, layer 0`]: expect.stringContaining('13 bytes'),
    [gone.digest]: expect.stringContaining('404'),
    [algorithm.digest]: expect.stringContaining('not SHA-256'),
    [sha256('x')]: expect.stringContaining('5242880 bytes'),
  });
});

test('a fallback tag that is no index is skipped, and hides no signature', async () => {
  await image();
  await push.manifest(await layered([]), tag());
  await push.manifest(await layered([await push.blob('{}', SIMPLE)]), tag('.sig'));
  const { found, skipped } = await find();
  expect(found).toHaveLength(1);
  expect(skipped).toEqual([
    {
      where: `referrers of registry.example/${repository}@${digest}`,
      why: expect.stringContaining('image instead of a list'),
    },
  ]);
});

test('a flood of signatures: a hundred are read, the others are named', async () => {
  await image();
  const blob = await push.blob('{}', SIMPLE);
  await push.manifest(await layered(Array.from({ length: 150 }, () => blob)), tag('.sig'));
  const bundles = Array.from({ length: 120 }, (_, at) => ({
    mediaType: OCI_IMAGE,
    digest: sha256(`bundle ${at}`),
    size: 10,
    artifactType: BUNDLE,
  }));
  front.answer = ({ path }, response) => {
    if (!path.endsWith(`/referrers/${digest}`)) return false;
    response.writeHead(200, { 'content-type': OCI_INDEX });
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: bundles }));
    return true;
  };
  front.calls.length = 0;
  const { found, skipped } = await find();
  expect(found).toHaveLength(MOST_FOUND);
  expect(skipped).toHaveLength(101);
  expect(skipped.filter(({ why }) => why.includes('404'))).toHaveLength(99);
  expect(skipped[0]?.why).toContain('20 from this one on');
  // The last of the absent bundles, and the signatures after the first hundred.
  expect(skipped.at(-1)?.why).toBe('2 more were skipped');
  expect(front.calls.length).toBeLessThan(220);
});

test('large ones together are no more than 64 MiB', async () => {
  await image();
  const layers = Array.from({ length: 20 }, (_, at) => ({
    mediaType: SIMPLE,
    digest: sha256(`layer ${at}`),
    size: 4 * MiB,
  }));
  front.answer = (call, response) => {
    if (call.authorization === undefined || !call.path.endsWith('.sig')) return false;
    const config = { mediaType: OCI_EMPTY, digest: sha256('{}'), size: 2 };
    response.writeHead(200, { 'content-type': OCI_IMAGE });
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers }));
    return true;
  };
  const { found, skipped } = await find();
  expect(found).toEqual([]);
  expect(skipped.filter(({ why }) => /^4 from this one on .* 67108864 bytes$/.test(why))).toHaveLength(1);
  expect(skipped.filter(({ why }) => why.includes('404'))).toHaveLength(16);
});

test.each([
  ['is away', 503, {}, 'FB3805'],
  ['denies', 403, {}, 'FB3806'],
  ['sends elsewhere', 307, { location: 'http://169.254.169.254/' }, 'FB3807'],
  ['serves other bytes', 200, { 'content-type': OCI_IMAGE }, 'FB3804'],
])(
  'a registry that %s for one signature is an error, never an unsigned image',
  async (_what, status, headers, code) => {
    await image();
    const blob = await push.blob('{}', SIMPLE);
    await push.manifest(await layered([blob]), tag('.sig'));
    front.answer = ({ path }, response) =>
      path.endsWith(blob.digest) && (response.writeHead(status, headers).end('[]'), true);
    await expect(find()).rejects.toMatchObject({ code });
  },
);

test('a signature that vanishes between two looks is gone from the second', async () => {
  await image();
  const { digest: manifest } = await push.manifest(
    await layered([await push.blob('{}', SIMPLE)]),
    tag('.sig'),
  );
  expect((await find()).found).toHaveLength(1);
  await push.delete(manifest);
  expect(await find()).toEqual({ found: [], skipped: [] });
});
