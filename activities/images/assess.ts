import type { ImageAssessment, ImageAssessor, ImageJudgement } from '../../domain/image.ts';
import type { Digest } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { childrenOf, type Children } from './children.ts';
import type { PolicySource } from './in-force.ts';
import { judge } from './judge.ts';
import { parsePlatform, type Platform } from './platform.ts';
import { canonicalName, parseReference } from './reference.ts';
import type { FetchedManifest, RegistryClient } from './registry/client.ts';
import { rememberContent } from './registry/content-cache.ts';
import { findSignatures, type ImageAt } from './signatures/find.ts';
import { rememberVerifications } from './signatures/verifications.ts';

export interface AssessorOptions {
  client: Pick<RegistryClient, 'manifest' | 'blob' | 'referrers'>;
  policy: PolicySource;
  now?: () => Date;
  /** For content that was proven by its digest; 64 MiB when absent. */
  cacheBytes?: number;
}

const CACHE_BYTES = 64 * 1024 * 1024;

/** Judges images by what registries hold of them now. May be asked many at once: registries are asked a few reads at a time. */
export function createImageAssessor({
  client,
  policy,
  now = () => new Date(),
  cacheBytes = CACHE_BYTES,
}: AssessorOptions): ImageAssessor {
  const reader = rememberContent(client, cacheBytes);
  const verify = rememberVerifications();

  return {
    async assess(reference, { signal, platforms }) {
      const wanted = platforms?.map(parsePlatform);
      const { registry, repository, tag = 'latest', digest: pinned } = parseReference(reference);
      const { policy: rules, ...trust } = await policy();
      // With a digest a runtime looks at no tag.
      const manifest = await reader.manifest({ registry, repository }, pinned ?? tag, { signal });
      const image: ImageAt = { registry, repository, digest: manifest.digest };
      const parts = partsOf(manifest, wanted, `${canonicalName(image)}@${image.digest}`);
      const { found, skipped } = await findSignatures(reader, image, { signal });
      const at = now();
      const judgement = judge(
        {
          repository: canonicalName(image),
          digests: digestsOf(image.digest, parts),
          claims: found.map((one) => verify(one, image.digest, trust, at)),
          skipped,
        },
        rules,
        at,
      );
      return assessment(image, parts, judgement);
    },
  };
}

function partsOf(
  { content }: FetchedManifest,
  wanted: readonly Platform[] | undefined,
  where: string,
): Children {
  return content.kind === 'index'
    ? childrenOf(content, wanted, oneLine(where, 400))
    : { children: [], others: [] };
}

function digestsOf(digest: Digest, parts: Children): Digest[] {
  if ('unusable' in parts) return [digest];
  return [...new Set([digest, ...parts.children.map((child) => child.digest), ...parts.others])];
}

/** A signature of an index covers what it names by digest. So what a node would run of it must be known, or the signature says nothing of that. */
function assessment(image: ImageAt, parts: Children, judgement: ImageJudgement): ImageAssessment {
  const common = { repository: canonicalName(image), digest: image.digest };
  if (!('unusable' in parts)) return { ...common, children: parts.children, judgement };
  const against = judgement.verdict === 'refused' ? judgement.reasons : [];
  return {
    ...common,
    children: [],
    judgement: { verdict: 'refused', reasons: [parts.unusable, ...against] },
  };
}
