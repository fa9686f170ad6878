import { canonicalName, isDigest } from '../reference.ts';
import type { Digest } from '../../../domain/json.ts';
import type { RegistryClient, Repository } from '../registry/client.ts';
import { isRegistryError } from '../registry/errors.ts';
import type { Descriptor, ImageManifest } from '../registry/manifest.ts';
import type { Findings, Found, Skipped } from './found.ts';

/** An image, or an index, of a repository. */
export interface ImageAt extends Repository {
  digest: Digest;
}

export const MOST_FOUND = 100;
/** Bytes of one signature or attestation, as its manifest has them. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Bytes of all of them. */
const MOST_BYTES_TOGETHER = 64 * 1024 * 1024;
/** Bytes of all manifests that refer to an image: reading one takes time in which nothing else is done. */
const MOST_MANIFEST_BYTES = 8 * 1024 * 1024;
/** What is said of the others is that there are more. */
const MOST_SKIPPED = 100;
const AT_ONCE = 4;

const bundleType = 'application/vnd.dev.sigstore.bundle';
const wayOfLayer = new Map<string, Found['way']>([
  ['application/vnd.dev.cosign.simplesigning.v1+json', 'simple-signing'],
  ['application/vnd.dsse.envelope.v1+json', 'envelope'],
]);
/** Beside bundles: what cosign's referrers of the older formats say that they are, and what clients say of an artifact that does not say it. */
const signatureLike = new Set([
  undefined,
  '',
  'application/vnd.oci.empty.v1+json',
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.dev.cosign.artifact.sig.v1+json',
  'application/vnd.dev.cosign.artifact.att.v1+json',
  'application/vnd.in-toto+json',
]);

type Reader = Pick<RegistryClient, 'manifest' | 'blob' | 'referrers'>;

/** A layer that is to be read. */
interface Candidate {
  way: Found['way'];
  where: string;
  manifestDigest: Digest;
  /** The layer. */
  described: Descriptor;
}

/**
 * All that a registry holds which says that it signs or attests one manifest: the tags `sha256-<hex>.sig` and `.att` of cosign's first format, and what
 * refers to it (API, or fallback tag). Nothing is verified. What cannot be read because of how it was stored is skipped, with the reason: anybody who may
 * push could store it. That the registry is away, denies, or serves other bytes than it names, is an error: it must not look like an unsigned image.
 * @throws RegistryError FB3804 to FB3807
 */
export async function findSignatures(
  client: Reader,
  image: ImageAt,
  options: { signal: AbortSignal },
): Promise<Findings> {
  const tag = image.digest.replace(':', '-');
  const skips: [Skipped[], Skipped[], Skipped[]] = [[], [], []];
  const [signed, attested, referring] = await Promise.all([
    ofTag(client, image, `${tag}.sig`, 'simple-signing', options, skips[0]),
    ofTag(client, image, `${tag}.att`, 'envelope', options, skips[1]),
    ofReferrers(client, image, options, skips[2]),
  ]);
  const skipped = skips.flat();
  const chosen = affordable([...signed, ...attested, ...referring], MOST_BYTES_TOGETHER, skipped);
  const read = await inOrder(chosen, (candidate) => readLayer(client, image, candidate, options, skipped));
  const more = skipped.length - MOST_SKIPPED;
  const named = skipped.slice(0, MOST_SKIPPED);
  if (more > 0) skip(named, canonicalName(image), `${more} more were skipped`);
  return { found: read.filter((found) => found !== undefined), skipped: named };
}

/** The layers of an image under a tag. The tag says what they are, as it does to cosign. */
async function ofTag(
  client: Reader,
  image: ImageAt,
  tag: string,
  way: Found['way'],
  options: { signal: AbortSignal },
  skipped: Skipped[],
): Promise<Candidate[]> {
  const where = `${canonicalName(image)}:${tag}`;
  const manifest = await orSkip(where, skipped, async () => {
    try {
      return await client.manifest(image, tag, options);
    } catch (error) {
      if (isRegistryError(error, 'gone')) return undefined;
      throw error;
    }
  });
  if (manifest === undefined) return [];
  const { content, digest } = manifest;
  if (content.kind === 'index') {
    skipped.push({ where, why: 'it is an index, which is no place of signatures' });
    return [];
  }
  return content.layers.map((layer, at) => ({
    way,
    where: `${where}, layer ${at}`,
    manifestDigest: digest,
    described: layer,
  }));
}

async function ofReferrers(
  client: Reader,
  image: ImageAt,
  options: { signal: AbortSignal },
  skipped: Skipped[],
): Promise<Candidate[]> {
  const name = canonicalName(image);
  const list = await orSkip(`referrers of ${name}@${image.digest}`, skipped, () =>
    client.referrers(image, image.digest, options),
  );
  if (list === undefined) return [];
  if (list.truncated)
    skip(skipped, `referrers of ${name}@${image.digest}`, `more than ${list.descriptors.length} are listed`);
  const likely = new Map(
    list.descriptors
      .filter(({ artifactType: type }) => signatureLike.has(type) || type?.startsWith(bundleType))
      .map((described) => [described.digest, { where: `${name}@${described.digest}`, described }]),
  );
  const looked = affordable([...likely.values()], MOST_MANIFEST_BYTES, skipped);
  const each = await inOrder(looked, async ({ where, described: { digest, size } }) => {
    const manifest = await orSkip(where, skipped, () =>
      client.manifest(image, digest, { ...options, maxBytes: size }),
    );
    if (manifest?.content.kind === 'index') return skip(skipped, where, 'it is an index');
    return manifest === undefined ? [] : layersOf(image, manifest.content, manifest.digest, where, skipped);
  });
  return each.flat();
}

function layersOf(
  image: ImageAt,
  { layers, subject }: ImageManifest,
  manifestDigest: Digest,
  where: string,
  skipped: Skipped[],
): Candidate[] {
  if (subject?.digest !== image.digest)
    return skip(skipped, where, 'it is listed as a referrer, and refers to something else');
  const isBundle = layers.some(({ mediaType }) => mediaType.startsWith(bundleType));
  if (isBundle && layers.length !== 1) return skip(skipped, where, 'it has something beside its bundle');
  return layers.flatMap((layer, at) => {
    const way = isBundle ? 'bundle' : wayOfLayer.get(layer.mediaType);
    return way === undefined
      ? []
      : [{ way, where: `${where}, layer ${at}`, manifestDigest, described: layer }];
  });
}

/** As many as one image may have, of the sizes that they are said to have; reading them sees to it that they are no larger. */
function affordable<T extends { where: string; described: Descriptor }>(
  candidates: readonly T[],
  mostBytes: number,
  skipped: Skipped[],
): T[] {
  const chosen: T[] = [];
  const beyond: T[] = [];
  let bytes = 0;
  for (const candidate of candidates) {
    const { where, described } = candidate;
    const { digest, size } = described;
    if (!isDigest(digest)) skip(skipped, where, 'its digest is not SHA-256');
    else if (size > MOST_BYTES) skip(skipped, where, `it has ${size} bytes; ${MOST_BYTES} are read at most`);
    else if (chosen.length >= MOST_FOUND || bytes + size > mostBytes) beyond.push(candidate);
    else {
      bytes += size;
      chosen.push(candidate);
    }
  }
  const [first] = beyond;
  if (first !== undefined)
    skip(
      skipped,
      first.where,
      `${beyond.length} from this one on are more than ${MOST_FOUND}, or than ${mostBytes} bytes`,
    );
  return chosen;
}

async function readLayer(
  client: Reader,
  image: ImageAt,
  { way, where, manifestDigest, described }: Candidate,
  { signal }: { signal: AbortSignal },
  skipped: Skipped[],
): Promise<Found | undefined> {
  const { digest, size, annotations = {} } = described;
  if (!isDigest(digest)) return undefined;
  const bytes = await orSkip(where, skipped, () => client.blob(image, digest, { signal, maxBytes: size }));
  if (bytes === undefined) return undefined;
  if (bytes.length !== size) {
    skip(skipped, where, `it has ${bytes.length} bytes, and its manifest says ${size}`);
    return undefined;
  }
  const at = { where, manifestDigest };
  if (way === 'bundle') return { way, ...at, bundle: bytes };
  return way === 'envelope'
    ? { way, ...at, envelope: bytes, annotations }
    : { way, ...at, payload: bytes, annotations };
}

/** undefined, and noted, when what is stored cannot be read. What is wrong with the registry is thrown. */
async function orSkip<T>(where: string, skipped: Skipped[], read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isRegistryError(error, 'gone', 'malformed', 'too-large')) throw error;
    skipped.push({ where, why: error.message });
    return undefined;
  }
}

function skip(skipped: Skipped[], where: string, why: string): [] {
  skipped.push({ where, why });
  return [];
}

/** A few at once, so that an image with many signatures is no burden to its registry. */
async function inOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  return results;
}
