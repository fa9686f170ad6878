import type { ImageAssessor, ImageAssessment, ImageSigner } from '../../../domain/image.ts';
import type { Digest } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { TemplateContainer } from '../../kubernetes/workload/template.ts';
import { ask, type Answer } from '../ask.ts';
import { canonicalName, parseReference } from '../reference.ts';
import { reason, type RevisionReason } from './reasons.ts';

/** What was made of one container's image. */
export interface JudgedContainer {
  container: string;
  /** As the template has it. */
  image: string;
  /** `<repository>@sha256:…`: what was judged, and is to run. Empty where it could not be had. */
  pinned: string;
  accepted: boolean;
  reasons: RevisionReason[];
  /** Of the image, and of its platforms that were judged. */
  digests: Digest[];
  by?: ImageSigner;
  signedAt?: string;
}

/** Asks for an image once, however many revisions have it. */
export type Asker = (reference: string) => Promise<Answer>;

export function createAsker(assessor: ImageAssessor, options: Parameters<ImageAssessor['assess']>[1]): Asker {
  const asked = new Map<string, Promise<Answer>>();
  return (reference) => {
    const known = asked.get(reference) ?? ask(assessor, reference, options);
    asked.set(reference, known);
    return known;
  };
}

/**
 * Judges the image of a container of a revision. A tag may have moved since the revision ran: what its pods are known to have run counts, and where
 * nothing is known, what the tag names now.
 * @param ran digests that nodes reported of this container, of pods of this revision
 */
export async function judgeContainer(
  { name, image }: TemplateContainer,
  ran: ReadonlySet<Digest>,
  asker: Asker,
): Promise<JudgedContainer> {
  const at = { container: name, image };
  const answer = await asker(image);
  const { digest: pinned } = referenceOf(image) ?? {};
  if (pinned !== undefined || ('unread' in answer && answer.unread.code === 'reference-invalid'))
    return judged(at, answer, []);
  const [only, ...others] = ran;
  if (only === undefined)
    return judged(at, answer, [
      reason('tag-resolved', 'no pod is known to have run it: what the tag names now is judged, and pinned'),
    ]);
  if ('assessment' in answer && [...ran].every((digest) => covers(answer.assessment, digest)))
    return judged(at, answer, []);
  if (others.length > 0)
    return {
      ...at,
      pinned: '',
      accepted: false,
      digests: [],
      reasons: [
        reason(
          'digest-ambiguous',
          `the tag has moved, and its pods ran ${ran.size} digests: ${[...ran].join(', ')}`,
        ),
      ],
    };
  const named = referenceOf(image);
  const before = await asker(named === undefined ? image : `${canonicalName(named)}@${only}`);
  return judged(at, before, [
    reason('tag-moved', `the tag names something else now: ${only}, which its pods ran, is judged`),
  ]);
}

/** What an answer says of a container's image. */
export function judged(
  at: { container: string; image: string },
  answer: Answer,
  notes: RevisionReason[],
): JudgedContainer {
  if ('unread' in answer)
    return { ...at, pinned: '', accepted: false, digests: [], reasons: [...notes, answer.unread] };
  const { repository, digest, children, judgement } = answer.assessment;
  const { verdict, reasons, by, signedAt } = judgement;
  return {
    ...at,
    pinned: `${repository}@${digest}`,
    accepted: verdict === 'accepted',
    reasons: [...notes, ...reasons.map(({ code, text }) => ({ code, text: oneLine(text, 300) }))],
    digests: [digest, ...children.map((child) => child.digest)],
    ...(by === undefined ? {} : { by }),
    ...(signedAt === undefined ? {} : { signedAt }),
  };
}

function covers({ digest, children }: ImageAssessment, reported: Digest): boolean {
  return reported === digest || children.some((child) => child.digest === reported);
}

export function referenceOf(image: string): ReturnType<typeof parseReference> | undefined {
  try {
    return parseReference(image);
  } catch {
    // The answer says that it is none.
    return undefined;
  }
}
