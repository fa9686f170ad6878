import { isObject } from '../../../domain/json.ts';
import { oneLine } from '../../../domain/safe-text.ts';
import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { controllerOf, type Pod, type Workload } from '../workload/kinds.ts';
import type { Revision } from '../workload/revisions.ts';
import { storedDigest } from '../workload/template.ts';
import { mayReport, reportedDigest, type Approved } from './images.ts';
import type { Platforms } from './nodes.ts';

const MAX_LISTED = 100_000;
const revisionLabel = 'controller-revision-hash';

interface ContainerStatus {
  name?: string;
  imageID?: string;
}

interface RunningPod extends Pod {
  spec?: Pod['spec'] & { nodeName?: string };
  status?: NonNullable<Pod['status']> & {
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
    ephemeralContainerStatuses?: ContainerStatus[];
  };
}

/** A pod of the workload, and what is known of what it runs. */
export interface Judged {
  name: string;
  uid: string;
  /** Name of its node; empty when it has none yet. */
  node: string;
  /** It is made from the template that is wanted, by what its controller says. */
  isNew: boolean;
  ready: boolean;
  /** On its way out: it runs until it is gone. */
  going: boolean;
  /** Containers that run something other than what was approved, `app runs sha256:…`. */
  wrong: string[];
  /** Containers of which the runtime names no digest, or none yet. */
  unknown: string[];
  /** Containers that the template does not name. */
  more: string[];
  ephemeral: string[];
}

/** The pods that a workload owns, by UID; those that have ended are none. */
export async function listPods(
  cluster: Cluster,
  workload: Workload,
  revisions: readonly Revision[],
  signal: AbortSignal,
): Promise<RunningPod[]> {
  const { namespace = '', uid = '' } = workload.metadata;
  const pods = await cluster.list<RunningPod>(
    { ...resources.pods, namespace },
    { signal, maxItems: MAX_LISTED, ...selectorOf(workload) },
  );
  const owners = new Set(
    workload.kind === 'Deployment'
      ? revisions.map((revision) => revision.uid)
      : workload.kind === 'CronJob'
        ? await jobsOf(cluster, namespace, uid, signal)
        : [uid],
  );
  return pods.items.filter(
    (pod) =>
      owners.has(controllerOf(pod)?.uid ?? '') &&
      pod.status?.phase !== 'Succeeded' &&
      pod.status?.phase !== 'Failed',
  );
}

/** A controller lets go of a pod that its selector does not match. */
function selectorOf({ kind, spec }: Workload): { labelSelector?: string } {
  const labels = Object.entries(spec?.selector?.matchLabels ?? {});
  if (kind === 'CronJob' || labels.length === 0) return {};
  return { labelSelector: labels.map(([key, value]) => `${key}=${value}`).join(',') };
}

async function jobsOf(
  cluster: Cluster,
  namespace: string,
  uid: string,
  signal: AbortSignal,
): Promise<string[]> {
  const jobs = await cluster.list({ ...resources.jobs, namespace }, { signal, maxItems: MAX_LISTED });
  return jobs.items.filter((job) => controllerOf(job)?.uid === uid).map(({ metadata }) => metadata.uid ?? '');
}

/** The revision that a template is, if its controller has made one. */
export function revisionAt(
  revisions: readonly Revision[],
  template: Revision['stored'],
): Revision | undefined {
  const wanted = storedDigest(template);
  return revisions.find(({ stored }) => storedDigest(stored) === wanted);
}

/** Whether its controller made a pod from a revision. */
export function isOf(pod: KubernetesObject, workload: Workload, revision: Revision | undefined): boolean {
  if (revision === undefined) return false;
  if (revision.kind === 'ReplicaSet') return controllerOf(pod)?.uid === revision.uid;
  const hash = pod.metadata.labels?.[revisionLabel] ?? '';
  return revision.name === (workload.kind === 'DaemonSet' ? `${workload.metadata.name}-${hash}` : hash);
}

/** Compares what a pod runs with what was approved. Pure. */
export function judgePod(
  pod: RunningPod,
  isNew: boolean,
  approved: readonly Approved[],
  platforms: Platforms,
): Judged {
  const { metadata, spec = {}, status = {} } = pod;
  const statuses = new Map(
    [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map((one) => [
      one.name ?? '',
      one,
    ]),
  );
  const wrong: string[] = [];
  const unknown: string[] = [];
  for (const image of approved) {
    const { imageID = '' } = statuses.get(image.container) ?? {};
    const reported = reportedDigest(imageID);
    const container = oneLine(image.container, 100);
    if (reported === undefined)
      unknown.push(imageID === '' ? `${container} has not started` : `${container} names no digest`);
    else if (!mayReport(image, reported, platforms.get(spec.nodeName ?? '')))
      wrong.push(`${container} runs ${reported}`);
  }
  const names = new Set(approved.map(({ container }) => container));
  const others = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
    .map(({ name = '' }) => name)
    .filter((name) => !names.has(name));
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    node: spec.nodeName ?? '',
    isNew,
    ready: isReady(pod),
    going: metadata.deletionTimestamp !== undefined,
    wrong,
    unknown,
    more: others.map((name) => oneLine(name, 100)),
    ephemeral: (spec.ephemeralContainers ?? []).map(({ name = '' }) => oneLine(name, 100)),
  };
}

function isReady({ metadata, status }: RunningPod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some((one) => isObject(one) && one.type === 'Ready' && one.status === 'True') === true
  );
}
