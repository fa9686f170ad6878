import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from '../../../domain/failure-types.ts';
import { KubernetesError } from '../errors.ts';

type FailureType = (typeof failureTypes)[keyof typeof failureTypes];

function failure(type: FailureType, code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable: true, message: `${code}: ${message}` });
}

/** The world is neither as planned nor as applied. */
export function drift(object: string, why: string): ApplicationFailure {
  return failure(
    failureTypes.drift,
    'FB3220',
    `${object} ${why}; nothing was overwritten: look at it, then plan again`,
  );
}

export function targetGone(namespace: string, why: string): ApplicationFailure {
  return failure(failureTypes.targetGone, 'FB3221', `namespace ${namespace} ${why}`);
}

/** The object that was approved is not there, or is another one. `what`: `serviceaccounts/shop/web`. */
export function objectGone(what: string, why: string): ApplicationFailure {
  return failure(failureTypes.targetGone, 'FB3225', `${what} ${why}`);
}

export function beyondAuthority(message: string): ApplicationFailure {
  return failure(failureTypes.beyondAuthority, 'FB3222', message);
}

export function refused(message: string): ApplicationFailure {
  return failure(failureTypes.refused, 'FB3223', message);
}

/** The freeze did not take effect in time: tried again, since the deny stands and a slow API server catches up. */
export function notEffective(policy: string, withinMs: number, last: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FB3224',
    message: `FB3224: ${policy} did not refuse a dry run within ${withinMs / 1000} s (${last}); the network was cut as far as it can be without`,
  });
}

/**
 * Passes on what the cluster does not let us have: it leaves the rest of a containment to be done.
 * @throws `error` itself when it ends everything: a cancellation, the kill switch, a fault of ours.
 */
export function recoverable(error: unknown): KubernetesError | ApplicationFailure {
  if (error instanceof KubernetesError) return error;
  if (error instanceof ApplicationFailure && error.type !== failureTypes.stopped) return error;
  throw error;
}
