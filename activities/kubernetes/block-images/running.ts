import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject, type OwnerReference } from '../resources.ts';
import { controllerOf, type Pod } from '../workload/kinds.ts';
import { imagesOf, refusalOf, type Rule } from './rule.ts';

const MAX_LISTED = 100_000;
/** Well within the deadline of a plan. */
const LIST_MS = 12_000;

interface Status {
  imageID?: string;
}

interface LivePod extends Pod {
  status?: NonNullable<Pod['status']> & {
    containerStatuses?: Status[];
    initContainerStatuses?: Status[];
    ephemeralContainerStatuses?: Status[];
  };
}

/** A pod that lives, and runs a denied digest or is to. */
export interface Running {
  namespace: string;
  name: string;
  uid: string;
  controller: OwnerReference | undefined;
}

export interface Listed<T> {
  items: T[];
  /** Why not all could be listed. */
  missing?: string;
}

/** Every pod of the cluster with a denied digest, by its spec or by what its node reports, in order of their names. */
export async function findRunning(
  cluster: Cluster,
  rule: Rule,
  signal: AbortSignal,
): Promise<Listed<Running>> {
  if (rule.deny.length === 0) return { items: [] };
  const { items: pods, missing } = await listed<LivePod>(cluster, resources.pods, signal);
  const items = pods
    .filter((pod) => isLive(pod) && runsDenied(pod, rule))
    .map((pod) => ({
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      uid: pod.metadata.uid ?? '',
      controller: controllerOf(pod),
    }))
    .toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  return { items, ...(missing === undefined ? {} : { missing }) };
}

/** A collection, or why it cannot be read: what cannot be listed, or not in time, is no obstacle to a containment. */
export async function listed<T extends KubernetesObject>(
  cluster: Pick<Cluster, 'list'>,
  location: Parameters<Cluster['list']>[0],
  signal: AbortSignal,
  withinMs = LIST_MS,
): Promise<Listed<T>> {
  const late = AbortSignal.timeout(withinMs);
  try {
    const options = { signal: AbortSignal.any([signal, late]), maxItems: MAX_LISTED };
    return { items: (await cluster.list<T>(location, options)).items };
  } catch (error) {
    if (isKubernetesError(error, 'refused', 'forbidden')) return { items: [], missing: error.message };
    if (late.aborted && !signal.aborted)
      return { items: [], missing: `${location.resource} were not listed within ${withinMs / 1_000} s` };
    throw error;
  }
}

/** `shop/web-1`. */
export function nameOf({ namespace, name }: Pick<Running, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

function isLive({ metadata, status }: LivePod): boolean {
  return (
    metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
  );
}

function runsDenied({ metadata, spec = {}, status = {} }: LivePod, rule: Rule): boolean {
  const reported = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ].map(({ imageID = '' }) => imageID);
  return [...imagesOf(spec), ...reported].some(
    (image) => refusalOf(image, metadata.namespace ?? '', rule) === 'denied',
  );
}
