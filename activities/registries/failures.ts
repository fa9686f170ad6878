import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../domain/failure-types.ts';

function failure(type: string, code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable: true, message: `${code}: ${message}` });
}

/** The world is neither as planned nor as applied. */
export function drift(object: string, why: string): ApplicationFailure {
  return failure(
    failureTypes.drift,
    'FB3610',
    `${object} ${why}; nothing was overwritten: look at it, then plan again`,
  );
}

export function targetGone(object: string, why: string): ApplicationFailure {
  return failure(failureTypes.targetGone, 'FB3611', `${object} ${why}`);
}

/** The authority is not for what the input says. */
export function refused(message: string): ApplicationFailure {
  return failure(failureTypes.refused, 'FB3612', message);
}

/** What is kept as an htpasswd file is none, or is ambiguous. Never quotes it. */
export function unusableFile(secret: string, why: string): ApplicationFailure {
  return failure('FB3613', 'FB3613', `the htpasswd file in secret ${secret} ${why}`);
}
