import { isObject, type Digest } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject, type ObjectMeta } from '../resources.ts';
import { controllerOf, templateOf, type PodTemplate, type Workload } from './kinds.ts';
import { asStored, normalised, storedDigest, templateDigest } from './template.ts';

const numberKey = 'deployment.kubernetes.io/revision';
const formerKey = 'deployment.kubernetes.io/revision-history';
/** Who writes ReplicaSets and ControllerRevisions when nobody meddles: named by its program, which some distributions have in one with others. */
const builtIn = /^(?:kube-controller-manager|k3s|rke2|kubelite)(?:-[0-9v.]+)?$/;
/** A tenant may make very many: reading them must not be what fails. */
const MAX_LISTED = 100_000;

/** One state that a workload's template had, as its controller keeps it. */
export interface Revision {
  /** Higher is newer; 0 when the controller has given it none. */
  number: number;
  /** Numbers that it had before it was rolled back to. Ascending. */
  formerNumbers: number[];
  /** Of the ReplicaSet or the ControllerRevision. */
  name: string;
  kind: 'ReplicaSet' | 'ControllerRevision';
  uid: string;
  /** RFC 3339 UTC. */
  createdAt: string;
  /** It is what the workload's template says now. */
  current: boolean;
  /** Normalised. */
  template: PodTemplate;
  /** Of `template`. */
  templateDigest: Digest;
  /** As the controller keeps it: what was in the workload, to the letter. */
  stored: PodTemplate;
  /** How many pods a ReplicaSet is to have now; 0 of a ControllerRevision. */
  replicas: number;
  /** Field managers other than the built-in controller that wrote into its template. Anybody may call themselves what they like: a hint, no proof. */
  editedBy: string[];
}

interface ReplicaSet extends KubernetesObject {
  spec?: { replicas?: number; template?: PodTemplate };
}

interface ControllerRevision extends KubernetesObject {
  /** A strategic merge patch of the workload. */
  data?: { spec?: { template?: PodTemplate } };
  revision?: number;
}

/**
 * The history that a workload's controller keeps, newest first: ReplicaSets of a Deployment, ControllerRevisions of a StatefulSet or a DaemonSet. Known by the
 * UID of their owner. A CronJob has none.
 * @throws KubernetesError
 */
export async function revisionsOf(
  cluster: Cluster,
  workload: Workload,
  signal: AbortSignal,
): Promise<Revision[]> {
  const { namespace = '', uid = '' } = workload.metadata;
  const options = { signal, maxItems: MAX_LISTED };
  const owned = <T extends KubernetesObject>(items: T[]) =>
    items.filter((item) => uid !== '' && controllerOf(item)?.uid === uid);
  if (workload.kind === 'CronJob') return [];
  if (workload.kind === 'Deployment') {
    const sets = await cluster.list<ReplicaSet>({ ...resources.replicaSets, namespace }, options);
    return judge(workload, owned(sets.items).map(ofReplicaSet));
  }
  const kept = await cluster.list<ControllerRevision>(
    { ...resources.controllerRevisions, namespace },
    options,
  );
  return judge(workload, owned(kept.items).map(ofControllerRevision));
}

type Found = Omit<Revision, 'current'>;

/** Pure: orders what was found, and says which of it the workload's template is. */
function judge(workload: Workload, found: readonly Found[]): Revision[] {
  const now = storedDigest(templateOf(workload));
  const ordered = found.toSorted(
    (a, b) => b.number - a.number || b.createdAt.localeCompare(a.createdAt) || a.name.localeCompare(b.name),
  );
  const current = ordered.find(({ stored }) => storedDigest(stored) === now);
  return ordered.map((revision) => ({ ...revision, current: revision === current }));
}

function ofReplicaSet({ metadata, spec }: ReplicaSet): Found {
  const { annotations = {} } = metadata;
  const former = (annotations[formerKey] ?? '').split(',').map(numberOf);
  return {
    kind: 'ReplicaSet',
    number: numberOf(annotations[numberKey]),
    formerNumbers: former.filter((number) => number > 0).toSorted((a, b) => a - b),
    ...common(metadata, spec?.template ?? {}),
    replicas: spec?.replicas ?? 1,
    editedBy: editorsOf(metadata, ['f:spec', 'f:template']),
  };
}

function ofControllerRevision({ metadata, data, revision = 0 }: ControllerRevision): Found {
  return {
    kind: 'ControllerRevision',
    number: revision,
    formerNumbers: [],
    ...common(metadata, data?.spec?.template ?? {}),
    replicas: 0,
    editedBy: editorsOf(metadata, ['f:data']),
  };
}

function common({ name, uid = '', creationTimestamp = '' }: ObjectMeta, template: PodTemplate) {
  return {
    name,
    uid,
    createdAt: creationTimestamp,
    template: normalised(template),
    templateDigest: templateDigest(template),
    stored: asStored(template),
  };
}

function numberOf(text = ''): number {
  return /^[0-9]{1,15}$/.test(text.trim()) ? Number(text) : 0;
}

/** Who owns fields below a path of `fieldsV1`, but for the built-in controller. */
function editorsOf({ managedFields }: ObjectMeta, path: readonly string[]): string[] {
  if (!Array.isArray(managedFields)) return [];
  const names = managedFields.flatMap((entry: unknown) => {
    if (!isObject(entry)) return [];
    let at: unknown = entry['fieldsV1'];
    for (const key of path) at = isObject(at) ? at[key] : undefined;
    const { manager } = entry;
    return at === undefined || typeof manager !== 'string' || builtIn.test(manager) ? [] : [manager];
  });
  return [...new Set(names)].toSorted();
}
