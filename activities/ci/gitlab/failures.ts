import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../../domain/failure-types.ts';

type FailureType = (typeof failureTypes)[keyof typeof failureTypes];

function failure(type: FailureType | 'FB3533' | 'FB3534', code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable: true, message: `${code}: ${message}` });
}

/** The world is neither as planned nor as applied. */
export function drift(object: string, why: string): ApplicationFailure {
  return failure(
    failureTypes.drift,
    'FB3530',
    `${object} ${why}; nothing was overwritten: look at it, then plan again`,
  );
}

export function targetGone(object: string, why: string): ApplicationFailure {
  return failure(failureTypes.targetGone, 'FB3531', `${object} ${why}`);
}

/** The authority is not for what the input says. */
export function refused(message: string): ApplicationFailure {
  return failure(failureTypes.refused, 'FB3532', message);
}

/** The vendor shows a new value once, and nobody has it; the engine cannot get another. */
export function valueLost(object: string, why: string): ApplicationFailure {
  return failure('FB3533', 'FB3533', `${object}: ${why}`);
}

/** A value is missing in its store, or its system does not take it. Never quotes it. */
export function unfit(secret: string, why: string): ApplicationFailure {
  return failure('FB3534', 'FB3534', `secret ${secret} ${why}`);
}
