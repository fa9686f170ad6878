import type { ActionContext, Authority, Change, Limit, Plan } from '../../../domain/action.ts';
import type { ImageAssessor } from '../../../domain/image.ts';
import { canonical } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Cluster } from '../client.ts';
import { objectGone } from '../quarantine/failures.ts';
import { findSupports } from '../quarantine/surroundings.ts';
import { readNamespace, whoAmI } from '../quarantine/target.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { differences } from '../workload/differences.ts';
import { findWorkload, templateOf, type PodTemplate, type Workload } from '../workload/kinds.ts';
import { revisionsOf, type Revision } from '../workload/revisions.ts';
import { asStored, containersOf, storedDigest } from '../workload/template.ts';
import { canaryAction, notCovered, type RollbackAction, type RollbackInput } from './contract.ts';
import { deliveryLimits } from './delivery.ts';
import { admissionChanges, noCanary, nothingToDo, standing } from './failures.ts';
import { blocking, canaryObstacle, refuseUnfit } from './fitness.ts';
import { judged } from './images.ts';
import { platformsFor, readNodes } from './nodes.ts';
import { judgePod, listPods, type Judged } from './pods.ts';
import { exactOf, storeSnapshot, type Snapshot } from './snapshot.ts';
import { hasImages, originOf, targetOf, type Origin } from './target.ts';
import { nameOf } from './work.ts';
import { dryRun, plannedPatch, stateDigest } from './write.ts';

const PLAN_MS = 50_000;
const MAX_SHOWN = 50;

interface Request {
  incident: string;
  step: string;
  input: RollbackInput;
}

interface Autoscaler extends KubernetesObject {
  spec?: { scaleTargetRef?: { kind?: string; name?: string } };
}

/** Reads, and lets admission try the change without storing it. */
export async function plan(
  action: RollbackAction,
  cluster: Cluster,
  images: ImageAssessor,
  context: ActionContext,
  { incident, input }: Request,
): Promise<Plan> {
  const { namespace, kind, name, to } = input;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PLAN_MS)]);
  const [, workload, engine] = await Promise.all([
    readNamespace(cluster, namespace, signal),
    findWorkload(cluster, input, signal),
    whoAmI(cluster, signal),
  ]);
  const where = `${kind} ${namespace}/${name}`;
  if (workload === undefined) throw objectGone(where, `does not exist in cluster ${cluster.name}`);
  const what = nameOf(workload);
  if (workload.metadata.deletionTimestamp !== undefined) throw objectGone(what, 'is being deleted');
  const delivery = deliveryLimits(workload, input);
  const [revisions, nodes, autoscalers, supports] = await Promise.all([
    revisionsOf(cluster, workload, signal),
    readNodes(cluster, signal),
    cluster.list<Autoscaler>({ ...resources.horizontalPodAutoscalers, namespace }, { signal }),
    findSupports(cluster, namespace, engine, signal),
  ]);
  const origin = originOf(workload, revisions, incident);
  refuseUnfit(what, kind, origin.settings);
  const listed = await listPods(cluster, workload, revisions, signal);
  const pods = listed.map((pod) => judgePod(pod, false, [], new Map()));
  const target = await targetAfter(cluster, workload, origin, revisions, input, signal);
  const between = { from: origin.template, to: target.template };
  const obstacle =
    origin.stands === undefined ? canaryObstacle(workload, origin.settings, pods, between) : undefined;
  if (action === canaryAction && obstacle !== undefined) throw noCanary(what, obstacle);
  if (storedDigest(origin.template) === storedDigest(target.template)) throw nothingToDo(what);
  const approved = await judged(images, to, platformsFor(nodes, target.template), signal);

  const { uid = '' } = workload.metadata;
  const snapshot: Snapshot = {
    v: 1,
    cluster: cluster.name,
    takenAt: context.now().toISOString(),
    workload,
    uid,
    from: { revision: origin.revision, template: origin.template },
    to: { template: target.template },
    settings: origin.settings,
    images: approved,
  };
  const isCanary = action === canaryAction;
  const source = to.revision === '' ? 'its own template' : `revision ${to.revision}`;
  const authority: Authority = {
    action,
    targets: [{ kind, cluster: cluster.name, namespace, name, uid }],
    rule: isCanary
      ? `let one pod of this ${kind} run ${source} with the images named by digest, and hold it there`
      : `let every pod of this ${kind} run ${source} with the images named by digest, where it can one pod before the others`,
    caps: {},
    undo: 'restore',
    exact: exactOf(snapshot, input),
  };
  const changes = changesOf(workload, origin.template, target.template);
  const count = isCanary ? 1 : kind === 'CronJob' ? 0 : pods.length;
  const whole = {
    action,
    authority,
    facts: [{ cluster: cluster.name, namespace, supports, pods: count, environment: cluster.environment }],
    changeCount: changes.length,
    notCovered: [
      ...delivery,
      ...limits(workload, pods, obstacle),
      ...autoscalerLimit(autoscalers.items, input),
      ...target.limits,
      ...notCovered,
    ],
    undo: {
      kind: 'restore' as const,
      text: isCanary
        ? 'the template and the update strategy are put back as they were: the one new pod becomes an old one again'
        : 'the template and the update strategy are put back as they were, and with them the images that are suspect',
    },
    description: {
      title: isCanary
        ? `Roll back one pod of ${where} in ${cluster.name} to ${source}`
        : `Roll back ${where} in ${cluster.name} to ${source}`,
      ifApproved: [
        ...approved.map(({ container, image }) => oneLine(`${container} runs ${image}`, 400)),
        ...(isCanary
          ? ['One pod is replaced and held; the others go on as they are, with the images that are suspect.']
          : [
              obstacle === undefined
                ? 'One pod is replaced first and its digests are compared; then the others follow by the workload’s own strategy.'
                : `No pod is tried alone, for the workload ${obstacle}.`,
            ]),
        `${changes.length} ${changes.length === 1 ? 'field changes' : 'fields change'}; memory of the pods that are replaced is gone.`,
      ],
      ifDenied: [`${where} goes on running what it runs.`],
    },
    snapshot: await storeSnapshot(context, snapshot),
  };
  const full = await context.evidence.put(canonical({ ...whole, changes }), 'application/json', {
    essential: true,
  });
  return { ...whole, changes: changes.slice(0, MAX_SHOWN), full };
}

/** The template as it will be stored, with what is to be said of it. */
async function targetAfter(
  cluster: Cluster,
  workload: Workload,
  origin: Origin,
  revisions: readonly Revision[],
  input: RollbackInput,
  signal: AbortSignal,
): Promise<{ template: PodTemplate; limits: Limit[] }> {
  const { to } = input;
  const now = asStored(templateOf(workload));
  const isKept =
    to.revision === '' || revisions.some(({ name, uid }) => name === to.revision && uid === to.uid);
  // The controller may have forgotten the revision since: then what stands is what was judged, and the approval binds it.
  if (!isKept && origin.stands !== undefined && hasImages(now, to)) return { template: now, limits: [] };
  const { template, revision } = targetOf(origin, revisions, input);
  const tried = await dryRun(cluster, workload, plannedPatch(workload, template), signal);
  const stored = tried === undefined ? template : asStored(tried);
  const what = nameOf(workload);
  if (!hasImages(stored, to)) throw admissionChanges(what, 'its images become others');
  if (origin.stands !== undefined && storedDigest(stored) !== storedDigest(now))
    throw standing(what, 'this incident, to another template');
  const added = differences(template, stored).map(({ path }) => path);
  return {
    template: stored,
    limits: [
      ...limit(
        'admission-template',
        'Admission changes these fields of the template as it is written.',
        added,
      ),
      ...limit(
        'edited-history',
        'Others than the controller wrote into the template of that revision: it may not be what ran.',
        revision?.editedBy.map((editor) => oneLine(editor, 100)) ?? [],
      ),
      ...(tried === undefined
        ? [{ code: 'untried', text: 'What admission makes of it: a webhook of the cluster has no dry run.' }]
        : []),
    ],
  };
}

/** Every field that changes, a line each. What looks like a secret is a hash. */
function changesOf(workload: Workload, from: PodTemplate, to: PodTemplate): Change[] {
  const { apiVersion, kind, metadata } = workload;
  const { namespace = '', name, uid = '' } = metadata;
  const object = { apiVersion, kind, namespace, name, uid };
  const before = new Map(containersOf(from).map((container) => [container.name, container.image]));
  const lines = [
    ...containersOf(to)
      .filter(({ name: container, image }) => before.get(container) !== image)
      .map(
        ({ name: container, image }) =>
          `image of ${container}: ${before.get(container) ?? 'no such container'} → ${image}`,
      ),
    ...differences(from, to).map(
      ({ path, before: was = 'none', after: is = 'none' }) => `${path}: ${was} → ${is}`,
    ),
  ];
  return lines.map((line) => ({
    verb: 'update',
    object,
    before: stateDigest(workload),
    summary: oneLine(line, 800),
  }));
}

function limits(workload: Workload, pods: readonly Judged[], obstacle: string | undefined): Limit[] {
  const volumes = (templateOf(workload).spec?.volumes ?? []).filter(({ image }) => image !== undefined);
  const isCronJob = workload.kind === 'CronJob';
  return [
    ...(obstacle === undefined || isCronJob
      ? []
      : [{ code: 'no-canary', text: `No pod is tried alone: the workload ${obstacle}.` }]),
    ...limit(
      'blocking',
      'Pods that are not ready keep an ordered StatefulSet from replacing any: they are deleted, and made anew.',
      blocking(workload, pods).map(labelOfPod),
    ),
    ...limit(
      'ephemeral-containers',
      'Ephemeral containers, which end with their pods: what they run is not judged.',
      pods.filter(({ ephemeral }) => ephemeral.length > 0).map(labelOfPod),
    ),
    ...limit(
      'image-volumes',
      'Volumes that are images: they are not judged.',
      volumes.map(({ name = '' }) => name),
    ),
    ...(isCronJob
      ? limit(
          'running-jobs',
          'Jobs that run already go on with what they began with: end them by hand.',
          pods.map(labelOfPod),
        )
      : []),
  ];
}

function autoscalerLimit(autoscalers: readonly Autoscaler[], { kind, name }: RollbackInput): Limit[] {
  const its = autoscalers.filter(
    ({ spec }) => spec?.scaleTargetRef?.kind === kind && spec.scaleTargetRef.name === name,
  );
  return limit(
    'autoscaler',
    'An autoscaler goes on scaling it: while one pod is held, it may make more of the old ones, and of the new one.',
    its.map(({ metadata }) => `horizontalpodautoscalers/${metadata.name}`),
  );
}

function labelOfPod({ name }: Judged): string {
  return `pods/${name}`;
}

function limit(code: string, text: string, objects: readonly string[]): Limit[] {
  return objects.length === 0 ? [] : [{ code, text, objects: objects.slice(0, 20), count: objects.length }];
}
