import { parse } from 'lossless-json';
import { z } from 'zod';

/** What a manifest says of something else. Its content is proven only by reading it. */
export interface Descriptor {
  mediaType: string;
  /** Of any algorithm; `isDigest` of reference.ts tells the ones that can be read. */
  digest: string;
  /** Bytes. */
  size: number;
  artifactType?: string | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
  platform?: DescribedPlatform | undefined;
}

/** For which machines an image of an index is. */
export interface DescribedPlatform {
  os: string;
  architecture: string;
  variant?: string | undefined;
}

/** One image, or another artifact. */
export interface ImageManifest {
  kind: 'image';
  mediaType: string;
  artifactType?: string | undefined;
  config: Descriptor;
  layers: Descriptor[];
  subject?: Descriptor | undefined;
}

/** A list of manifests, one a platform. */
export interface ImageIndex {
  kind: 'index';
  mediaType: string;
  artifactType?: string | undefined;
  manifests: Descriptor[];
  subject?: Descriptor | undefined;
}

/** A document that is no manifest, or one that two readers may read differently. */
export class MalformedError extends Error {}

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const imageTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const indexTypes = [OCI_INDEX, 'application/vnd.docker.distribution.manifest.list.v2+json'];
/** What is asked for, and all that is read. */
export const manifestTypes = [...imageTypes, ...indexTypes];

const text = z.string().max(1024);
const descriptor = z.object({
  mediaType: text.min(1),
  digest: text.regex(/^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/, 'is no digest'),
  size: z.int().nonnegative(),
  artifactType: text.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z.object({ os: text, architecture: text, variant: text.optional() }).optional(),
});
const common = {
  schemaVersion: z.literal(2),
  mediaType: text.optional(),
  artifactType: text.optional(),
  subject: descriptor.optional(),
};
/** Go writes an empty list as null. */
const descriptors = z
  .array(descriptor)
  .nullable()
  .transform((list) => list ?? []);
const image = z.object({ ...common, config: descriptor, layers: descriptors });
const index = z.object({ ...common, manifests: descriptors });

/**
 * Reads a manifest of the OCI or of Docker. What is signed is bytes, so a document that Go's readers may understand otherwise than this one is refused:
 * repeated keys, keys that differ in case only, and a list that is an image as well (CVE-2021-41190).
 * @param contentType as served: it says what a document is that does not say so itself
 * @throws MalformedError
 */
export function parseManifest(bytes: Uint8Array, contentType: string): ImageManifest | ImageIndex {
  const document = parseDocument(bytes);
  const served = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const own: unknown = Reflect.get(document, 'mediaType');
  if (own !== undefined && own !== served && manifestTypes.includes(served))
    throw new MalformedError(`it is served as ${served} and says that it is ${JSON.stringify(own)}`);
  const mediaType = typeof own === 'string' ? own : served;
  if (!manifestTypes.includes(mediaType))
    throw new MalformedError(`its media type ${JSON.stringify(mediaType)} is none of an image or an index`);
  const isIndex = indexTypes.includes(mediaType);
  for (const key of isIndex ? ['config', 'layers', 'fsLayers'] : ['manifests', 'fsLayers'])
    if (key in document)
      throw new MalformedError(`it is an image and an index at once: it has ${JSON.stringify(key)}`);
  const read = isIndex
    ? { ...checked(index, document), kind: 'index' as const }
    : { ...checked(image, document), kind: 'image' as const };
  return { ...read, mediaType };
}

/** A JSON object that has one reading. @throws MalformedError */
export function parseDocument(bytes: Uint8Array): object {
  let document: unknown;
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    // Unlike JSON.parse it refuses repeated keys.
    document = parse(decoded, undefined, Number);
    refuseCaseVariants(document);
  } catch (error) {
    if (error instanceof MalformedError) throw error;
    throw new MalformedError(
      `it is no JSON that can be read: ${error instanceof Error ? error.message : 'unknown'}`,
    );
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new MalformedError('it is no JSON object');
  return document;
}

/** Go takes `Manifests` for `manifests`. Annotations are a map, whose keys mean what they are. */
function refuseCaseVariants(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) {
    for (const key of Object.keys(value))
      if (known.get(fold(key)) !== undefined && known.get(fold(key)) !== key)
        throw new MalformedError(
          `its key ${JSON.stringify(key)} is ${JSON.stringify(known.get(fold(key)))} to others`,
        );
  }
  for (const [key, inner] of Object.entries(value)) if (key !== 'annotations') refuseCaseVariants(inner);
}

/** As Go folds the keys of structs: two letters of Unicode beside ASCII's have an ASCII letter for their small one. */
const fold = (key: string) => key.toLowerCase().replaceAll('\u017F', 's').replaceAll('\u212A', 'k');

const known = new Map(
  [...Object.keys(image.shape), ...Object.keys(index.shape), ...Object.keys(descriptor.shape)]
    .concat(['os', 'architecture', 'variant', 'fsLayers', 'os.version'])
    .map((key) => [fold(key), key]),
);

function checked<T>(schema: z.ZodType<T>, document: object): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new MalformedError(
    `its ${issue?.path.join('.') || 'document'} is wrong: ${issue?.message ?? 'unknown'}`,
  );
}
