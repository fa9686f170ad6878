import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Claim, Mandate, Undone } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { rolloutOf } from '../restart/rollout.ts';
import { findWorkload, templateOf, type Workload } from '../workload/kinds.ts';
import { revisionsOf } from '../workload/revisions.ts';
import { storedDigest } from '../workload/template.ts';
import { canaryAction, type RollbackAction, type RollbackInput } from './contract.ts';
import { isOf, listPods, revisionAt } from './pods.ts';
import { judgePod } from './pods.ts';
import { settingsOf, type Settings } from './settings.ts';
import { mandated } from './snapshot.ts';
import { unblock } from './steps.ts';
import { nameOf, ourMark, readTarget, type Work } from './work.ts';
import { change, type Desired } from './write.ts';

const BACK_WITHIN_MS = 300_000;
const POLL_MS = 500;

/**
 * Puts back template and update strategy as the snapshot has them. Whatever somebody else has changed is reported and kept. Safe to run again after a kill at any
 * point: one write does it, and takes our mark away.
 */
export async function undo(
  action: RollbackAction,
  cluster: Cluster,
  images: ImageAssessor,
  context: ActionContext,
  mandate: Mandate<RollbackInput>,
): Promise<Undone> {
  const snapshot = await mandated(context, mandate);
  const work: Work = { context, cluster, images, mandate, snapshot, changes: [], platforms: new Map() };
  const object = nameOf(snapshot.workload);
  const found = await findWorkload(cluster, mandate.input, context.signal);
  if (found?.metadata.uid !== snapshot.uid || found.metadata.deletionTimestamp !== undefined) {
    const why =
      found === undefined ? 'it does not exist any more' : 'it is being deleted, or another one has its name';
    return result(work, [{ object, why: `${why}: nothing was put back` }], []);
  }
  let judgement: Judgement = { conflicts: [] };
  try {
    await change(work, 'undo', (workload) => {
      judgement = judge(action, work, workload);
      return judgement.desired;
    });
  } catch (error) {
    if (!isKubernetesError(error, 'forbidden', 'refused')) throw error;
    return result(work, [{ object, why: `the cluster does not take it back: ${error.message}` }], []);
  }
  const conflicts = judgement.conflicts.map((why) => ({ object, why }));
  return result(work, conflicts, judgement.elsewhere === true ? [] : await measure(work));
}

interface Judgement {
  desired?: Desired;
  conflicts: string[];
  /** This step has nothing on the workload: what is there is another's. */
  elsewhere?: boolean;
}

/** What to put back, and what is somebody else's. */
function judge(action: RollbackAction, work: Work, workload: Workload): Judgement {
  const { snapshot, mandate } = work;
  const mark = ourMark(workload, work);
  const now = storedDigest(templateOf(workload));
  const isBack = now === storedDigest(snapshot.from.template);
  if (mark === undefined) {
    const isWhole = isBack && digest(settingsOf(workload)) === digest(snapshot.settings);
    return { conflicts: isWhole ? [] : ['it does not bear this rollback’s mark: kept as it is'] };
  }
  if (mark.step !== mandate.step) {
    if (action !== canaryAction) return { conflicts: [], elsewhere: true };
    return {
      conflicts: [
        `the rollback has gone on to other pods in step ${mark.step}: undo that step of kubernetes.rollback-workload`,
      ],
    };
  }
  if (now !== mark.to && !isBack)
    return { conflicts: ['somebody has changed its template since: kept as it is'] };
  const current = settingsOf(workload);
  const fields = Object.keys(mark.was);
  const foreign = fields.filter((field) => digest(current[field]) !== digest(mark.set[field]));
  const settings: Settings = {};
  for (const field of fields) {
    const value = mark.was[field];
    if (!foreign.includes(field) && value !== undefined) settings[field] = value;
  }
  return {
    desired: {
      ...(isBack ? {} : { template: snapshot.from.template }),
      settings,
      mark: null,
      asItWas: true,
      summary: 'has the template and the update strategy again that it had before the rollback',
    },
    conflicts: foreign.map((field) => `somebody has changed spec.${field} since: kept as it is`),
  };
}

/** Waits for the pods to be again what they were. */
async function measure(work: Work): Promise<Claim[]> {
  const { context, cluster, snapshot } = work;
  const began = performance.now();
  for (;;) {
    const workload = await readTarget(work);
    const isBack = storedDigest(templateOf(workload)) === storedDigest(snapshot.from.template);
    const template: Claim = {
      claim: `${nameOf(workload)} has the template that it had before the rollback`,
      verdict: isBack ? 'verified' : 'failed',
      detail: `its digest is ${storedDigest(templateOf(workload))}`,
    };
    if (!isBack || workload.kind === 'CronJob') return [template];
    const revisions = await revisionsOf(cluster, workload, context.signal);
    const revision = revisionAt(revisions, snapshot.from.template);
    const pods = (await listPods(cluster, workload, revisions, context.signal)).map((pod) =>
      judgePod(pod, isOf(pod, workload, revision), [], work.platforms),
    );
    await unblock(work, workload, pods, ({ isNew }) => isNew);
    const { done, detail } = rolloutOf(workload);
    const isDone = done && pods.every(({ isNew }) => isNew);
    const waitedMs = Math.round(performance.now() - began);
    if (isDone || waitedMs > BACK_WITHIN_MS)
      return [
        template,
        {
          claim: 'its pods are made from it again',
          verdict: isDone ? 'verified' : 'unverifiable',
          detail: `after ${waitedMs} ms: ${detail}`,
        },
      ];
    await context.checkpoint('await undo');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

function result(work: Work, conflicts: Undone['conflicts'], claims: Claim[]): Undone {
  return {
    changes: work.changes,
    already: work.changes.length === 0 && conflicts.length === 0 ? 1 : 0,
    conflicts,
    notRestored: [],
    claims,
  };
}
