import { ApplicationFailure } from '@temporalio/common';
import { FirebreakError } from '../../../domain/errors.ts';
import { failureTypes } from '../../../domain/failure-types.ts';

/** The principal or key is gone, or is another one than was approved. */
export function targetGone(what: string, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.targetGone,
    nonRetryable: true,
    message: `FB3320: ${what} ${why}`,
  });
}

/** Protected, or not what the authority names: judged again at the moment of change. */
export function refused(what: string, reasons: readonly string[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.refused,
    nonRetryable: true,
    message: `FB3321: ${what} must not be touched: ${reasons.join('; ')}`,
  });
}

/** What a secret holds is not the credential that was to be tried. Says nothing of its value. */
export function unfitCredential(name: string, why: string): FirebreakError {
  return new FirebreakError('FB3322', `the credential ${name} ${why}`);
}

/** The key is none that IAM could act upon. */
export function unfitKey(accessKeyId: string, why: string): FirebreakError {
  return new FirebreakError('FB3323', `access key ${accessKeyId} ${why}`);
}
