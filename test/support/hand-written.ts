import { proxyActivities } from '@temporalio/workflow';

/** A workflow that somebody with access to Temporal wrote: it schedules whatever it is told, under whatever id. */
export async function incident(forged: {
  taskQueue: string;
  activity: string;
  activityId: string;
  request: object;
}): Promise<unknown> {
  const activities = proxyActivities<Record<string, (request: object) => Promise<unknown>>>({
    taskQueue: forged.taskQueue,
    activityId: forged.activityId,
    startToCloseTimeout: 10_000,
    retry: { maximumAttempts: 1 },
  });
  return activities[forged.activity]?.(forged.request);
}
