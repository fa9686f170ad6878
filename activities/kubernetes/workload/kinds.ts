import type { Cluster } from '../client.ts';
import { find } from '../quarantine/write.ts';
import { resources, type KubernetesObject, type OwnerReference, type Resource } from '../resources.ts';

/** Kinds that can be rolled back. */
export const rollbackKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'] as const;
export type RollbackKind = (typeof rollbackKinds)[number];

export interface Container {
  name?: string;
  image?: string;
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name?: string; key?: string } } }[];
  envFrom?: { secretRef?: { name?: string } }[];
}

interface Items {
  items?: { key: string }[];
}

/** A volume as far as it can name a Secret. Drivers have fields of their own, `secretRef` most of them. */
export interface Volume {
  name?: string;
  secret?: Items & { secretName?: string };
  projected?: { sources?: { secret?: Items & { name?: string } }[] };
  csi?: { nodePublishSecretRef?: { name?: string } };
  azureFile?: { secretName?: string };
  [driver: string]: unknown;
}

/** What is read of a pod's spec, or of a template's. */
export interface PodSpec {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  imagePullSecrets?: { name?: string }[];
  initContainers?: Container[];
  containers?: Container[];
  ephemeralContainers?: Container[];
  volumes?: Volume[];
}

export interface Pod extends KubernetesObject {
  spec?: PodSpec;
  status?: { phase?: string };
}

/** What pods are made from. Fields that this code does not know are kept. */
export interface PodTemplate {
  metadata?: {
    labels?: { [key: string]: string };
    annotations?: { [key: string]: string };
    [field: string]: unknown;
  };
  spec?: PodSpec & { [field: string]: unknown };
  [field: string]: unknown;
}

/** A number of pods, or a share of them such as `25%`. */
export type Amount = number | string;

/** What is read of a Deployment, a StatefulSet, a DaemonSet or a CronJob. */
export interface Workload extends KubernetesObject {
  spec?: {
    replicas?: number;
    selector?: { matchLabels?: { [key: string]: string } };
    paused?: boolean;
    minReadySeconds?: number;
    progressDeadlineSeconds?: number;
    /** Of StatefulSets. */
    podManagementPolicy?: string;
    ordinals?: { start?: number };
    /** Of Deployments. */
    strategy?: { type?: string; rollingUpdate?: { maxUnavailable?: Amount; maxSurge?: Amount } | null };
    /** Of StatefulSets and DaemonSets. */
    updateStrategy?: {
      type?: string;
      rollingUpdate?: { maxUnavailable?: Amount; maxSurge?: Amount; partition?: number } | null;
    };
    template?: PodTemplate;
    /** Of CronJobs. */
    jobTemplate?: { spec?: { template?: PodTemplate } };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    readyReplicas?: number;
    availableReplicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    desiredNumberScheduled?: number;
    updatedNumberScheduled?: number;
    numberAvailable?: number;
    conditions?: { type: string; status: string; reason?: string }[];
  };
}

const kinds: { [kind: string]: Resource } = {
  Deployment: resources.deployments,
  StatefulSet: resources.statefulSets,
  DaemonSet: resources.daemonSets,
  CronJob: resources.cronJobs,
};

/** Where a workload is. */
export function locationOf({ kind, metadata }: KubernetesObject): Resource & {
  namespace: string;
  name: string;
} {
  const resource = kinds[kind];
  if (resource === undefined) throw new TypeError(`${kind} is no workload that is known here`);
  return { ...resource, namespace: metadata.namespace ?? '', name: metadata.name };
}

/** undefined when there is none of this name. */
export function findWorkload(
  cluster: Cluster,
  { kind, namespace, name }: { kind: RollbackKind; namespace: string; name: string },
  signal: AbortSignal,
): Promise<Workload | undefined> {
  const location = locationOf({ apiVersion: '', kind, metadata: { namespace, name } });
  return find<Workload>(cluster, location, signal);
}

/** What the workload's pods are made from; of a CronJob those of its Jobs. */
export function templateOf({ kind, spec }: Workload): PodTemplate {
  return (kind === 'CronJob' ? spec?.jobTemplate?.spec?.template : spec?.template) ?? {};
}

/** Who keeps an object; one only can. */
export function controllerOf({ metadata }: KubernetesObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** `deployments/web`. */
export function labelOf(workload: KubernetesObject): string {
  const { resource, name } = locationOf(workload);
  return `${resource}/${name}`;
}

/** How many pods it should have. */
export function sizeOf({ kind, spec, status }: Workload): number {
  return kind === 'DaemonSet' ? (status?.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1);
}
