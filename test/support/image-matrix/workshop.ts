import { randomBytes } from 'node:crypto';
import { findSignatures } from '../../../activities/images/signatures/find.ts';
import type {
  Found,
  FoundBundle,
  FoundEnvelope,
  FoundSimpleSigning,
} from '../../../activities/images/signatures/found.ts';
import { sha256, type Digest } from '../../../domain/json.ts';
import {
  basicAuthorization,
  OCI_EMPTY,
  OCI_IMAGE,
  OCI_INDEX,
  pushImage,
  pushIndex,
  pusher,
  type Pushed,
  type PushedIndex,
  type Pusher,
} from '../../../testbed/image.ts';
import type { Front } from '../registry-front.ts';
import type { Witnesses } from '../../../testbed/sigstore/signing-config.ts';
import { access, password, user, type Bench } from './bench.ts';
import type { Who } from './types.ts';

export interface How {
  by: Who;
  /** A bundle, unless it is cosign's first format. */
  format?: 'bundle' | 'first';
  /** Without it, a key's signature is in no log, and a certificate's in the first Rekor. */
  log?: Witnesses['log'];
  stamped?: boolean;
  recursive?: boolean;
  /** The first format as a referrer instead of under a tag: cosign calls that experimental. */
  referrer?: boolean;
}

export interface Attestation extends How {
  /** As cosign calls it, or a URI. */
  type: string;
  predicate: object;
}

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const SIMPLE = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const DSSE = 'application/vnd.dsse.envelope.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** What cases change of a bundle: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto */
export interface BundleJson {
  [field: string]: unknown;
  mediaType: string;
  verificationMaterial: {
    [field: string]: unknown;
    publicKey?: { hint: string };
    certificate?: { rawBytes: string };
    tlogEntries?: LogEntryJson[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope: {
    payload: string;
    payloadType: string;
    signatures: { sig: string; keyid?: string }[];
  };
}

export interface LogEntryJson {
  [field: string]: unknown;
  logIndex: string;
  integratedTime?: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: { rootHash: string; treeSize: string; hashes?: string[] };
  canonicalizedBody: string;
}

export interface Layer {
  bytes: Uint8Array | string;
  annotations?: Readonly<Record<string, string>>;
  mediaType?: string;
}

/** Where one case is made: a repository of its own. */
export interface Workshop {
  bench: Bench;
  front: Front;
  repository: string;
  push: Pusher;
  image(tag?: string): Promise<Digest>;
  index(tag?: string): Promise<PushedIndex>;
  /** Of each index that was pushed, its platforms' images. */
  children: Digest[];
  /** As a policy pins the trusted root. */
  trustedRootPin(): { file: string; sha256: Digest; asOf: string; maxAgeDays: number };
  /** Has cosign sign what a digest or a tag names. */
  sign(what: Digest | { tag: string }, how: How): Promise<void>;
  /** Has cosign attest. */
  attest(digest: Digest, how: Attestation): Promise<void>;
  found(digest: Digest): Promise<Found[]>;
  /** The only bundle of an image. */
  bundle(digest: Digest): Promise<FoundBundle>;
  /** The only signature in the first format. */
  first(digest: Digest): Promise<FoundSimpleSigning>;
  /** The only attestation in the first format. */
  envelope(digest: Digest): Promise<FoundEnvelope>;
  /** The referrers of an image from now on: one for each bundle. */
  bundles(digest: Digest, bundles: readonly (Uint8Array | string)[], more?: object): Promise<Pushed[]>;
  /** What is in its first format from now on, under `.sig`, or `.att` where that is said. */
  layers(digest: Digest, layers: readonly Layer[], suffix?: 'sig' | 'att'): Promise<Pushed>;
  /** Changes the only bundle. */
  rewrite(digest: Digest, change: (bundle: BundleJson) => unknown): Promise<void>;
}

export function workshop(bench: Bench): Workshop {
  const repository = `case/${randomBytes(6).toString('hex')}`;
  const { cosign, registry, client } = bench;
  const push = pusher(registry.url, repository, { authorization: basicAuthorization(user, password) });
  const name = `${registry.host}/${repository}`;
  const referenceOf = (what: Digest | { tag: string }) =>
    typeof what === 'string' ? `${name}@${what}` : `${name}:${what.tag}`;

  async function services({ by, format = 'bundle', log, stamped = false }: How): Promise<string[]> {
    const logged = log ?? ('identity' in by ? 'first' : undefined);
    const { sigstore } = bench;
    const signer =
      'key' in by
        ? ['--key', bench.keys[by.key].privateFile]
        : ['--identity-token', await cosign.file('token', sigstore.identityToken(by.identity))];
    const common = [...access, ...signer, '--trusted-root', bench.trustedRootFile];
    if (format === 'bundle')
      return [...common, '--signing-config', await bench.configuration({ log: logged, stamped })];
    return [
      ...common,
      '--use-signing-config=false',
      '--new-bundle-format=false',
      '--fulcio-url',
      sigstore.fulcioUrl,
      ...(logged === undefined ? ['--tlog-upload=false'] : ['--rekor-url', sigstore.firstRekorUrl]),
      ...(stamped ? ['--timestamp-server-url', sigstore.tsaUrl] : []),
    ];
  }

  const work: Workshop = {
    bench,
    front: bench.front,
    repository,
    push,
    image: async (tag) => (await pushImage(push, tag)).digest,
    async index(tag) {
      const index = await pushIndex(push, tag);
      work.children.push(...index.children.map(({ digest }) => digest));
      return index;
    },
    children: [],
    trustedRootPin: () => ({
      file: 'trusted-root.json',
      sha256: sha256(bench.trustedRoot),
      asOf: new Date().toISOString(),
      maxAgeDays: 30,
    }),
    async sign(what, how) {
      const recursive = how.recursive === true ? ['--recursive'] : [];
      const referrer = how.referrer === true ? ['--registry-referrers-mode=oci-1-1'] : [];
      const args = [...(await services(how)), ...recursive, ...referrer];
      const env = how.referrer === true ? { COSIGN_EXPERIMENTAL: '1' } : {};
      await cosign.must(['sign', '--yes', ...args, referenceOf(what)], env);
    },
    async attest(digest, how) {
      const predicate = await cosign.file('predicate.json', JSON.stringify(how.predicate));
      const about = ['--type', how.type, '--predicate', predicate];
      await cosign.must(['attest', '--yes', ...(await services(how)), ...about, referenceOf(digest)]);
    },
    async found(digest) {
      const at = { registry: registry.host, repository, digest };
      const { found } = await findSignatures(client, at, { signal: AbortSignal.timeout(10_000) });
      return [...found];
    },
    bundle: async (digest) => only(await work.found(digest), (one) => one.way === 'bundle'),
    first: async (digest) => only(await work.found(digest), (one) => one.way === 'simple-signing'),
    envelope: async (digest) => only(await work.found(digest), (one) => one.way === 'envelope'),
    async bundles(digest, bundles, more = {}) {
      const config = await push.blob('{}', OCI_EMPTY);
      const { bytes: image } = await client.manifest(
        { registry: registry.host, repository },
        digest,
        within(),
      );
      const manifests: (Pushed & { artifactType: string })[] = [];
      for (const bytes of bundles) {
        const document = {
          schemaVersion: 2,
          mediaType: OCI_IMAGE,
          artifactType: BUNDLE,
          config,
          layers: [await push.blob(bytes, BUNDLE)],
          subject: { mediaType: OCI_IMAGE, digest, size: image.length },
          annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope' },
          ...more,
        };
        manifests.push({ ...(await push.manifest(document)), artifactType: BUNDLE });
      }
      await push.manifest({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }, digest.replace(':', '-'));
      return manifests;
    },
    async layers(digest, layers, suffix = 'sig') {
      const pushed = [];
      for (const { bytes, annotations, mediaType = suffix === 'sig' ? SIMPLE : DSSE } of layers)
        pushed.push({
          ...(await push.blob(bytes, mediaType)),
          ...(annotations === undefined ? {} : { annotations }),
        });
      const rootfs = { type: 'layers', diff_ids: pushed.map((layer) => layer.digest) };
      const config = await push.blob(
        JSON.stringify({ architecture: '', os: '', config: {}, rootfs }),
        CONFIG,
      );
      const document = { schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: pushed };
      return push.manifest(document, `${digest.replace(':', '-')}.${suffix}`);
    },
    async rewrite(digest, change) {
      const { bundle } = await work.bundle(digest);
      const value: BundleJson = JSON.parse(Buffer.from(bundle).toString());
      const changed = change(value) ?? value;
      await work.bundles(digest, [typeof changed === 'string' ? changed : JSON.stringify(changed)]);
    },
  };
  return work;
}

const within = () => ({ signal: AbortSignal.timeout(10_000) });

function only<T extends Found>(found: readonly Found[], wanted: (one: Found) => one is T): T {
  const fitting = found.filter(wanted);
  const [first] = fitting;
  if (first === undefined || fitting.length > 1) throw new Error(`${fitting.length} of the kind, not one`);
  return first;
}
