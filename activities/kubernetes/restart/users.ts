import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { budgetsOf, waves, type Budget } from './budget.ts';
import type { LeftWhy } from './left.ts';
import { isSpared, type Spared } from './spare.ts';
import type { Uses } from './uses.ts';
import { controllerOf, labelOf, sizeOf, type Pod, type Workload } from '../workload/kinds.ts';

/** A tenant may make very many: reading them must not be what fails. */
const MAX_LISTED = 100_000;

/** What is not restarted. */
export interface Left {
  /** `pods/web-1`, `deployments/web`. */
  object: string;
  why: LeftWhy;
}

/** Who uses what is to be replaced. */
export interface Users {
  /** Workloads to restart, those that share a PodDisruptionBudget one after another. */
  waves: Workload[][];
  left: Left[];
  /** Live pods of the workloads to restart. */
  pods: number;
}

/** What to look for. */
export interface Selection {
  uses: Uses;
  /** Templates whose new pods could not start, for what they need is gone for good. */
  breaks?: Uses;
  spared: Spared;
}

/** Workloads and pods of a namespace that use something, by their templates and by what their pods really have. Reads only. */
export async function findUsers(
  cluster: Cluster,
  namespace: string,
  { uses, breaks, spared }: Selection,
  signal: AbortSignal,
): Promise<Users> {
  const at = { namespace };
  const options = { signal, maxItems: MAX_LISTED };
  const [pods, deployments, statefulSets, daemonSets, replicaSets, budgets] = await Promise.all([
    cluster.list<Pod>({ ...resources.pods, ...at }, options),
    cluster.list<Workload>({ ...resources.deployments, ...at }, options),
    cluster.list<Workload>({ ...resources.statefulSets, ...at }, options),
    cluster.list<Workload>({ ...resources.daemonSets, ...at }, options),
    cluster.list({ ...resources.replicaSets, ...at }, options),
    cluster.list<Budget>({ ...resources.podDisruptionBudgets, ...at }, options),
  ]);
  const workloads = [...deployments.items, ...statefulSets.items, ...daemonSets.items];
  return judge({
    uses,
    ...(breaks === undefined ? {} : { breaks }),
    spared,
    pods: pods.items,
    workloads,
    replicaSets: replicaSets.items,
    budgets: budgets.items,
  });
}

interface World extends Selection {
  pods: readonly Pod[];
  workloads: readonly Workload[];
  replicaSets: readonly KubernetesObject[];
  budgets: readonly Budget[];
}

/** Pure: what to restart, in which order, and what is left, with the reason. */
export function judge({ uses, breaks, spared, pods, workloads, replicaSets, budgets }: World): Users {
  const byUid = new Map(workloads.map((workload) => [workload.metadata.uid, workload]));
  const parents = new Map(replicaSets.map((set) => [set.metadata.uid, controllerOf(set)?.uid]));
  const live = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  const podsOf = new Map<Workload, Pod[]>();
  const left: Left[] = [];
  for (const pod of live) {
    const owner = controllerOf(pod);
    const workload = owner === undefined ? undefined : byUid.get(parents.get(owner.uid) ?? owner.uid);
    if (workload !== undefined) podsOf.set(workload, [...(podsOf.get(workload) ?? []), pod]);
    else if (uses(pod.spec ?? {}) && pod.metadata.deletionTimestamp === undefined) {
      const why: LeftWhy = isSpared(pod, spared)
        ? 'suspect'
        : owner === undefined
          ? 'bare-pod'
          : owner.kind === 'Job'
            ? 'job'
            : 'other-controller';
      left.push({ object: `pods/${pod.metadata.name}`, why });
    }
  }
  const wanted: Workload[] = [];
  for (const workload of workloads) {
    const own = podsOf.get(workload) ?? [];
    if (!uses(workload.spec?.template?.spec ?? {}) && !own.some(({ spec }) => uses(spec ?? {}))) continue;
    // Nothing runs: whatever starts later starts with what is new.
    if (own.length === 0 && sizeOf(workload) === 0) continue;
    const why = own.some((pod) => isSpared(pod, spared))
      ? 'suspect'
      : breaks?.(workload.spec?.template?.spec ?? {}) === true
        ? 'breaks'
        : unfit(workload);
    if (why === undefined) wanted.push(workload);
    else left.push({ object: labelOf(workload), why });
  }
  const planned = waves(wanted, budgetsOf(wanted, budgets));
  const restarted = new Set(planned.waves.flat());
  return {
    waves: planned.waves,
    left: [
      ...left,
      ...planned.beyond.map((workload) => ({ object: labelOf(workload), why: 'budget' as const })),
    ],
    pods: [...podsOf].reduce((sum, [workload, own]) => sum + (restarted.has(workload) ? own.length : 0), 0),
  };
}

/** Why a change of the template would not replace all of its pods. */
function unfit({ kind, metadata, spec = {} }: Workload): LeftWhy | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'going';
  if (spec.paused === true) return 'paused';
  if (kind === 'Deployment') return undefined;
  if (spec.updateStrategy?.type === 'OnDelete') return 'on-delete';
  return (spec.updateStrategy?.rollingUpdate?.partition ?? 0) > 0 ? 'partition' : undefined;
}
