import type { Limit } from '../../../domain/action.ts';
import type { AsyncEvents, LambdaFunction } from './function.ts';
import type { RoleWish } from './items.ts';

/** Whatever the function. */
export const alwaysNotCovered: Limit[] = [
  {
    code: 'running-invocations',
    text: 'Invocations that run already go on until they end, or reach the timeout of the function (15 minutes at most). Deny its role to take their rights.',
  },
  {
    code: 'asynchronous-events',
    text: 'Events that were queued before wait until they reach the age that is configured (6 hours by default), then go to the dead-letter queue or failure destination, or are dropped. New ones go there at once, or are dropped, without a retry.',
  },
  {
    code: 'stream-retention',
    text: 'Queues and streams keep what they have only as long as their own retention says: 24 hours for a stream by default, 4 days for SQS.',
  },
  {
    code: 'edge-replicas',
    text: 'Replicas of Lambda@Edge: reserved concurrency does not stop them. Take the function out of the distribution.',
  },
  {
    code: 'environment-secrets',
    text: 'Secrets that the function could read, and values of its environment variables, are known to whoever ran in it: rotate them.',
  },
  {
    code: 'code-and-layers',
    text: 'The code stays as it is. Whoever may change the function or deploy it can do so, and whoever may set its concurrency can let it run.',
  },
];

/** Of this function, now. */
export function limitsOf(
  { timeout, environment }: LambdaFunction,
  { maxAge, onFailure }: AsyncEvents,
  urls: readonly string[],
  role: RoleWish,
): Limit[] {
  const fate =
    onFailure === undefined ? 'are dropped: there is no failure destination' : `go to ${onFailure}`;
  const names = environment.map((name) => `environment/${name}`);
  const here = new Map<string, Partial<Limit>>([
    [
      'running-invocations',
      {
        text: `Invocations that run already go on for up to ${timeout} s.${role === 'keep' ? ' They keep the rights of the role.' : ''}`,
      },
    ],
    [
      'asynchronous-events',
      {
        text: `Events that were queued before wait for up to ${maxAge} s, and run if it is released within that time. Older ones, and all new ones, ${fate}.`,
      },
    ],
    ['environment-secrets', names.length === 0 ? {} : { objects: names.slice(0, 20), count: names.length }],
  ]);
  const limits = alwaysNotCovered.map((limit): Limit => ({ ...limit, ...here.get(limit.code) }));
  if (urls.length > 0) {
    limits.push({
      code: 'function-urls-stay',
      text: 'Its URLs stay and answer 429: a URL that is deleted comes back under another name.',
      objects: urls.slice(0, 20),
      count: urls.length,
    });
  }
  if (role === 'keep') {
    limits.push({
      code: 'role-sessions',
      text: 'Credentials of its role that were taken out of the function work on, until they expire (12 hours at most).',
    });
  }
  if (role === 'deny-sessions') {
    limits.push({
      code: 'new-role-sessions',
      text: 'Whoever else may assume the role gets a session that works.',
    });
  }
  if (role !== 'keep') {
    limits.push({
      code: 'everybody-on-the-role',
      text: 'All that runs as the role stops with it: functions of other regions, instances, pods. Functions of this region are listed.',
    });
  }
  return limits;
}
