import { setTimeout as sleep } from 'node:timers/promises';
import { digest } from '../../../domain/json.ts';
import { isKubernetesError } from '../errors.ts';
import { drift } from '../quarantine/failures.ts';
import { named } from '../restart/left.ts';
import { rolloutOf } from '../restart/rollout.ts';
import { resources } from '../resources.ts';
import { sizeOf, type Workload } from '../workload/kinds.ts';
import type { Revision } from '../workload/revisions.ts';
import { storedDigest } from '../workload/template.ts';
import { lateWords, wrongDigest } from './failures.ts';
import { blocking, fromLast } from './fitness.ts';
import type { Mark, Stage } from './mark.ts';
import { isNodeReady, readNodes } from './nodes.ts';
import type { Judged } from './pods.ts';
import { heldAt, oneNew, type Settings } from './settings.ts';
import { nameOf, ourMark, readPods, readTarget, saidOf, stageOf, type Work } from './work.ts';
import { change } from './write.ts';

const POLL_MS = 1_000;

/** What was seen of the workload at last. */
export interface Seen {
  workload: Workload;
  pods: Judged[];
  revision: Revision | undefined;
}

function marked({ mandate, snapshot }: Work, stage: Stage, set: Settings): Mark {
  const { incident, step, authority } = mandate;
  const from = { revision: snapshot.from.revision, digest: storedDigest(snapshot.from.template) };
  return {
    v: 1,
    incident,
    step,
    authority: digest(authority),
    stage,
    from,
    to: storedDigest(snapshot.to.template),
    was: snapshot.settings,
    set,
  };
}

/** Writes the template, so that one pod becomes new and no other. Done already: nothing is written. */
export async function begin(work: Work): Promise<void> {
  await change(work, 'begin', async (workload) => {
    if (stageOf(work, workload) !== 'before') return undefined;
    const settings = await firstSettings(work, workload);
    return {
      template: work.snapshot.to.template,
      settings,
      mark: marked(work, 'trying', settings),
      summary: 'has the approved template and images, and lets one pod be new',
    };
  });
}

async function firstSettings(work: Work, workload: Workload): Promise<Settings> {
  const was = work.snapshot.settings;
  if (workload.kind === 'Deployment') {
    const { revision, total } = await readPods(work, workload);
    // A rollout that never ended left some: they are tried, and its controller must not take them for a reason to take others down.
    if ((revision?.replicas ?? 0) > 0) return heldAt(workload, was, { updated: 0, total });
  }
  return oneNew(workload, was);
}

/** Stops a rollout where it is, so that nothing moves before a person or the next step says so. */
export async function hold(work: Work): Promise<void> {
  await change(work, 'hold', async (workload) => {
    const stage = stageOf(work, workload);
    const mark = ourMark(workload, work);
    if (stage === 'before' || stage === 'held' || mark === undefined || workload.kind === 'CronJob')
      return undefined;
    const { pods, total } = await readPods(work, workload);
    const updated = pods.filter(({ isNew }) => isNew).length;
    const settings = heldAt(workload, work.snapshot.settings, { updated, total });
    return {
      settings,
      mark: { ...mark, stage: 'held', set: settings },
      summary: 'is held: no further pod is replaced',
    };
  });
}

/** Lets all other pods follow, by the workload's own strategy. */
export async function goOn(work: Work): Promise<void> {
  const { snapshot } = work;
  await change(work, 'go on', (workload) => {
    const stage = stageOf(work, workload);
    if (stage === 'rest') return undefined;
    return {
      ...(stage === 'before' ? { template: snapshot.to.template } : { settings: snapshot.settings }),
      mark: marked(work, 'rest', snapshot.settings),
      summary: 'lets every pod run the approved template and images, by its own strategy',
    };
  });
}

/** Waits for the first new pods, and compares what they run. @throws FirebreakError FB3247, FB3248 with the workload held */
export function awaitFirst(work: Work): Promise<Seen> {
  return awaited(work, async ({ workload, pods, revision }) => {
    const fresh = pods.filter(({ isNew, going }) => isNew && !going);
    if (!isObserved(workload) || revision === undefined) return 'its controller has not seen the change yet';
    const [stuck] = blocking(workload, pods).filter(
      ({ name, isNew }) => !isNew && fromLast(workload, name) === 0,
    );
    if (stuck !== undefined) await replace(work, workload, stuck, 'unblock');
    if (workload.kind === 'DaemonSet' && fresh.length === 0) await replaceOne(work, workload, pods);
    return fresh.length === 0 ? 'no pod is new yet' : notUp(fresh);
  });
}

/** Waits for all pods, and compares what they run. @throws as `awaitFirst` */
export function awaitAll(work: Work): Promise<Seen> {
  return awaited(work, async ({ workload, pods }) => {
    if (workload.kind === 'CronJob') return undefined;
    const { done, detail } = rolloutOf(workload);
    await unblock(work, workload, pods, ({ isNew }) => isNew);
    const old = pods.filter(({ isNew }) => !isNew);
    if (old.length > 0) return `${old.length} pods are still old; ${detail}`;
    if (!done || pods.length < sizeOf(workload)) return detail;
    return notUp(pods);
  });
}

/**
 * Where pods that are not ready keep an ordered StatefulSet from replacing any, deletes one that is not wanted; another one when that has come up.
 */
export async function unblock(
  work: Work,
  workload: Workload,
  pods: readonly Judged[],
  isWanted: (pod: Judged) => boolean,
): Promise<void> {
  const [stuck, ...others] = blocking(workload, pods);
  if (stuck === undefined || pods.some(({ going }) => going)) return;
  const next = [stuck, ...others].find((pod) => !isWanted(pod));
  if (next === undefined || [stuck, ...others].some(isWanted)) return;
  if (!isObserved(workload)) return;
  await replace(work, workload, next, 'unblock');
}

/** The one pod of a DaemonSet that is tried: one that is not ready, if there is one where another could come up. Chosen once, whoever runs the step again. */
async function replaceOne(work: Work, workload: Workload, pods: readonly Judged[]): Promise<void> {
  const nodes = await readNodes(work.cluster, work.context.signal);
  const ready = new Set(nodes.filter(isNodeReady).map(({ metadata }) => metadata.name));
  const [first] = pods
    .filter(({ going }) => !going)
    .toSorted(
      (a, b) =>
        Number(ready.has(b.node)) - Number(ready.has(a.node)) ||
        Number(a.ready) - Number(b.ready) ||
        a.name.localeCompare(b.name),
    );
  if (first === undefined) return;
  const { data } = await work.context.intend(`one pod of ${nameOf(workload)}`, {
    name: first.name,
    uid: first.uid,
  });
  const chosen = pods.find(({ uid, going }) => uid === data['uid'] && !going);
  if (chosen !== undefined) await replace(work, workload, chosen, 'replace');
}

/** Deletes one pod by its UID: its controller makes it anew. */
async function replace(work: Work, workload: Workload, pod: Judged, word: string): Promise<void> {
  const { cluster, context } = work;
  const { namespace = '' } = workload.metadata;
  const what = `pods/${pod.name}`;
  await context.beforeWrite(`${word} ${what}`);
  try {
    await cluster.delete(
      { ...resources.pods, namespace, name: pod.name },
      { signal: context.signal, preconditions: { uid: pod.uid } },
    );
    work.changes.push({
      verb: 'delete',
      object: { apiVersion: 'v1', kind: 'Pod', namespace, name: pod.name, uid: pod.uid },
      summary: `${what} is made anew by its controller`,
    });
  } catch (error) {
    if (!isKubernetesError(error, 'gone', 'drift')) throw error;
  }
  await context.checkpoint(`${word}: deleted ${what}`);
}

function notUp(pods: readonly Judged[]): string | undefined {
  const waiting = pods.filter(({ ready, unknown }) => !ready || unknown.length > 0);
  if (waiting.length === 0) return undefined;
  const words = waiting.map(
    ({ name, unknown }) =>
      `pods/${name} is not ready${unknown.length === 0 ? '' : `: ${unknown.join(', ')}`}`,
  );
  return named(words);
}

export function isObserved({ metadata, status }: Workload): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/**
 * Waits until `look` says nothing is missing. Whoever reverts meanwhile is told of, and not overwritten.
 * @throws Drift; FirebreakError FB3247, FB3248
 */
async function awaited(work: Work, look: (seen: Seen) => Promise<string | undefined>): Promise<Seen> {
  const { context, mandate } = work;
  const { waitSeconds } = mandate.input;
  const what = nameOf(work.snapshot.workload);
  const began = performance.now();
  for (;;) {
    const workload = await readTarget(work);
    if (stageOf(work, workload) === 'before')
      throw drift(
        what,
        'has the template again that it was rolled back from, and not our mark: somebody reverts',
      );
    const seen = { workload, ...(await readPods(work, workload)) };
    const wrong = saidOf(
      seen.pods.filter(({ isNew }) => isNew),
      'wrong',
    );
    if (wrong.length > 0) {
      await hold(work);
      throw wrongDigest(what, wrong);
    }
    const missing = await look(seen);
    if (missing === undefined) return seen;
    if (performance.now() - began > waitSeconds * 1_000) {
      await hold(work);
      throw lateWords(what, waitSeconds, missing);
    }
    await context.checkpoint(`await ${what}`);
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}
