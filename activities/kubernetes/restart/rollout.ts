import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { find } from '../quarantine/write.ts';
import { labelOf, locationOf, sizeOf, type Workload } from '../workload/kinds.ts';

const POLL_MS = 1_000;

/** How far a change of a workload's template has come, as `kubectl rollout status` judges it. */
export function rolloutOf(workload: Workload): { done: boolean; detail: string } {
  const { kind, metadata, status = {} } = workload;
  const size = sizeOf(workload);
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return { done: false, detail: 'its controller has not seen the change yet' };
  if (kind === 'DaemonSet') {
    const { updatedNumberScheduled: updated = 0, numberAvailable: available = 0 } = status;
    return told(updated >= size && available >= size, updated, available, size);
  }
  const { updatedReplicas: updated = 0, replicas: all = 0, availableReplicas: available = 0 } = status;
  if (kind === 'StatefulSet') {
    const moved = status.currentRevision === status.updateRevision;
    // The controller clears the count of updated ones when the revision has moved, in some versions.
    const renewed = moved ? size : updated;
    return told(moved && (status.readyReplicas ?? 0) >= size, renewed, status.readyReplicas ?? 0, size);
  }
  const stuck = status.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') === true;
  const { done, detail } = told(
    updated >= size && all <= updated && available >= updated,
    updated,
    available,
    size,
  );
  return { done, detail: stuck ? `${detail}, and its progress deadline has passed` : detail };
}

function told(done: boolean, updated: number, available: number, size: number) {
  return { done, detail: `${updated} of ${size} pods are new, ${available} available` };
}

/**
 * Waits until the workloads have come up again, or the deadline has passed.
 * @returns those that have not, with the state they were seen in last. One that was deleted meanwhile is done.
 */
export async function awaitRollouts(
  context: ActionContext,
  cluster: Cluster,
  workloads: readonly Workload[],
  withinMs: number,
): Promise<{ late: { object: string; detail: string }[]; waitedMs: number }> {
  const began = performance.now();
  let open = [...workloads];
  for (;;) {
    const late: { workload: Workload; detail: string }[] = [];
    await Promise.all(
      open.map(async (workload) => {
        const now = await find<Workload>(cluster, locationOf(workload), context.signal);
        if (now === undefined || now.metadata.uid !== workload.metadata.uid) return;
        const { done, detail } = rolloutOf(now);
        if (!done) late.push({ workload, detail });
      }),
    );
    const waitedMs = Math.round(performance.now() - began);
    if (late.length === 0 || waitedMs > withinMs)
      return { late: late.map(({ workload, detail }) => ({ object: labelOf(workload), detail })), waitedMs };
    open = late.map(({ workload }) => workload);
    await context.checkpoint('await rollout');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}
