import { resources, type KubernetesObject, type Resource } from '../resources.ts';

interface Container {
  name?: string;
  env?: { name: string; valueFrom?: { secretKeyRef?: { name?: string; key?: string } } }[];
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

/** A number of pods, or a share of them such as `25%`. */
export type Amount = number | string;

/** What is read of a Deployment, a StatefulSet or a DaemonSet. */
export interface Workload extends KubernetesObject {
  spec?: {
    replicas?: number;
    paused?: boolean;
    /** Of Deployments. */
    strategy?: { type?: string; rollingUpdate?: { maxUnavailable?: Amount; maxSurge?: Amount } | null };
    /** Of StatefulSets and DaemonSets. */
    updateStrategy?: {
      type?: string;
      rollingUpdate?: { maxUnavailable?: Amount; maxSurge?: Amount; partition?: number } | null;
    };
    template?: {
      metadata?: { labels?: { [key: string]: string }; annotations?: { [key: string]: string } };
      spec?: PodSpec;
    };
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

/** Kinds that replace their pods one after another when their template changes. */
const kinds: { [kind: string]: Resource } = {
  Deployment: resources.deployments,
  StatefulSet: resources.statefulSets,
  DaemonSet: resources.daemonSets,
};

/** Where a workload is. */
export function locationOf({ kind, metadata }: KubernetesObject): Resource & {
  namespace: string;
  name: string;
} {
  const resource = kinds[kind];
  if (resource === undefined) throw new TypeError(`${kind} is no workload that can be restarted`);
  return { ...resource, namespace: metadata.namespace ?? '', name: metadata.name };
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
