import { FirebreakError } from '../../domain/errors.ts';
import type { ImageAssessment, ImageAssessor, ImageJudgement } from '../../domain/image.ts';
import type { Digest } from '../../domain/json.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { childrenOf, type Children } from './children.ts';
import { judge } from './judge.ts';
import { parsePlatform, type Platform } from './platform.ts';
import type { ImagePolicy } from './policy.ts';
import { canonicalName, parseReference } from './reference.ts';
import type { FetchedManifest, RegistryClient } from './registry/client.ts';
import { rememberContent } from './registry/content-cache.ts';
import { findSignatures, type ImageAt } from './signatures/find.ts';
import { rememberVerifications, type NamedTrust } from './signatures/verifications.ts';

/** What is in force now. */
export interface PolicyInForce extends NamedTrust {
  policy: ImagePolicy;
}

export interface AssessorOptions {
  client: Pick<RegistryClient, 'manifest' | 'blob' | 'referrers'>;
  /**
   * Asked at each assessment: a policy that changes in the midst of an incident counts at once.
   * @throws FirebreakError FB3811 to FB3814, FB3820, FB3821: nothing is then assessed
   */
  policy: () => Promise<PolicyInForce>;
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
      const { policy: inForce, ...trust } = await policy();
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
        inForce,
        at,
      );
      return assessment(image, parts, judgement);
    },
  };
}

/** As an assessor that has no policy to judge by. */
export const noPolicy = (): Promise<never> =>
  Promise.reject(
    new FirebreakError(
      'FB3820',
      'no image can be judged without a policy: set images.policy in firebreak.yaml',
    ),
  );

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
