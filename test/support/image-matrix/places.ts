import { OCI_IMAGE, OCI_INDEX, basicAuthorization, pusher } from '../../../testbed/image.ts';
import type { Digest } from '../../../domain/json.ts';
import { password, user } from './bench.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { How, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;
const formats = [
  ['bundle', 'bundle'],
  ['first', 'first format'],
] as const;

const allowed = [release];

/** The same image, in another repository. @returns its name */
async function copied(work: Workshop, digest: Digest): Promise<string> {
  const { registry, client } = work.bench;
  const from = { registry: registry.host, repository: work.repository };
  const { content } = await client.manifest(from, digest, within());
  if (content.kind !== 'image') throw new Error('no image');
  const repository = `${work.repository}-copy`;
  const push = pusher(registry.url, repository, { authorization: basicAuthorization(user, password) });
  const { bytes } = await client.manifest(from, digest, within());
  for (const { digest: blob, mediaType } of [content.config, ...content.layers])
    await push.blob(await client.blob(from, blob as Digest, within()), mediaType);
  await push.manifest(JSON.parse(Buffer.from(bytes).toString()));
  return repository;
}

const within = () => ({ signal: AbortSignal.timeout(10_000) });

const inBoth = formats.flatMap(([format, words]): ImageCase[] => {
  const how: How = { by: release, format };
  return [
    {
      name: `signed by its tag, judged by its digest, ${words}`,
      async make(work) {
        const digest = await work.image('v1');
        await work.sign({ tag: 'v1' }, how);
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `signed by its digest, judged by its tag, ${words}`,
      async make(work) {
        await work.sign(await work.image('v1'), how);
        return { tag: 'v1' };
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `the tag moved after signing, judged by the tag, ${words}`,
      async make(work) {
        await work.sign(await work.image('v1'), how);
        await work.image('v1');
        return { tag: 'v1' };
      },
      allowed,
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
    {
      name: `the tag moved after signing, judged by the digest it had, ${words}`,
      async make(work) {
        const digest = await work.image('v1');
        await work.sign(digest, how);
        await work.image('v1');
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `an index, signed alone, ${words}`,
      async make(work) {
        const { digest } = await work.index();
        await work.sign(digest, how);
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `a platform's image of an index that was signed alone, ${words}`,
      async make(work) {
        const { digest, children } = await work.index();
        await work.sign(digest, how);
        return children[0]?.digest ?? digest;
      },
      allowed,
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
    {
      name: `an index, signed with all in it, ${words}`,
      async make(work) {
        const { digest } = await work.index();
        await work.sign(digest, { ...how, recursive: true });
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `a platform's image of an index that was signed with all in it, ${words}`,
      async make(work) {
        const { digest, children } = await work.index();
        await work.sign(digest, { ...how, recursive: true });
        return children[1]?.digest ?? digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: `an index of which only the images are signed, ${words}`,
      async make(work) {
        const { digest, children } = await work.index();
        for (const child of children) await work.sign(child.digest, how);
        return digest;
      },
      allowed,
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
    {
      name: `another index of the same, signed images, ${words}`,
      async make(work) {
        const { children } = await work.index();
        for (const child of children) await work.sign(child.digest, how);
        const [first] = children;
        const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [first] };
        return (await work.push.manifest(document)).digest;
      },
      allowed,
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
    {
      name: `copied to another repository without its signature, ${words}`,
      async make(work) {
        const digest = await work.image();
        await work.sign(digest, how);
        return { digest, repository: await copied(work, digest) };
      },
      allowed,
      cosign: 'refuses',
      firebreak: 'unsigned',
    },
  ];
});

export const places: CaseGroup = {
  title: 'Tags, platforms and repositories',
  cases: [
    ...inBoth,
    {
      name: 'an index, signed by a certificate with all in it',
      async make(work) {
        const { digest, children } = await work.index();
        await work.sign(digest, { by: { identity: 'release@shop.example' }, recursive: true });
        return children[0]?.digest ?? digest;
      },
      allowed: [{ identity: 'release@shop.example' }],
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'copied to another repository with its signature, first format',
      async make(work) {
        const digest = await work.image();
        await work.sign(digest, { by: release, format: 'first' });
        const { payload, annotations } = await work.first(digest);
        const repository = await copied(work, digest);
        const { registry } = work.bench;
        const push = pusher(registry.url, repository, { authorization: basicAuthorization(user, password) });
        const layer = await push.blob(payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
        const config = await push.blob('{}', 'application/vnd.oci.image.config.v1+json');
        const layers = [{ ...layer, annotations }];
        const document = { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers };
        await push.manifest(document, `${digest.replace(':', '-')}.sig`);
        return { digest, repository };
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'an index that names one platform twice, signed',
      async make(work) {
        const { children } = await work.index();
        const [first, second] = children;
        const manifests = [first, { ...second, platform: first?.platform }];
        const { digest } = await work.push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
        await work.sign(digest, { by: release });
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'accepts',
    },
    {
      name: 'an index of an index, signed',
      async make(work) {
        const { digest: inner, size } = await work.index();
        const manifests = [{ mediaType: OCI_INDEX, digest: inner, size }];
        const { digest } = await work.push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
        await work.sign(digest, { by: release });
        return digest;
      },
      allowed,
      cosign: 'accepts',
      firebreak: 'platform-unusable',
      stricter: 'which image of the inner index a node runs cannot be told',
    },
  ],
};
