import type { Action } from '../../domain/action.ts';
import { findKnownGood, type FindKnownGoodOptions } from './find-known-good.ts';
import { verifyImages, type VerifyImagesOptions } from './verify.ts';

export type ImageOptions = VerifyImagesOptions & FindKnownGoodOptions;

/** Every action on images. A new one is a file and a line here. Whoever calls one parses its input by its own schema first. */
export function imageActions(options: ImageOptions): Action[] {
  return [verifyImages(options), findKnownGood(options)];
}
