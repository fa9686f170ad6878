import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../../domain/failure-types.ts';

/** The object that was approved is not there, or is another one. `what`: `serviceaccount shop/web`. */
export function objectGone(what: string, why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.targetGone,
    nonRetryable: true,
    message: `FB3225: ${what} ${why}`,
  });
}
