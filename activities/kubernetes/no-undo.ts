import { ApplicationFailure } from '@temporalio/common';
import type { Undone } from '../../domain/action.ts';
import { failureTypes } from '../../domain/failure-types.ts';

/** The undo of an action that has none: whoever asks for it is told why. */
export function noUndo(why: string): () => Promise<Undone> {
  return () =>
    Promise.reject(
      ApplicationFailure.create({
        type: failureTypes.refused,
        nonRetryable: true,
        message: `FB3226: there is no undo: ${why}`,
      }),
    );
}
