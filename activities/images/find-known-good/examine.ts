import type { ActionContext } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import type { Digest } from '../../../domain/json.ts';
import type { Cluster } from '../../kubernetes/client.ts';
import { objectGone } from '../../kubernetes/quarantine/failures.ts';
import { reportedDigest } from '../../kubernetes/rollback/images.ts';
import { platformsFor, readNodes } from '../../kubernetes/rollback/nodes.ts';
import { isOf, listPods } from '../../kubernetes/rollback/pods.ts';
import {
  findWorkload,
  templateOf,
  type PodTemplate,
  type Workload,
} from '../../kubernetes/workload/kinds.ts';
import { revisionsOf, type Revision } from '../../kubernetes/workload/revisions.ts';
import { containersOf, templateDigest } from '../../kubernetes/workload/template.ts';
import type { PolicyInForce, PolicySource } from '../in-force.ts';
import type { FindKnownGoodInput } from './contract.ts';
import { most } from './contract.ts';
import { createAsker, judgeContainer, referenceOf, type Asker } from './containers.ts';
import {
  baselineOf,
  explain,
  firstAcceptable,
  judgeTemplate,
  type Baseline,
  type Explained,
  type TemplateJudgement,
} from './explain.ts';
import { judgeNamed, type Named } from './named.ts';
import { reason, type RevisionReason } from './reasons.ts';

export interface World {
  cluster: Cluster;
  images: ImageAssessor;
  policy: PolicySource;
}

/** A workload with its history. */
export interface History {
  workload: Workload;
  /** Newest first. */
  revisions: Revision[];
  since: Date | undefined;
  baseline: Baseline | undefined;
  policy: PolicyInForce['policy'];
}

/** What was found, whole. */
export interface Examined extends History {
  /** Newest first; those after the choice are left out once enough is explained. */
  explained: Explained[];
  chosen: Explained | undefined;
  /** Judged where the history has nothing acceptable. */
  named: Named | undefined;
}

/** Of a history: whoever may write ReplicaSets can make any number. */
const MOST_EXAMINED = 500;
const AT_ONCE = 8;

/**
 * Reads a workload's history. Nothing is judged.
 * @param uid which one it must be; any of this name when absent
 * @throws TargetGone FB3225; FirebreakError FB3811 to FB3814, FB3820, FB3821, FB3823
 */
export async function readHistory(
  { cluster, policy }: Pick<World, 'cluster' | 'policy'>,
  input: FindKnownGoodInput,
  signal: AbortSignal,
  uid?: string,
): Promise<History> {
  const { policy: rules } = await policy();
  const where = `${input.kind} ${input.namespace}/${input.name}`;
  const workload = await findWorkload(cluster, input, signal);
  if (workload === undefined) throw objectGone(where, `does not exist in cluster ${cluster.name}`);
  if (uid !== undefined && workload.metadata.uid !== uid)
    throw objectGone(where, 'is another one than was planned for: its UID differs');
  const revisions = await revisionsOf(cluster, workload, signal);
  const from = input.since ?? rules.window?.from;
  const since = from === undefined ? undefined : new Date(from);
  return {
    workload,
    revisions,
    since,
    baseline: baselineOf(revisions, { baseline: input.baseline, since }),
    policy: rules,
  };
}

/**
 * Explains each revision, newest first, until one is acceptable and enough are explained.
 * @throws RegistryError when a registry cannot be asked: nothing is then known, and no image is called unsigned for it
 */
export async function examine(
  world: World,
  input: FindKnownGoodInput,
  history: History,
  { signal }: Pick<ActionContext, 'signal'>,
): Promise<Examined> {
  const { workload, revisions, baseline, since } = history;
  const nodes = await readNodes(world.cluster, signal);
  const askers = new Map<string, Asker>();
  const askerFor = (template: PodTemplate): Asker => {
    const platforms = platformsFor(nodes, template);
    const key = platforms?.join() ?? '';
    const known =
      askers.get(key) ??
      createAsker(world.images, { signal, ...(platforms === undefined ? {} : { platforms }) });
    askers.set(key, known);
    return known;
  };
  const ran = await ranOf(world.cluster, workload, revisions, signal);
  const suspicion = {
    since,
    accept: input.accept ?? [],
    baseline,
    currentDigest: templateDigest(templateOf(workload)),
  };
  const explained: Explained[] = [];
  for (let at = 0; at < Math.min(revisions.length, MOST_EXAMINED); at += AT_ONCE) {
    const some = await Promise.all(
      revisions.slice(at, at + AT_ONCE).map(async (revision, index) => {
        const ofTemplate = judgeTemplate(revision, suspicion);
        const containers = containersOf(revision.template);
        const why = notJudged(containers.length, ofTemplate, at + index);
        if (why !== undefined) return explain(revision, ofTemplate, why);
        const asker = askerFor(revision.template);
        const digests = ran(revision);
        const images = containers.map((one) =>
          judgeContainer(one, digests.get(one.name) ?? new Set(), asker),
        );
        return explain(revision, ofTemplate, await Promise.all(images));
      }),
    );
    explained.push(...some);
    if (explained.length >= most.revisions && firstAcceptable(explained) !== undefined) break;
  }
  const chosen = firstAcceptable(explained);
  const common = { ...history, explained, chosen };
  if (chosen !== undefined) return { ...common, named: undefined };
  const template =
    baseline?.revision.template ?? (workload.kind === 'CronJob' ? templateOf(workload) : undefined);
  if (template === undefined) return { ...common, named: undefined };
  const named = await judgeNamed(
    containersOf(template),
    input,
    history.policy,
    containersOf(templateOf(workload)),
    askerFor(template),
  );
  return { ...common, named: { ...named, reasons: [...named.reasons, ...doubts(baseline)] } };
}

/** What is not known of the template that named digests are put into. */
function doubts(baseline: Baseline | undefined): RevisionReason[] {
  if (baseline === undefined)
    return [reason('no-baseline', 'there is no history: the template is taken as it is now')];
  if (baseline.why !== 'oldest') return [];
  const text = `nothing is known from before the suspicion: the template is that of ${baseline.revision.name}, the oldest there is`;
  return [reason('compared-with-oldest', text)];
}

/**
 * Why the images of a revision are not even looked at. Whoever can write a history can fill it with very many images: those that tell nothing more are
 * left, so that the good one is still come to.
 */
function notJudged(
  containers: number,
  { against }: TemplateJudgement,
  at: number,
): RevisionReason | undefined {
  if (containers > most.containers)
    return reason('too-many-containers', `it has ${containers}; ${most.containers} are judged at most`);
  if (at < most.revisions || against.length === 0) return undefined;
  return reason('not-assessed', 'its images were not looked at: it is refused without');
}

type Ran = (revision: Revision) => ReadonlyMap<string, ReadonlySet<Digest>>;

/** Which digests nodes report of each container of a revision's pods. Read only where a tag leaves it open. */
async function ranOf(
  cluster: Cluster,
  workload: Workload,
  revisions: readonly Revision[],
  signal: AbortSignal,
): Promise<Ran> {
  const nothing = new Map<string, Set<Digest>>();
  const open = revisions.some(({ template }) =>
    containersOf(template).some(({ image }) => referenceOf(image)?.digest === undefined),
  );
  if (!open) return () => nothing;
  const pods = await listPods(cluster, workload, revisions, signal);
  return (revision) => {
    const found = new Map<string, Set<Digest>>();
    for (const pod of pods.filter((one) => isOf(one, workload, revision))) {
      const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
      for (const { name = '', imageID = '' } of [...initContainerStatuses, ...containerStatuses]) {
        const digest = reportedDigest(imageID);
        if (digest !== undefined) found.set(name, (found.get(name) ?? new Set()).add(digest));
      }
    }
    return found;
  };
}
