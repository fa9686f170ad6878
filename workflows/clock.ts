import type { WorkflowInterceptors } from '@temporalio/workflow';

/**
 * Keeps a workflow's clock true. A worker that does not have a workflow in its cache answers a query from the history so far, and the SDK then hands
 * out news that no workflow task has begun yet (an activity that ended, a signal) under the time of the task before; it keeps what follows from it.
 * Replayed, the same news comes under its own time: the ledger that was written could never be recomputed, and the incident would be stuck.
 * Refusing such news fails that one query; the workflow starts afresh from its history.
 */
export function interceptors(): WorkflowInterceptors {
  let before: string | undefined;
  return {
    internals: [
      {
        activate(input, next) {
          const { isReplaying, jobs, timestamp } = input.activation;
          const now = `${String(timestamp?.seconds)}.${timestamp?.nanos}`;
          // A cancelled activity may end within the task that cancelled it.
          const isNews = jobs?.some(
            ({ fireTimer, resolveActivity, signalWorkflow }) =>
              Boolean(fireTimer) ||
              Boolean(signalWorkflow) ||
              Boolean(resolveActivity?.result?.completed) ||
              Boolean(resolveActivity?.result?.failed),
          );
          const isNewActivation = input.batchIndex === 0;
          if (isNewActivation && isNews === true && isReplaying !== true && now === before) {
            throw new Error('news came before the workflow task that brings it: read the history again');
          }
          before = now;
          next(input);
        },
      },
    ],
  };
}
