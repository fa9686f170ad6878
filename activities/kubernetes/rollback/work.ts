import type { ActionContext, Change, Mandate } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { drift, objectGone } from '../quarantine/failures.ts';
import { findWorkload, labelOf, templateOf, type Workload } from '../workload/kinds.ts';
import { revisionsOf, type Revision } from '../workload/revisions.ts';
import { storedDigest } from '../workload/template.ts';
import type { RollbackInput } from './contract.ts';
import { markOf, type Mark, type Stage } from './mark.ts';
import { platformsOf, readNodes, type Platforms } from './nodes.ts';
import { isOf, judgePod, listPods, revisionAt, type Judged } from './pods.ts';
import { settingsOf } from './settings.ts';
import type { Snapshot } from './snapshot.ts';

/** What a verb works on. */
export interface Work {
  context: ActionContext;
  cluster: Cluster;
  images: ImageAssessor;
  mandate: Mandate<RollbackInput>;
  snapshot: Snapshot;
  changes: Change[];
  /** By node; read again when a pod runs on one that is not known. */
  platforms: Platforms;
}

/** `deployments/shop/web`. */
export function nameOf(workload: Workload): string {
  const { namespace = '', name } = workload.metadata;
  return labelOf(workload).replace(`/${name}`, `/${namespace}/${name}`);
}

/** Its workload as it is now. @throws TargetGone when it is gone, on its way out, or another one has its name */
export async function readTarget({ cluster, context, mandate, snapshot }: Work): Promise<Workload> {
  const found = await findWorkload(cluster, mandate.input, context.signal);
  const what = nameOf(snapshot.workload);
  if (found === undefined) throw objectGone(what, 'is gone');
  if (found.metadata.uid !== snapshot.uid)
    throw objectGone(what, 'is another one than was approved: its UID differs');
  if (found.metadata.deletionTimestamp !== undefined) throw objectGone(what, 'is being deleted');
  return found;
}

/** The mark of this rollback, which either of its steps may have set. */
export function ourMark(
  workload: Workload,
  { mandate, snapshot }: Pick<Work, 'mandate' | 'snapshot'>,
): Mark | undefined {
  const mark = markOf(workload);
  if (typeof mark !== 'object') return undefined;
  const isOurs =
    mark.incident === mandate.incident &&
    mark.from.digest === storedDigest(snapshot.from.template) &&
    mark.to === storedDigest(snapshot.to.template) &&
    digest(mark.was) === digest(snapshot.settings);
  return isOurs ? mark : undefined;
}

/**
 * How far the rollback of a workload is: not begun, or at a stage of ours.
 * @throws Drift when the workload is neither as planned nor as applied
 */
export function stageOf(work: Work, workload: Workload): Stage | 'before' {
  const { snapshot } = work;
  const what = nameOf(workload);
  const now = storedDigest(templateOf(workload));
  const settings = digest(settingsOf(workload));
  const mark = ourMark(workload, work);
  if (mark !== undefined) {
    if (now !== mark.to)
      throw drift(
        what,
        now === mark.from.digest
          ? 'has the template again that it was rolled back from: a controller or a person reverts'
          : 'has another template than was approved',
      );
    if (settings !== digest(mark.set)) throw drift(what, 'has another update strategy than was set');
    return mark.stage;
  }
  const other = markOf(workload);
  if (other === 'unreadable' || (other !== undefined && other.stage !== 'rest'))
    throw drift(what, "bears another rollback's mark");
  if (now !== storedDigest(snapshot.from.template))
    throw drift(what, 'has another template than when it was planned');
  if (settings !== digest(snapshot.settings))
    throw drift(what, 'has another update strategy, or was paused, since it was planned');
  return 'before';
}

/** The workload's pods with what they run, the revision that the wanted template is, and how many pods its ReplicaSets are to have together. */
export async function readPods(
  work: Work,
  workload: Workload,
): Promise<{ pods: Judged[]; revision: Revision | undefined; total: number }> {
  const { cluster, context, snapshot } = work;
  const revisions = await revisionsOf(cluster, workload, context.signal);
  const listed = await listPods(cluster, workload, revisions, context.signal);
  if (listed.some(({ spec }) => spec?.nodeName !== undefined && !work.platforms.has(spec.nodeName)))
    work.platforms = platformsOf(await readNodes(cluster, context.signal));
  const revision = revisionAt(revisions, snapshot.to.template);
  const pods = listed.map((pod) =>
    judgePod(pod, isOf(pod, workload, revision), snapshot.images, work.platforms),
  );
  return { pods, revision, total: revisions.reduce((sum, { replicas }) => sum + replicas, 0) };
}

/** `pods/web-1: app runs sha256:…`, for those of which something is said. */
export function saidOf(pods: readonly Judged[], what: 'wrong' | 'unknown' | 'more' | 'ephemeral'): string[] {
  return pods.flatMap((pod) => (pod[what].length === 0 ? [] : [`pods/${pod.name}: ${pod[what].join(', ')}`]));
}
