import { truncate } from '../../../domain/safe-text.ts';
import type { KubernetesObject } from '../resources.ts';
import { most, type Reading } from './contract.ts';

interface ContainerStatus {
  restartCount?: number;
  state?: { waiting?: { reason?: string } };
}

/** What is read of a pod. */
export type PodToSum = KubernetesObject & {
  spec?: {
    hostNetwork?: boolean;
    initContainers?: { image?: string }[];
    containers?: { image?: string }[];
    ephemeralContainers?: { image?: string }[];
  };
  status?: {
    conditions?: { type: string; status: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
    ephemeralContainerStatuses?: ContainerStatus[];
  };
};

/** A namespace and its pods in a few numbers; `namespace` is undefined when there is none. */
export function summarise(namespace: KubernetesObject | undefined, pods: readonly PodToSum[]): Reading {
  if (namespace === undefined) return nothing();
  const labels = Object.entries(namespace.metadata.labels ?? {}).toSorted(byName);
  const images = [...new Set(pods.flatMap(imagesOf))].toSorted();
  return {
    exists: true,
    uid: namespace.metadata.uid ?? '',
    pods: pods.length,
    ready: pods.filter(isReady).length,
    restarting: pods.flatMap(statusesOf).filter(isRestarting).length,
    images: images.slice(0, most.images).map((image) => truncate(image, most.imageLength)),
    imageCount: images.length,
    hostNetworkPods: pods.filter(({ spec }) => spec?.hostNetwork === true).length,
    labels: Object.fromEntries(labels.slice(0, most.labels)),
    labelCount: labels.length,
  };
}

function nothing(): Reading {
  return {
    exists: false,
    uid: '',
    pods: 0,
    ready: 0,
    restarting: 0,
    images: [],
    imageCount: 0,
    hostNetworkPods: 0,
    labels: {},
    labelCount: 0,
  };
}

function isReady({ status }: PodToSum): boolean {
  return (status?.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True');
}

function isRestarting({ restartCount = 0, state }: ContainerStatus): boolean {
  return restartCount > 0 || state?.waiting?.reason === 'CrashLoopBackOff';
}

function statusesOf({ status }: PodToSum): ContainerStatus[] {
  return [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
}

function imagesOf({ spec }: PodToSum): string[] {
  const containers = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  return containers.flatMap(({ image }) => (image === undefined || image === '' ? [] : [image]));
}

/** By code units, so that every machine orders alike. */
function byName([left]: [string, string], [right]: [string, string]): number {
  return left < right ? -1 : 1;
}
