import type { Cluster } from '../../activities/kubernetes/client.ts';
import type { KubernetesObject } from '../../activities/kubernetes/resources.ts';

const refuse = (): never => {
  throw new Error('this cluster lists only');
};

/** A cluster that lists these objects, by the plural of their kind, and answers nothing else. */
export function listing(objects: { [resource: string]: readonly KubernetesObject[] }): Cluster {
  return {
    name: 'listed',
    environment: 'test',
    get: refuse,
    list: async ({ resource }) => ({
      items: JSON.parse(JSON.stringify(objects[resource] ?? [])),
      resourceVersion: '1',
    }),
    create: refuse,
    replace: refuse,
    patch: refuse,
    delete: refuse,
    connect: refuse,
    stream: refuse,
    groups: refuse,
    apiResources: refuse,
    close: async () => undefined,
  };
}
