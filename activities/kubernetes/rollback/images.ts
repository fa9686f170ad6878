import { z } from 'zod';
import { isDigest } from '../../images/reference.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import type { Digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { containersOf, withImages } from '../workload/template.ts';
import type { PodTemplate } from '../workload/kinds.ts';
import type { RollbackInput } from './contract.ts';
import { unacceptable, wrongImages } from './failures.ts';
import { digestShape } from '../shapes.ts';

export const approvedShape = z.object({
  container: z.string(),
  image: z.string(),
  digest: digestShape,
  children: z.array(z.object({ platform: z.string(), digest: digestShape })),
});

/** What a container is to run, and what of it the nodes may report. An index's digest fixes its children. */
export interface Approved {
  container: string;
  /** `<repository>@sha256:…` */
  image: string;
  digest: Digest;
  children: { platform: string; digest: Digest }[];
}

/** A template with every image pinned as the input says. @throws FirebreakError FB3244 */
export function pinned(template: PodTemplate, { images }: RollbackInput['to']): PodTemplate {
  const names = containersOf(template).map(({ name }) => name);
  const given = images.map(({ container }) => container);
  const missing = names.filter((name) => !given.includes(name));
  const unknown = given.filter((name) => !names.includes(name));
  const twice = given.filter((name, at) => given.indexOf(name) !== at);
  if (missing.length > 0) throw wrongImages(`${oneLine(missing.join(', '), 300)} is missing`);
  if (unknown.length > 0)
    throw wrongImages(`the template has no container ${oneLine(unknown.join(', '), 300)}`);
  if (twice.length > 0) throw wrongImages(`${oneLine(twice.join(', '), 300)} is named twice`);
  return withImages(template, new Map(images.map(({ container, image }) => [container, image])));
}

/**
 * Asks whether each image may run, now.
 * @param platforms those of the nodes that may run it
 * @throws FirebreakError FB3245 for one that may not; whatever the assessor throws
 */
export async function judged(
  assessor: ImageAssessor,
  { images }: RollbackInput['to'],
  platforms: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Approved[]> {
  const options = { signal, ...(platforms === undefined ? {} : { platforms }) };
  const distinct = [...new Set(images.map(({ image }) => image))];
  const found = new Map(
    await Promise.all(
      distinct.map(async (image) => {
        const { judgement, digest: named, children } = await assessor.assess(image, options);
        if (judgement.verdict !== 'accepted') throw unacceptable(image, judgement);
        if (!image.endsWith(`@${named}`))
          throw unacceptable(image, {
            reasons: [{ code: 'wrong-subject', text: `another digest was judged, ${named}` }],
          });
        return [image, { digest: named, children }] as const;
      }),
    ),
  );
  return images.flatMap(({ container, image }) => {
    const one = found.get(image);
    return one === undefined ? [] : [{ container, image, ...one }];
  });
}

/** What a runtime says of a container: the digest that its image was pulled by. undefined where it names none, as for an image's own id. */
export function reportedDigest(imageID: string): Digest | undefined {
  const text = imageID.slice(imageID.indexOf('@') + 1);
  return imageID.includes('@') && isDigest(text) ? text : undefined;
}

/** Whether a node of a platform may report it: the digest that was named, or that of the child for this platform. */
export function mayReport({ digest: named, children }: Approved, reported: Digest, platform = ''): boolean {
  if (reported === named) return true;
  const [os, architecture] = platform.split('/');
  return children.some(({ platform: its, digest: child }) => {
    const [itsOs, itsArchitecture] = its.split('/');
    return child === reported && os !== '' && itsOs === os && itsArchitecture === architecture;
  });
}
