import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';

/** Runs an activity as its n-th attempt, as a worker would. */
export const attempt = <A extends unknown[], R>(
  number: number,
  activity: (...args: A) => Promise<R>,
  ...args: A
): Promise<R> =>
  new MockActivityEnvironment(
    { attempt: number, scheduledTimestampMs: Date.now() },
    { logger: new DefaultLogger('ERROR') },
  ).run(activity, ...args);
