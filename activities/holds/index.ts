import { Context } from '@temporalio/activity';
import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import {
  acquireUpdate,
  holdsQuery,
  holdsWorkflow,
  holdsWorkflowId,
  letGoUpdate,
  settleUpdate,
  workflowIdOf,
  type HeldTarget,
  type HoldActivities,
  type HoldRequest,
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
  function update<R>(cluster: string, name: string, args: [unknown, ...unknown[]], purpose = ''): Promise<R> {
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
    const updateId = `${info.workflowExecution?.runId ?? ''}/${info.activityId.split('/').slice(0, 2).join('/')}${purpose}`;
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

  /** What is known of a target; undefined when nobody holds it, or the holds were lost. */
  async function held({ cluster, target }: HoldRequest): Promise<HeldTarget | undefined> {
    try {
      const handle = client.workflow.getHandle(holdsWorkflowId(cluster));
      return (await handle.query<HoldsArguments['targets']>(holdsQuery))[target];
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  /** Whether an incident is over, however it ended: it cannot let go any more. */
  async function isOver(incident: string): Promise<boolean> {
    const workflowId = workflowIdOf(incident);
    if (workflowId === undefined) return true;
    try {
      const { memo, status } = await client.workflow.getHandle(workflowId).describe();
      return status.name !== 'RUNNING' || memo?.['incident'] !== incident;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return true;
      throw error;
    }
  }

  return {
    'holds.acquire': async ({ hold, base, expiresAt }) => {
      const restoring = (await held(hold))?.restoring;
      if (restoring !== undefined && restoring !== hold.incident && (await isOver(restoring))) {
        // It was ended while it restored: what stands of the containment is held again.
        await update(hold.cluster, settleUpdate, [{ ...hold, incident: restoring }, false], '/free');
      }
      return update(hold.cluster, acquireUpdate, [hold, base, expiresAt]);
    },
    'holds.let-go': async ({ hold, base }) => {
      const others = new Set((await held(hold))?.holders.map(({ incident }) => incident));
      others.delete(hold.incident);
      const over: string[] = [];
      for (const incident of [...others].toSorted()) if (await isOver(incident)) over.push(incident);
      return update(hold.cluster, letGoUpdate, [hold, base, over]);
    },
    'holds.settle': ({ hold, restored }) => update(hold.cluster, settleUpdate, [hold, restored]),
  };
}
