import type { Digest } from '../../../domain/json.ts';
import { OCI_IMAGE, OCI_INDEX } from '../../../testbed/image.ts';
import type { FrontCall } from '../registry-front.ts';
import { signed } from './keys.ts';
import type { CaseGroup, ImageCase } from './types.ts';
import type { How, Workshop } from './workshop.ts';

const release = { key: 'release' } as const;

/** What is answered in place of the registry; undefined leaves it the answer. */
type Lie = (
  call: FrontCall,
) =>
  | { status?: number; type?: string; body?: Uint8Array | string; headers?: Record<string, string> }
  | undefined;

const lying =
  (how: How | undefined, lieOf: (work: Workshop, digest: Digest) => Lie | Promise<Lie>) =>
  async (work: Workshop) => {
    const digest = await work.image('v1');
    if (how !== undefined) await work.sign(digest, how);
    const lie = await lieOf(work, digest);
    work.front.answer = (call, response) => {
      if (!call.path.startsWith(`/v2/${work.repository}/`)) return false;
      const answer = lie(call);
      if (answer === undefined) return false;
      const body = Buffer.from(answer.body ?? '');
      response
        .writeHead(answer.status ?? 200, {
          'content-type': answer.type ?? OCI_IMAGE,
          'content-length': String(body.length),
          ...answer.headers,
        })
        .end(body);
      return true;
    };
    return digest;
  };

const bytesOf = async (work: Workshop, reference: string): Promise<Uint8Array> => {
  const from = { registry: work.bench.registry.host, repository: work.repository };
  return (await work.bench.client.manifest(from, reference, { signal: AbortSignal.timeout(10_000) })).bytes;
};

const tagOf = (digest: string): string => digest.replace(':', '-');
const ends =
  (end: string, answer: ReturnType<Lie>): Lie =>
  ({ path }) =>
    path.endsWith(end) ? answer : undefined;

const bundle: How = { by: release };
const first: How = { by: release, format: 'first' };

const cases: readonly Omit<ImageCase, 'allowed' | 'fronted'>[] = [
  {
    name: 'nothing is changed',
    make: lying(bundle, () => () => undefined),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'another manifest for the digest of the image',
    make: lying(bundle, async (work, digest) =>
      ends(`manifests/${digest}`, { body: await bytesOf(work, await work.image()) }),
    ),
    cosign: 'accepts',
    firebreak: 'FB3804',
    stricter:
      'cosign verifies the signature of a digest, and does not look at what the registry serves for it',
  },
  {
    name: 'another manifest for a tag, under the digest that is signed',
    async make(work) {
      const body = await bytesOf(work, await work.image());
      await lying(bundle, (_work, digest) =>
        ends('manifests/v1', { body, headers: { 'docker-content-digest': digest } }),
      )(work);
      return { tag: 'v1' };
    },
    cosign: 'refuses',
    firebreak: 'FB3804',
  },
  {
    name: 'another bundle for the digest of the bundle',
    make: lying(bundle, async (work, digest) => {
      const found = await work.bundle(digest);
      const other = await work.bundle(await signed(bundle)(work));
      const described: { layers: { digest: string }[] } = JSON.parse(
        Buffer.from(await bytesOf(work, found.manifestDigest)).toString(),
      );
      return ends(`blobs/${described.layers[0]?.digest}`, {
        body: other.bundle,
        type: 'application/octet-stream',
      });
    }),
    cosign: 'refuses',
    firebreak: 'FB3804',
  },
  {
    name: 'another payload for the digest of the payload, first format',
    make: lying(first, async (work, digest) => {
      const described: { layers: { digest: string }[] } = JSON.parse(
        Buffer.from(await bytesOf(work, `${tagOf(digest)}.sig`)).toString(),
      );
      return ends(`blobs/${described.layers[0]?.digest}`, { body: '{}', type: 'application/octet-stream' });
    }),
    cosign: 'refuses',
    firebreak: 'FB3804',
  },
  {
    name: 'signatures are hidden, bundle',
    make: lying(bundle, (_work, digest) => ends(`manifests/${tagOf(digest)}`, { status: 404 })),
    cosign: 'refuses',
    firebreak: 'unsigned',
  },
  {
    name: 'signatures are hidden, first format',
    make: lying(first, (_work, digest) => ends(`manifests/${tagOf(digest)}.sig`, { status: 404 })),
    cosign: 'refuses',
    firebreak: 'unsigned',
  },
  {
    name: 'signatures cannot be read just now, first format',
    make: lying(first, (_work, digest) => ends(`manifests/${tagOf(digest)}.sig`, { status: 503 })),
    cosign: 'refuses',
    firebreak: 'FB3805',
  },
  {
    name: 'signatures are denied, first format',
    make: lying(first, (_work, digest) => ends(`manifests/${tagOf(digest)}.sig`, { status: 403 })),
    cosign: 'refuses',
    firebreak: 'FB3806',
  },
  {
    name: 'signatures of another image are served as those of this one, first format',
    make: lying(undefined, async (work, digest) => {
      const other = await signed(first)(work);
      return ends(`manifests/${tagOf(digest)}.sig`, { body: await bytesOf(work, `${tagOf(other)}.sig`) });
    }),
    cosign: 'refuses',
    firebreak: 'wrong-subject',
  },
  {
    name: 'the referrers of another image are listed as those of this one',
    make: lying(undefined, async (work, digest) => {
      const other = await signed(bundle)(work);
      return ends(`manifests/${tagOf(digest)}`, { body: await bytesOf(work, tagOf(other)), type: OCI_INDEX });
    }),
    cosign: 'refuses',
    firebreak: 'not-examined',
  },
  {
    name: 'the list of referrers by the API of OCI',
    make: lying(bundle, async (work, digest) => {
      const list = await bytesOf(work, tagOf(digest));
      return ({ path }) => {
        if (path.endsWith(`/referrers/${digest}`)) return { body: list, type: OCI_INDEX };
        return path.endsWith(`manifests/${tagOf(digest)}`) ? { status: 404 } : undefined;
      };
    }),
    cosign: 'accepts',
    firebreak: 'accepts',
  },
  {
    name: 'an empty list of referrers by the API of OCI, where the tag has one',
    make: lying(bundle, (_work, digest) =>
      ends(`/referrers/${digest}`, {
        type: OCI_INDEX,
        body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }),
      }),
    ),
    cosign: 'refuses',
    firebreak: 'unsigned',
  },
  {
    name: 'an index whose child is not what its digest says, judged as a whole',
    async make(work) {
      const { digest, children } = await work.index();
      await work.sign(digest, bundle);
      const other = await bytesOf(work, await work.image());
      await lying(undefined, () => ends(`manifests/${children[0]?.digest}`, { body: other }))(work);
      return digest;
    },
    cosign: 'accepts',
    firebreak: 'accepts',
  },
];

export const registries: CaseGroup = {
  title: 'A registry that lies',
  cases: cases.map((one): ImageCase => ({ ...one, allowed: [release], fronted: true })),
};
