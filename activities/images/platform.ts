import { FirebreakError } from '../../domain/errors.ts';
import type { PlatformImage } from '../../domain/image.ts';
import type { Digest } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { isDigest } from './reference.ts';
import type { DescribedPlatform, Descriptor, ImageIndex } from './registry/manifest.ts';

/** What a node runs on, as `status.nodeInfo` of Kubernetes says. */
export interface Platform {
  /** `linux` */
  os: string;
  /** `amd64`, `arm64` … */
  architecture: string;
  /** `v7` of `arm`. Absent: whichever there is, if there is one only. */
  variant?: string;
}

const part = /^[a-z0-9][a-z0-9_.-]{0,63}$/;
const indexType = /^application\/vnd\.(?:oci\.image\.index|docker\.distribution\.manifest\.list)\./;
/** Other names of the same, as container runtimes take them (containerd/platforms). */
const architectures = new Map([
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['aarch64', 'arm64'],
  ['armhf', 'arm'],
]);
/** What an architecture is where no variant is named. */
const plainVariant = new Map([
  ['arm64', 'v8'],
  ['amd64', 'v1'],
]);

/** `linux/arm64/v8` as a platform. @throws FirebreakError FB3810 */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...more] = text.split('/');
  if (more.length > 0 || ![os, architecture, variant ?? 'v1'].every((one) => part.test(one)))
    throw unusable(
      `${JSON.stringify(oneLine(text, 100))} is no platform: write <os>/<architecture>[/<variant>]`,
    );
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: DescribedPlatform): string {
  return [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/');
}

/**
 * The manifest of an index that a node of this platform runs. Where runtimes could choose between several, none is: which one runs must be known.
 * @param where the index, for messages
 * @throws FirebreakError FB3810: there is none, there are several, or the index holds what may be any platform's
 */
export function platformChild(
  index: Pick<ImageIndex, 'manifests'>,
  platform: Platform,
  where: string,
): Descriptor & { digest: Digest } {
  const wanted = formatPlatform(platform);
  if (isUnknown(platform)) throw unusable(`a platform must be known, and ${oneLine(wanted, 100)} is not`);
  refuseUnclear(index, where);
  const fitting = index.manifests.filter(
    (child) => child.platform !== undefined && fits(child.platform, platform),
  );
  const [first] = fitting;
  if (first === undefined)
    throw unusable(`${where} has no image for ${oneLine(wanted, 100)}; it has ${offered(index.manifests)}`);
  if (fitting.some(({ digest }) => digest !== first.digest))
    throw unusable(`${where} has several images for ${oneLine(wanted, 100)}: ${offered(fitting)}`);
  const { digest } = first;
  if (!isDigest(digest))
    throw unusable(`${where} names its image for ${oneLine(wanted, 100)} by another digest than SHA-256`);
  return { ...first, digest };
}

/**
 * The manifests of an index that nodes of some platform run, each once; and what beside is for none, such as attestations.
 * @throws FirebreakError FB3810: there is no image, or the index holds what may be any platform's
 */
export function platformChildren(
  index: Pick<ImageIndex, 'manifests'>,
  where: string,
): { children: PlatformImage[]; others: Digest[] } {
  refuseUnclear(index, where);
  const children = new Map<string, PlatformImage>();
  const others: Digest[] = [];
  for (const { digest, platform } of index.manifests) {
    if (!isDigest(digest))
      throw unusable(`${where} names ${oneLine(digest, 100)} by another digest than SHA-256`);
    if (platform === undefined || isUnknown(platform)) others.push(digest);
    else {
      const child = { platform: oneLine(formatPlatform(platform), 100), digest };
      children.set(`${child.platform} ${digest}`, child);
    }
  }
  if (children.size === 0) throw unusable(`${where} has no image for any platform`);
  return { children: [...children.values()], others };
}

/** What a runtime may choose otherwise than is known here. */
function refuseUnclear(index: Pick<ImageIndex, 'manifests'>, where: string): void {
  for (const { mediaType, digest, platform } of index.manifests) {
    if (indexType.test(mediaType))
      throw unusable(
        `${where} holds another index, ${oneLine(digest, 100)}: which image runs cannot be told`,
      );
    if (platform === undefined)
      throw unusable(`${where} holds ${oneLine(digest, 100)} for no platform, so that any node may run it`);
  }
}

const isUnknown = ({ os, architecture }: DescribedPlatform) => os === 'unknown' || architecture === 'unknown';

function fits(its: DescribedPlatform, platform: Platform): boolean {
  const one = normal(its);
  const other = normal(platform);
  if (one.os !== other.os || one.architecture !== other.architecture) return false;
  return other.variant === '' || one.variant === other.variant;
}

function normal({ os, architecture, variant = '' }: DescribedPlatform): Required<Platform> {
  const lower = architecture.toLowerCase();
  const known = architectures.get(lower) ?? lower;
  return {
    os: os.toLowerCase(),
    architecture: known,
    variant: variant.toLowerCase() || (plainVariant.get(known) ?? ''),
  };
}

function offered(children: readonly Descriptor[]): string {
  const names = children.flatMap(({ platform }) =>
    platform === undefined ? [] : [formatPlatform(platform)],
  );
  return names.length === 0 ? 'none' : oneLine(names.join(', '), 300);
}

function unusable(message: string): FirebreakError {
  return new FirebreakError('FB3810', message);
}
