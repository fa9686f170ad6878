import { selects, type LabelSelector } from '../network-policy.ts';
import type { KubernetesObject } from '../resources.ts';
import { sizeOf, type Amount, type Workload } from '../workload/kinds.ts';

/** What is read of a PodDisruptionBudget. */
export interface Budget extends KubernetesObject {
  spec?: { selector?: LabelSelector | null };
  status?: { observedGeneration?: number; expectedPods?: number; desiredHealthy?: number };
}

/** Budgets hold for evictions only: a rollout does not ask them, so its strategy is held against them before it begins. */
export function budgetsOf(
  workloads: readonly Workload[],
  budgets: readonly Budget[],
): Map<Workload, Budget[]> {
  return new Map(
    workloads.map((workload) => [
      workload,
      budgets.filter(({ spec }) =>
        // None selects no pods; an empty one selects all.
        spec?.selector === undefined || spec.selector === null
          ? false
          : selects(spec.selector, workload.spec?.template?.metadata?.labels ?? {}) !== false,
      ),
    ]),
  );
}

/** How many pods of a budget may be down at once. None while the disruption controller has not looked at it. */
export function allowance({ metadata, status = {} }: Budget): number {
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return 0;
  return Math.max(0, (status.expectedPods ?? 0) - (status.desiredHealthy ?? 0));
}

/** How many pods a change of the template may take down at once, by the rules of the controllers. */
export function atOnce(workload: Workload): number {
  const { kind, spec = {} } = workload;
  const size = sizeOf(workload);
  if (kind === 'Deployment') {
    if (spec.strategy?.type === 'Recreate') return size;
    const { maxUnavailable = '25%', maxSurge = '25%' } = spec.strategy?.rollingUpdate ?? {};
    const unavailable = resolve(maxUnavailable, size, Math.floor);
    return unavailable === 0 && resolve(maxSurge, size, Math.ceil) === 0 ? 1 : unavailable;
  }
  const { maxUnavailable = 1, maxSurge = 0 } = spec.updateStrategy?.rollingUpdate ?? {};
  const unavailable = resolve(maxUnavailable, size, kind === 'DaemonSet' ? Math.ceil : Math.floor);
  const surges = kind === 'DaemonSet' && resolve(maxSurge, size, Math.ceil) > 0;
  return surges ? unavailable : Math.max(1, unavailable);
}

/** What no budget stands against, in waves: those that share a budget go one after another. */
export function waves(
  workloads: readonly Workload[],
  budgets: ReadonlyMap<Workload, Budget[]>,
): { waves: Workload[][]; beyond: Workload[] } {
  const planned: { workloads: Workload[]; budgets: Set<Budget> }[] = [];
  const beyond: Workload[] = [];
  for (const workload of workloads) {
    const own = budgets.get(workload) ?? [];
    const most = atOnce(workload);
    if (own.some((budget) => allowance(budget) < most)) {
      beyond.push(workload);
      continue;
    }
    let wave = planned.find((one) => !own.some((budget) => one.budgets.has(budget)));
    if (wave === undefined) planned.push((wave = { workloads: [], budgets: new Set() }));
    wave.workloads.push(workload);
    for (const budget of own) wave.budgets.add(budget);
  }
  return { waves: planned.map((wave) => wave.workloads), beyond };
}

function resolve(amount: Amount, size: number, round: (share: number) => number): number {
  if (typeof amount === 'number') return amount;
  // Whole numbers, for 7 % of 100 is 7.000000000000001 otherwise.
  return round((Number.parseInt(amount, 10) * size) / 100);
}
