import { ApplicationFailure } from '@temporalio/common';
import type { failureTypes } from '../../../workflows/contract.ts';

type FailureType = (typeof failureTypes)[keyof typeof failureTypes];

function failure(type: FailureType, code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type, nonRetryable: true, message: `${code}: ${message}` });
}

/** The world is neither as planned nor as applied. */
export function drift(object: string, why: string): ApplicationFailure {
  return failure('Drift', 'FB3220', `${object} ${why}; nothing was overwritten: look at it, then plan again`);
}

export function targetGone(namespace: string, why: string): ApplicationFailure {
  return failure('TargetGone', 'FB3221', `namespace ${namespace} ${why}`);
}

export function beyondAuthority(message: string): ApplicationFailure {
  return failure('BeyondAuthority', 'FB3222', message);
}

export function refused(message: string): ApplicationFailure {
  return failure('Refused', 'FB3223', message);
}

/** The freeze did not take effect in time: tried again, since the deny stands and a slow API server catches up. */
export function notEffective(policy: string, withinMs: number, last: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FB3224',
    message: `FB3224: ${policy} did not refuse a dry run within ${withinMs / 1000} s (${last}); allows were not removed yet`,
  });
}
