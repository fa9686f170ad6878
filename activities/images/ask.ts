import { FirebreakError } from '../../domain/errors.ts';
import type { ImageAssessment, ImageAssessor, ImageReason } from '../../domain/image.ts';
import { oneLine } from '../../domain/safe-text.ts';
import { isRegistryError, type RegistryErrorClass } from './registry/errors.ts';

/** Why an image cannot be judged, where that is a matter of this image and not of the registry. Stable. */
export const unreadReasonCodes = [
  'reference-invalid',
  'registry-not-configured',
  'image-gone',
  'registry-denies',
  'image-unreadable',
] as const;
type UnreadReasonCode = (typeof unreadReasonCodes)[number];

/** As ImageReason, also of an image that could not be judged. */
export interface Reason {
  code: ImageReason['code'] | UnreadReasonCode;
  text: string;
}

/** What is known of an image; nothing but the reason where it could not be judged, which counts as refused. */
export type Answer = { assessment: ImageAssessment } | { unread: Reason };

const ofConfiguration = new Map<string, UnreadReasonCode>([
  ['FB3801', 'reference-invalid'],
  ['FB3802', 'registry-not-configured'],
]);
/** A registry that is away, sends elsewhere or lies is none of these: nothing is then known of any image. */
const ofRegistry = new Map<RegistryErrorClass, UnreadReasonCode>([
  ['gone', 'image-gone'],
  ['denied', 'registry-denies'],
  ['malformed', 'image-unreadable'],
  ['too-large', 'image-unreadable'],
]);

/**
 * Asks for one image of several. Whoever can push, or name an image, must not be able to stop the judgement of the others: what is wrong with this one
 * is an answer.
 * @throws as ImageAssessor, but for FB3801 to FB3803, FB3806, FB3808 and FB3809
 */
export async function ask(
  assessor: ImageAssessor,
  reference: string,
  options: Parameters<ImageAssessor['assess']>[1],
): Promise<Answer> {
  try {
    return { assessment: await assessor.assess(reference, options) };
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    return { unread: { code, text: oneLine(error.message.replace(/^FB\d{4}: /, ''), 300) } };
  }
}

function codeOf(error: unknown): UnreadReasonCode | undefined {
  if (error instanceof FirebreakError) return ofConfiguration.get(error.code);
  return isRegistryError(error) ? ofRegistry.get(error.class) : undefined;
}
