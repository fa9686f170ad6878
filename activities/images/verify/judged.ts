import type { ImageAssessor, PlatformImage } from '../../../domain/image.ts';
import { placeOf, type Target } from '../../../domain/action.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import { ask, type Answer, type Reason } from '../ask.ts';
import { canonicalName, parseReference } from '../reference.ts';
import type { VerifyImagesInput } from './contract.ts';

/** A configured registry, as references name it and as guardrails do. */
export interface ImageRegistry {
  host: string;
  name: string;
  environment: string;
}

/** What was made of one image of the input. */
export interface Judged {
  image: string;
  /** Empty where it could not be had. */
  digest: string;
  children: PlatformImage[];
  verdict: 'accepted' | 'refused';
  reasons: Reason[];
  by: { key: string; identity: string; issuer: string };
  signedAt: string;
}

const nobody = { key: '', identity: '', issuer: '' };

/** Judges each of the references; the same one once. In the order given. */
export async function judgeAll(
  assessor: ImageAssessor,
  references: readonly { image: string; ask: string }[],
  { platforms }: Pick<VerifyImagesInput, 'platforms'>,
  signal: AbortSignal,
): Promise<Judged[]> {
  const options = { signal, ...(platforms === undefined ? {} : { platforms }) };
  const distinct = [...new Set(references.map((one) => one.ask))];
  // The assessor asks each registry a few at a time.
  const answers = new Map(
    await Promise.all(
      distinct.map(async (reference) => [reference, await ask(assessor, reference, options)] as const),
    ),
  );
  return references.flatMap((one) => {
    const answer = answers.get(one.ask);
    return answer === undefined ? [] : [judgedOf(one.image, answer)];
  });
}

function judgedOf(image: string, answer: Answer): Judged {
  if ('unread' in answer)
    return {
      image,
      digest: '',
      children: [],
      verdict: 'refused',
      reasons: [answer.unread],
      by: nobody,
      signedAt: '',
    };
  const { digest, children, judgement } = answer.assessment;
  const { verdict, reasons, by, signedAt = '' } = judgement;
  return { image, digest, children, verdict, reasons, by: { ...nobody, ...by }, signedAt };
}

/** The target of an image of the input: the digest that it named when it was planned. */
export function targetOf({ image, digest }: Judged, registries: readonly ImageRegistry[]): Target {
  const named = nameOf(image);
  const registry = registries.find(({ host }) => host === named?.registry);
  return {
    kind: 'Image',
    cluster: placeOf('registry', registry?.name ?? 'not-configured'),
    name: oneLine(named === undefined ? image : canonicalName(named), 1_024),
    uid: digest,
  };
}

/** What is asked once a digest was bound: that digest, whatever the tag names by now. What named none is asked again as it is. */
export function boundReference(image: string, { name, uid }: Pick<Target, 'name' | 'uid'>): string {
  return uid === '' ? image : `${name}@${uid}`;
}

function nameOf(image: string): ReturnType<typeof parseReference> | undefined {
  try {
    return parseReference(image);
  } catch {
    // It is no reference, which its reason says.
    return undefined;
  }
}
