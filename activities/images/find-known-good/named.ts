import { covers } from '../repositories.ts';
import { canonicalName } from '../reference.ts';
import type { ImagePolicy } from '../policy.ts';
import type { TemplateContainer } from '../../kubernetes/workload/template.ts';
import type { FindKnownGoodInput } from './contract.ts';
import { judged, judgeContainer, referenceOf, type Asker, type JudgedContainer } from './containers.ts';
import { ofContainer, reason, type RevisionReason } from './reasons.ts';

/** What was made of the digests that a person or the policy names. */
export interface Named {
  acceptable: boolean;
  reasons: RevisionReason[];
  images: JudgedContainer[];
}

/**
 * For each container of a template: what the responder names, or its own image where that is acceptable, or the first of the policy's that is. Judged
 * like any other. At least one of them must be a named one: without, it would be what the history has.
 * @param now what the workload's containers say now; images that are the same are no way back
 */
export async function judgeNamed(
  containers: readonly TemplateContainer[],
  { digests = [] }: Pick<FindKnownGoodInput, 'digests'>,
  { knownGood }: Pick<ImagePolicy, 'knownGood'>,
  now: readonly TemplateContainer[],
  asker: Asker,
): Promise<Named> {
  const unknown = digests.filter(({ container }) => !containers.some(({ name }) => name === container));
  const found = await Promise.all(
    containers.map(async (one) => {
      const named = digests.find(({ container }) => container === one.name);
      if (named !== undefined)
        return { image: await askNamed(one, named.image, 'the responder', asker), named: true };
      const own = await judgeContainer(one, new Set(), asker);
      if (own.accepted) return { image: own, named: false };
      for (const image of knownOf(one.image, knownGood)) {
        const known = await askNamed(one, image, 'the policy', asker);
        if (known.accepted) return { image: known, named: true };
      }
      return { image: own, named: false };
    }),
  );
  const images = found.map(({ image }) => image);
  const against = [
    ...unknown.map((one) =>
      ofContainer(one, reason('container-unknown', 'the template has no such container')),
    ),
    ...(found.length === 0 ? [reason('no-containers', 'the template has no container')] : []),
    ...images
      .filter(({ accepted }) => !accepted)
      .flatMap((one) => one.reasons.map((why) => ofContainer(one, why))),
  ];
  if (against.length === 0 && isNow(images, now))
    against.push(reason('current', 'it is what the workload says now'));
  const usesNamed = found.some(({ named }) => named);
  if (against.length > 0 || !usesNamed) return { acceptable: false, reasons: against, images };
  return {
    acceptable: true,
    reasons: images.flatMap((one) => one.reasons.map((why) => ofContainer(one, why))),
    images,
  };
}

async function askNamed(
  { name, image: own }: TemplateContainer,
  image: string,
  by: string,
  asker: Asker,
): Promise<JudgedContainer> {
  return judged({ container: name, image: own }, await asker(image), [
    reason('named-digest', `${by} names ${image}`),
  ]);
}

/** What the policy knows as good of an image's repository, in its order. */
function knownOf(image: string, knownGood: ImagePolicy['knownGood']): string[] {
  const reference = referenceOf(image);
  if (reference === undefined) return [];
  const repository = canonicalName(reference);
  return knownGood
    .filter(({ repositories }) => repositories.some((pattern) => covers(pattern, repository)))
    .map(({ digest }) => `${repository}@${digest}`);
}

function isNow(images: readonly JudgedContainer[], now: readonly TemplateContainer[]): boolean {
  return images.every(({ container, pinned }) =>
    now.some(({ name, image }) => name === container && image === pinned),
  );
}
