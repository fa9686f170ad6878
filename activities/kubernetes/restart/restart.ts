import type { ActionContext, Change, Mandate } from '../../../domain/action.ts';
import { digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { meaningDigest } from '../quarantine/marks.ts';
import { changeOf, settled } from '../quarantine/write.ts';
import type { LeftWhy } from './left.ts';
import { awaitRollouts } from './rollout.ts';
import { findUsers, type Left, type Selection } from './users.ts';
import { labelOf, locationOf, type Workload } from '../workload/kinds.ts';

/** What `kubectl rollout restart` writes. */
const restartedAt = 'kubectl.kubernetes.io/restartedAt';
/** Whose restart it was: a retry finds it, and does not restart again. */
const restartedFor = 'firebreak.dev/restarted-for';

export interface RestartRequest extends Selection {
  namespace: string;
  /** Most workloads to restart. */
  cap: number;
  /** Milliseconds for workloads to come up before those that share a budget with them follow. */
  waveMs: number;
}

export interface Restarted {
  changes: Change[];
  already: number;
  left: Left[];
  /** Workloads that bear the mark now. */
  workloads: number;
}

/** The mark of the restarts of one step under one authority. */
export function restartMark({
  incident,
  step,
  authority,
}: Pick<Mandate, 'incident' | 'step' | 'authority'>): string {
  return digest({ incident, step, authority }).slice('sha256:'.length, 'sha256:'.length + 16);
}

/**
 * Restarts the workloads of a namespace that use something, each by its own rolling strategy, as `kubectl rollout restart` does. Workloads with a
 * spared pod, and those whose strategy would go beyond a PodDisruptionBudget, are left. Safe to run again: what bears the mark is not touched.
 */
export async function restartUsers(
  context: ActionContext,
  cluster: Cluster,
  mandate: Pick<Mandate, 'incident' | 'step' | 'authority'>,
  request: RestartRequest,
): Promise<Restarted> {
  const { namespace, cap, waveMs } = request;
  const mark = restartMark(mandate);
  const users = await findUsers(cluster, namespace, request, context.signal);
  // One time for all attempts and workers: the same patch twice changes nothing.
  const { data } = await context.intend(`restart in ${namespace}`, { at: context.now().toISOString() });
  const done: Restarted = { changes: [], already: 0, left: [...users.left], workloads: 0 };
  // Those of an earlier attempt count, also where they would be left now.
  const all = users.waves.flat();
  const marked = all.filter((workload) => isRestarted(workload, mark));
  const within = new Set([...marked, ...all.filter((each) => !marked.includes(each))].slice(0, cap));
  const leave = (workloads: readonly Workload[], why: LeftWhy) =>
    done.left.push(...workloads.map((workload) => ({ object: labelOf(workload), why })));
  leave(
    all.filter((workload) => !within.has(workload)),
    'cap',
  );
  const pending = users.waves.map((wave) => wave.filter((workload) => within.has(workload)));
  for (const [index, wave] of pending.entries()) {
    await settled(wave.map((workload) => restart(workload)));
    if (index === pending.length - 1) break;
    const { late } = await awaitRollouts(context, cluster, wave, waveMs);
    if (late.length === 0) continue;
    leave(
      pending
        .slice(index + 1)
        .flat()
        .filter((workload) => !isRestarted(workload, mark)),
      'late',
    );
    break;
  }
  return done;

  async function restart(workload: Workload): Promise<void> {
    const what = labelOf(workload);
    if (isRestarted(workload, mark)) {
      done.already++;
      done.workloads++;
      return;
    }
    const annotations = { [restartedAt]: data['at'], [restartedFor]: mark };
    const patch = {
      metadata: { uid: workload.metadata.uid },
      spec: { template: { metadata: { annotations } } },
    };
    await context.beforeWrite(`restart ${what}`);
    try {
      const after = await cluster.patch<Workload>(locationOf(workload), patch, { signal: context.signal });
      const change = changeOf('update', after, `${what} restarts, by its own rolling strategy`);
      done.changes.push({ ...change, before: meaningDigest(workload) });
      done.workloads++;
    } catch (error) {
      // Gone, or another one by now: it started with what is new. What admission refuses is left to a person.
      if (isKubernetesError(error, 'refused', 'forbidden')) leave([workload], 'refused');
      else if (!isKubernetesError(error, 'gone', 'drift')) throw error;
    }
    await context.checkpoint(`restarted ${what}`);
  }
}

/** A restart as it is planned: what its template becomes depends on when. */
export function plannedRestart(workload: Workload): Change {
  const { after: _, ...change } = changeOf(
    'update',
    workload,
    `${labelOf(workload)} restarts, by its own rolling strategy`,
  );
  return { ...change, before: meaningDigest(workload) };
}

/** The workloads of a namespace that bear the mark of a restart. */
export async function restartedBy(
  cluster: Cluster,
  mark: string,
  request: Omit<RestartRequest, 'cap' | 'waveMs'>,
  signal: AbortSignal,
): Promise<{ restarted: Workload[]; others: Workload[]; left: Left[] }> {
  const { waves, left } = await findUsers(cluster, request.namespace, request, signal);
  const all = waves.flat();
  const restarted = all.filter((workload) => isRestarted(workload, mark));
  return { restarted, others: all.filter((workload) => !restarted.includes(workload)), left };
}

function isRestarted({ spec }: Workload, mark: string): boolean {
  return spec?.template?.metadata?.annotations?.[restartedFor] === mark;
}
