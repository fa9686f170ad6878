import { ApplicationFailure } from '@temporalio/common';

/** The policy did not take effect in time: tried again, for it stands, and a slow API server catches up. */
export function notEffective(policy: string, withinMs: number, last: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'FB3260',
    message: `FB3260: ${policy} did not refuse a dry run within ${withinMs / 1000} s (${last}); it stands, and the next attempt measures again`,
  });
}
