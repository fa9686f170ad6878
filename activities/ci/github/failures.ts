import { ApplicationFailure } from '@temporalio/common';
import { FirebreakError } from '../../../domain/errors.ts';
import { failureTypes } from '../../../domain/failure-types.ts';

type FailureType = (typeof failureTypes)[keyof typeof failureTypes];

function failure(type: FailureType, code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable: true, message: `${code}: ${message}` });
}

/** GitHub is neither as planned nor as applied. */
export function drift(object: string, why: string): ApplicationFailure {
  return failure(
    failureTypes.drift,
    'FB3510',
    `${object} ${why}; nothing was overwritten: look at it, then plan again`,
  );
}

export function targetGone(object: string, why: string): ApplicationFailure {
  return failure(failureTypes.targetGone, 'FB3511', `${object} ${why}; plan again, if it is still wanted`);
}

export function beyondAuthority(message: string): ApplicationFailure {
  return failure(failureTypes.beyondAuthority, 'FB3512', message);
}

/** @param secret its name, never its value */
export function notUsable(secret: string, why: string): FirebreakError {
  return new FirebreakError('FB3513', `the secret ${secret} ${why}`);
}

export function noSuchSecret(name: string, where: string, elsewhere: readonly string[]): FirebreakError {
  const hint =
    elsewhere.length === 0
      ? 'correct its name, or the place'
      : `there is one of that name in ${elsewhere.join(', ')}`;
  return new FirebreakError('FB3514', `there is no secret ${name} in ${where}, and none is made: ${hint}`);
}

export function noRevocation(forge: string): FirebreakError {
  return new FirebreakError(
    'FB3515',
    `forges.${forge} does not take exposed tokens: GitHub Enterprise Server has no POST /credentials/revoke; its owner or a site administrator must delete the token`,
  );
}
