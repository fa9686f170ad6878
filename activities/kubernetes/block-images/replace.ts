import type { ActionContext, Change } from '../../../domain/action.ts';
import { isKubernetesError, KubernetesError } from '../errors.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../evidence/in-parallel.ts';
import { find } from '../quarantine/write.ts';
import { resources, type OwnerReference, type Resource } from '../resources.ts';
import { controllerOf } from '../workload/kinds.ts';
import { nameOf, type Running } from './running.ts';
import { refusalOfSpec } from './rule.ts';
import type { Work } from './target.ts';
import { templateOfMaker, type Maker } from './workloads.ts';

/** A budget lets go of one pod once the one before is replaced. */
const WITHIN_MS = 60_000;
const POLL_MS = 500;
const AT_ONCE = 16;

const makers: { [kind: string]: Resource } = {
  ReplicaSet: resources.replicaSets,
  Deployment: resources.deployments,
  StatefulSet: resources.statefulSets,
  DaemonSet: resources.daemonSets,
  ReplicationController: { group: '', version: 'v1', resource: 'replicationcontrollers' },
};

/** What became of pods with a denied digest. */
export interface Replaced {
  changes: Change[];
  /** On their way out, or gone: evicted by this attempt or by one before it. */
  gone: number;
  /** `namespace/pod: why`. */
  left: string[];
}

/** Evicts what its controller would replace with something better, one attempt after another while budgets refuse. Safe to run again. */
export async function replaceRunning(
  work: Work,
  running: readonly Running[],
  withinMs = WITHIN_MS,
): Promise<Replaced> {
  const { context, cap = 0 } = work;
  const changes: Change[] = [];
  const sorted = await sort(work, running);
  // What a first attempt set out to do, so that one after a kill counts the same.
  const { data } = await context.intend('evict pods', {
    pods: sorted.replaceable.slice(0, cap).map(({ namespace, name, uid }) => ({ namespace, name, uid })),
  });
  const meant = readPods(data['pods']);
  const left = sorted.unfit.map(({ pod, why }) => `${nameOf(pod)}: ${why}`);
  const known = new Set(meant.map(({ uid }) => uid));
  for (const pod of sorted.replaceable.filter(({ uid }) => !known.has(uid)))
    left.push(`${nameOf(pod)}: beyond the ${cap} that were authorised, or it came later`);
  // A template may have become worse since the first attempt.
  const unfit = new Set(sorted.unfit.map(({ pod }) => pod.uid));
  let open = meant.filter(({ uid }) => !unfit.has(uid));
  let gone = 0;
  const why = new Map<string, string>();
  const began = performance.now();
  for (;;) {
    const blocked: typeof open = [];
    for (const pod of open) {
      const outcome = await evict(work, pod, changes);
      if (outcome === 'gone') gone++;
      else {
        why.set(pod.uid, outcome);
        blocked.push(pod);
      }
    }
    open = blocked;
    if (open.length === 0 || performance.now() - began > withinMs) break;
    await context.checkpoint('await budgets');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
  for (const pod of open) left.push(`${nameOf(pod)}: ${why.get(pod.uid) ?? 'its eviction was refused'}`);
  return { changes, gone, left: left.toSorted() };
}

/** What judging a controller needs of the work. */
interface Judging extends Pick<Work, 'cluster' | 'rule'> {
  context: Pick<ActionContext, 'signal'>;
}

type Known = Pick<Running, 'namespace' | 'name' | 'uid'>;

/** Whether pods are to be replaced, or why not. */
export async function sort(
  work: Judging,
  running: readonly Running[],
): Promise<{ replaceable: Running[]; unfit: { pod: Running; why: string }[] }> {
  const controllers = new Map<string, { namespace: string; controller: OwnerReference }>();
  for (const { namespace, controller } of running) {
    if (controller !== undefined && work.rule.namespaces.includes(namespace))
      controllers.set(controller.uid, { namespace, controller });
  }
  const found = new Map<string, string>();
  await inParallel([...controllers.values()], AT_ONCE, async ({ namespace, controller }) => {
    const why = await unfitness(work, namespace, controller);
    if (why !== undefined) found.set(controller.uid, why);
  });
  const replaceable: Running[] = [];
  const unfit: { pod: Running; why: string }[] = [];
  for (const pod of running) {
    const { namespace, controller } = pod;
    const why = !work.rule.namespaces.includes(namespace)
      ? 'its namespace is not covered'
      : controller === undefined
        ? 'it has no controller: nobody would start another'
        : found.get(controller.uid);
    if (why === undefined) replaceable.push(pod);
    else unfit.push({ pod, why });
  }
  return { replaceable, unfit };
}

/** Why what would be made in place of a pod is no better; undefined when it is. Of a Deployment its own template counts: its ReplicaSets are followed by it. */
async function unfitness(
  { cluster, context, rule }: Judging,
  namespace: string,
  controller: OwnerReference,
): Promise<string | undefined> {
  let owner = controller;
  for (;;) {
    const resource = makers[owner.kind];
    if (resource === undefined) return unknown(owner);
    const maker: Maker | undefined = await find(
      cluster,
      { ...resource, namespace, name: owner.name },
      context.signal,
    );
    if (
      maker === undefined ||
      maker.metadata.uid !== owner.uid ||
      maker.metadata.deletionTimestamp !== undefined
    )
      return `its controller, ${owner.kind} ${owner.name}, is gone`;
    const above = controllerOf(maker);
    if (owner.kind === 'ReplicaSet' && above !== undefined) {
      // Its owners are whatever their author wrote, itself too.
      if (above.kind !== 'Deployment') return unknown(above);
      owner = above;
      continue;
    }
    // Its old ReplicaSet would make the same pod again, and be refused.
    if (maker.spec?.paused === true) return `${owner.kind} ${owner.name} is paused: nothing would replace it`;
    const refusal = refusalOfSpec(templateOfMaker(maker).spec ?? {}, namespace, rule);
    return refusal === undefined
      ? undefined
      : `the template of ${owner.kind} ${owner.name} is refused as well (${refusal}): roll it back first`;
  }
}

function unknown({ kind, name }: OwnerReference): string {
  return `its controller, ${kind} ${name}, is none that is known here`;
}

/** `gone`, or why it is not. */
async function evict(
  { cluster, context }: Work,
  { namespace, name, uid }: Known,
  changes: Change[],
): Promise<string> {
  const location = { ...resources.pods, namespace, name };
  const pod = await find(cluster, location, context.signal);
  if (pod?.metadata.uid !== uid || pod.metadata.deletionTimestamp !== undefined) return 'gone';
  await context.beforeWrite(`evict pods/${namespace}/${name}`);
  try {
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    };
    await cluster.create({ ...location, subresource: 'eviction' }, eviction, { signal: context.signal });
  } catch (error) {
    if (isKubernetesError(error, 'gone')) return 'gone';
    // Of another UID by now, or written at that moment: the next look tells.
    if (isKubernetesError(error, 'drift')) return 'it was changed meanwhile';
    if (isBudget(error)) return 'a PodDisruptionBudget does not let it go';
    if (isKubernetesError(error, 'forbidden', 'refused')) return `its eviction was refused: ${error.message}`;
    throw error;
  }
  const object = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid };
  changes.push({ verb: 'delete', object, summary: 'evicted: it ran a denied digest' });
  await context.checkpoint(`evicted pods/${namespace}/${name}`);
  return 'gone';
}

/** The API answers 500 for a pod with two budgets, which it cannot judge. */
function isBudget(error: unknown): boolean {
  return (
    error instanceof KubernetesError &&
    (error.status === 429 ||
      (error.status === 500 && error.message.includes('more than one PodDisruptionBudget')))
  );
}

function readPods(value: unknown): Known[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return [];
    if (!('namespace' in one && 'name' in one && 'uid' in one)) return [];
    const { namespace, name, uid } = one;
    return typeof namespace === 'string' && typeof name === 'string' && typeof uid === 'string'
      ? [{ namespace, name, uid }]
      : [];
  });
}
