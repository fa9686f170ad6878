import { FirebreakError } from '../../domain/errors.ts';
import type { ImageReason, PlatformImage } from '../../domain/image.ts';
import type { Digest } from '../../domain/json.ts';
import { formatPlatform, platformChild, platformChildren, type Platform } from './platform.ts';
import type { ImageIndex } from './registry/manifest.ts';

/** What of an index nodes run, or why that cannot be told. `others` are for no platform, such as attestations beside. */
export type Children = { children: PlatformImage[]; others: Digest[] } | { unusable: ImageReason };

/**
 * The manifests of an index that matter.
 * @param wanted the platforms of the nodes; all of the index when absent
 * @param where the index, for messages
 */
export function childrenOf(
  index: ImageIndex,
  wanted: readonly Platform[] | undefined,
  where: string,
): Children {
  try {
    if (wanted === undefined) return platformChildren(index, where);
    const children = wanted.map((platform) => ({
      platform: formatPlatform(platform),
      digest: platformChild(index, platform, where).digest,
    }));
    return { children, others: [] };
  } catch (error) {
    if (!(error instanceof FirebreakError) || error.code !== 'FB3810') throw error;
    // An image like any other, and whoever pushed it chose what is in it: it is refused, and is no failure.
    return { unusable: { code: 'platform-unusable', text: error.message.replace(/^FB3810: /, '') } };
  }
}
