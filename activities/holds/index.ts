import { Context } from '@temporalio/activity';
import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import {
  acquireUpdate,
  holdsWorkflow,
  holdsWorkflowId,
  letGoUpdate,
  settleUpdate,
  type HoldActivities,
  type HoldsArguments,
  type Recorded,
} from '../../workflows/contract.ts';

type Bare = {
  [Name in keyof HoldActivities]: (
    request: Omit<Parameters<HoldActivities[Name]>[0], keyof Recorded>,
  ) => ReturnType<HoldActivities[Name]>;
};

/**
 * Talks to the holds workflow of a cluster, starting it when it is the first time. An Update's id is the activity's own, so that a retry is the
 * same Update; after a run that continued as new the workflow's state answers the same.
 */
export function holdActivities(client: Client, taskQueue: string): Bare {
  function update<R>(cluster: string, name: string, args: [unknown, ...unknown[]]): Promise<R> {
    const { info, cancellationSignal } = Context.current();
    const startWorkflowOperation = new WithStartWorkflowOperation<(input: HoldsArguments) => Promise<never>>(
      holdsWorkflow,
      {
        workflowId: holdsWorkflowId(cluster),
        taskQueue,
        args: [{ cluster, targets: {} }],
        workflowIdConflictPolicy: 'USE_EXISTING',
      },
    );
    const updateId = `${info.workflowExecution?.runId ?? ''}/${info.activityId.split('/').slice(0, 2).join('/')}`;
    return client.withAbortSignal(cancellationSignal, () =>
      client.workflow.executeUpdateWithStart<
        (input: HoldsArguments) => Promise<never>,
        R,
        [unknown, ...unknown[]]
      >(name, {
        args,
        updateId,
        startWorkflowOperation,
      }),
    );
  }

  return {
    'holds.acquire': ({ hold, base, expiresAt }) =>
      update(hold.cluster, acquireUpdate, [hold, base, expiresAt]),
    'holds.let-go': ({ hold }) => update(hold.cluster, letGoUpdate, [hold]),
    'holds.settle': ({ hold, restored }) => update(hold.cluster, settleUpdate, [hold, restored]),
  };
}
