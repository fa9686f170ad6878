import type { KubernetesObject } from '../resources.ts';

/** A container as its pod's status tells of it. */
export interface ContainerImage {
  pod: string;
  container: string;
  kind: 'init' | 'container' | 'ephemeral';
  /** As the spec names it. */
  image: string;
  /** The digest that runs; empty while nothing does. */
  imageID: string;
}

interface Named {
  name: string;
  image?: string;
  imageID?: string;
}

/** What is read of a pod; the artefact holds all of it. */
interface PodParts {
  spec?: { initContainers?: Named[]; containers?: Named[]; ephemeralContainers?: Named[] };
  status?: {
    initContainerStatuses?: Named[];
    containerStatuses?: Named[];
    ephemeralContainerStatuses?: Named[];
  };
}

export type Pod = KubernetesObject & PodParts;

/** Every container of a pod: init, regular and ephemeral ones. */
export function imagesOf(pod: Pod): ContainerImage[] {
  const { spec, status } = pod;
  const of = (kind: ContainerImage['kind'], specs: Named[] = [], statuses: Named[] = []) => {
    const states = new Map(statuses.map((state) => [state.name, state]));
    return specs.map(({ name, image }) => ({
      pod: pod.metadata.name,
      container: name,
      kind,
      image: image ?? '',
      imageID: states.get(name)?.imageID ?? '',
    }));
  };
  return [
    ...of('init', spec?.initContainers, status?.initContainerStatuses),
    ...of('container', spec?.containers, status?.containerStatuses),
    ...of('ephemeral', spec?.ephemeralContainers, status?.ephemeralContainerStatuses),
  ];
}
