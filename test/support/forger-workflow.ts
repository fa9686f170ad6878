/** A workflow of somebody who can reach Temporal: it has an activity of the engine run with whatever it likes. */
import { proxyActivities } from '@temporalio/workflow';

export async function forge(name: string, activityId: string, request: object): Promise<unknown> {
  const activities = proxyActivities<Record<string, (request: object) => Promise<unknown>>>({
    taskQueue: 'firebreak',
    activityId,
    startToCloseTimeout: '20s',
    retry: { maximumAttempts: 1 },
  });
  return activities[name]?.(request);
}
