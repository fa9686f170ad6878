import { canonical, isObject, type Json } from '../../../domain/json.ts';
import { sizeOf, type PodTemplate, type RollbackKind, type Workload } from '../workload/kinds.ts';
import { unfit } from './failures.ts';
import type { Settings } from './settings.ts';

/** What is asked of a pod here. */
interface State {
  name: string;
  ready: boolean;
  going: boolean;
}

/** @throws FirebreakError FB3240 when a change of the template would not replace the workload's pods */
export function refuseUnfit(what: string, kind: RollbackKind, settings: Settings): void {
  if (kind === 'CronJob') return;
  const { type, rollingUpdate } = strategyOf(settings);
  if (settings['paused'] === true)
    throw unfit(what, 'is paused by somebody: nothing would be replaced; resume it first');
  const known = kind === 'Deployment' ? ['RollingUpdate', 'Recreate'] : ['RollingUpdate'];
  if (type === 'OnDelete')
    throw unfit(
      what,
      'has the update strategy OnDelete, so that people delete its pods: make it RollingUpdate first',
    );
  if (!known.includes(type))
    throw unfit(what, `has an update strategy that is not known here: make it RollingUpdate first`);
  const partition = isObject(rollingUpdate) ? rollingUpdate['partition'] : undefined;
  if (typeof partition === 'number' && partition > 0)
    throw unfit(
      what,
      `has partition ${partition}, so that only a part of its pods would be replaced: let that rollout end, or set it to 0`,
    );
}

/** Why one pod of it cannot be tried alone; undefined when it can. */
export function canaryObstacle(
  workload: Workload,
  settings: Settings,
  pods: readonly State[],
  { from, to }: { from: PodTemplate; to: PodTemplate },
): string | undefined {
  if (workload.kind === 'CronJob') return 'is a CronJob, whose Jobs begin one by one anyway';
  if (strategyOf(settings).type === 'Recreate')
    return 'has the strategy Recreate, which replaces all of its pods at once';
  if (sizeOf(workload) === 0) return 'has no pods';
  if (workload.kind === 'DaemonSet' && placementOf(from) !== placementOf(to))
    return 'is a DaemonSet that would go to other nodes, all of them at once';
  const [first] = blocking(workload, pods).filter(({ name }) => fromLast(workload, name) > 0);
  return first === undefined
    ? undefined
    : `goes in order, and pods/${first.name} below the last one is not ready`;
}

/**
 * Pods that are not ready and therefore keep an ordered StatefulSet from replacing any, lowest last: a known limitation of Kubernetes, where a person has to
 * delete them. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
export function blocking<T extends State>(workload: Workload, pods: readonly T[]): T[] {
  if (workload.kind !== 'StatefulSet' || workload.spec?.podManagementPolicy === 'Parallel') return [];
  return pods
    .filter(({ ready, going }) => !ready && !going)
    .toSorted((a, b) => fromLast(workload, a.name) - fromLast(workload, b.name));
}

/** How far from the last ordinal a pod of a StatefulSet is. */
export function fromLast(workload: Workload, pod: string): number {
  const ordinal = Number(/-([0-9]+)$/.exec(pod)?.[1] ?? 0);
  const start = workload.spec?.ordinals?.start ?? 0;
  return start + sizeOf(workload) - 1 - ordinal;
}

/** What decides to which nodes pods go. */
function placementOf({ spec = {} }: PodTemplate): string {
  const { nodeName, nodeSelector, affinity, tolerations } = spec;
  return canonical({ nodeName, nodeSelector, affinity, tolerations });
}

function strategyOf(settings: Settings): { type: string; rollingUpdate: Json | undefined } {
  const strategy = settings['strategy'] ?? settings['updateStrategy'];
  if (!isObject(strategy)) return { type: '', rollingUpdate: undefined };
  const { type, rollingUpdate } = strategy;
  return { type: typeof type === 'string' ? type : '', rollingUpdate };
}
