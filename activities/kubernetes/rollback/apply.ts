import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import type { Cluster } from '../client.ts';
import { refuseProtected } from '../quarantine/target.ts';
import { sizeOf, type Workload } from '../workload/kinds.ts';
import { canaryAction, mostListed, type RollbackAction, type RollbackInput } from './contract.ts';
import { noCanary } from './failures.ts';
import { canaryObstacle } from './fitness.ts';
import { judged } from './images.ts';
import { platformsFor, platformsOf, readNodes } from './nodes.ts';
import { mandated } from './snapshot.ts';
import { awaitAll, awaitFirst, begin, goOn, hold, isObserved, type Seen } from './steps.ts';
import { nameOf, readPods, readTarget, stageOf, type Work } from './work.ts';

/** For a rollout that somebody began just before to have made its pods. */
const SETTLE_MS = 30_000;
const POLL_MS = 500;

/**
 * Rolls back one pod, or all of them after one. Safe to run again after a kill at any point: what stands is read from the workload's own mark. Images are judged
 * again before each change, and nothing is changed when one is not acceptable any more.
 */
export async function apply(
  action: RollbackAction,
  cluster: Cluster,
  images: ImageAssessor,
  context: ActionContext,
  mandate: Mandate<RollbackInput>,
): Promise<Applied> {
  refuseProtected(mandate.input.namespace);
  const began = performance.now();
  const snapshot = await mandated(context, mandate);
  const work: Work = { context, cluster, images, mandate, snapshot, changes: [], platforms: new Map() };
  const found = await readTarget(work);
  const stage = stageOf(work, found);
  await assess(work);
  const obstacle = stage === 'before' ? await obstacleOf(work, found) : undefined;
  if (action === canaryAction && obstacle !== undefined) throw noCanary(nameOf(found), obstacle);

  let seen: Seen | undefined;
  if (stage !== 'rest' && obstacle === undefined && found.kind !== 'CronJob') {
    await begin(work);
    seen = await awaitFirst(work);
    await hold(work);
  }
  const firstMs = Math.round(performance.now() - began);
  if (action !== canaryAction) {
    if (stage !== 'rest' && seen !== undefined) await assess(work);
    await goOn(work);
    seen = await awaitAll(work);
  }
  seen ??= { workload: found, ...(await readPods(work, found)) };
  return {
    changes: work.changes,
    already: work.changes.length === 0 ? 1 : 0,
    measures: { firstPodMs: firstMs, allMs: Math.round(performance.now() - began) },
    outputs: outputsOf(work, seen),
    artefacts: [],
    byHand: byHand(work),
    unavailable: [],
  };
}

/** @throws FirebreakError FB3245 */
async function assess(work: Work): Promise<void> {
  const { cluster, context, images, mandate, snapshot } = work;
  const nodes = await readNodes(cluster, context.signal);
  work.platforms = platformsOf(nodes);
  await judged(images, mandate.input.to, platformsFor(nodes, snapshot.to.template), context.signal);
}

/** As `canaryObstacle`; a Deployment whose pods are still being made would get more than one new one. */
async function obstacleOf(work: Work, found: Workload): Promise<string | undefined> {
  const { context, snapshot } = work;
  const began = performance.now();
  let workload = found;
  while (!isWhole(workload)) {
    if (performance.now() - began > SETTLE_MS) return 'has fewer pods than it should have';
    await context.checkpoint('await its pods');
    await sleep(POLL_MS, undefined, { signal: context.signal });
    workload = await readTarget(work);
  }
  const { pods } = await readPods(work, workload);
  return canaryObstacle(workload, snapshot.settings, pods, {
    from: snapshot.from.template,
    to: snapshot.to.template,
  });
}

function isWhole(workload: Workload): boolean {
  if (workload.kind !== 'Deployment') return true;
  return isObserved(workload) && (workload.status?.replicas ?? 0) >= sizeOf(workload);
}

function outputsOf({ snapshot }: Work, { pods, revision }: Seen): Applied['outputs'] {
  const fresh = pods.filter(({ isNew, going }) => isNew && !going).map(({ name }) => name);
  return {
    uid: snapshot.uid,
    revision: revision?.name ?? '',
    pods: fresh.toSorted().slice(0, mostListed),
    podCount: fresh.length,
    images: snapshot.images.slice(0, mostListed).map(({ container, image }) => ({ container, image })),
  };
}

function byHand({ snapshot, mandate }: Work): string {
  const { kind, namespace, name } = mandate.input;
  const { revision } = snapshot.from;
  const source = revision === '' ? 'the snapshot' : revision;
  return `kubectl edit ${kind.toLowerCase()}/${name} -n ${namespace}: put back the template of ${source} and what the annotation firebreak.dev/rollback has under "was", and take the annotation away`;
}
