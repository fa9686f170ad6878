import type { ActionContext } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { pathOf, resources } from '../resources.ts';
import type { KubernetesObject, Location } from '../resources.ts';
import { bindsAccountsOf } from './bindings.ts';
import type { Binding } from './bindings.ts';
import type { Collection } from './collection.ts';
import { inParallel } from './in-parallel.ts';
import { collectLogs } from './logs.ts';
import { collectOwners } from './owners.ts';
import { imagesOf } from './pods.ts';
import type { Pod } from './pods.ts';
import { namespaceSources } from './sources.ts';

const atOnce = 8;

/**
 * Collects a namespace: objects first, for they are few and quick, then the logs.
 * @returns the pods, as far as they could be listed
 */
export async function collectEverything(
  context: ActionContext,
  cluster: Cluster,
  namespace: string,
  logBytes: number,
  collection: Collection,
): Promise<Pod[]> {
  const under = (name: string) => `namespaces/${namespace}/${name}`;

  /** Lists a collection and stores it whole. */
  async function list<T extends KubernetesObject>(
    name: string,
    location: Location,
    choose: (items: T[]) => T[] = (items) => items,
  ): Promise<T[]> {
    let items: T[] = [];
    await collection.collect(under(name), pathOf(location), 'application/json', async () => {
      items = choose((await cluster.list<T>(location, { signal: collection.signal })).items);
      return JSON.stringify(items);
    });
    return items;
  }

  const store = (name: string, source: string, value: unknown) =>
    collection.collect(under(name), source, 'application/json', () => Promise.resolve(JSON.stringify(value)));

  const namespaceLocation = { ...resources.namespaces, name: namespace };
  await collection.collect(under('namespace'), pathOf(namespaceLocation), 'application/json', async () =>
    JSON.stringify(await cluster.get(namespaceLocation, { signal: collection.signal })),
  );
  const podsLocation = { ...resources.pods, namespace };
  const pods = await list<Pod>('pods', podsLocation);
  await store('images', pathOf(podsLocation), pods.flatMap(imagesOf));
  await inParallel(namespaceSources, atOnce, async ({ name, resource }) => {
    await list(name, { ...resource, namespace });
  });
  await list<Binding>('clusterrolebindings', resources.clusterRoleBindings, (bindings) =>
    bindings.filter((binding) => bindsAccountsOf(binding, namespace)),
  );
  const owners = await collectOwners(cluster, namespace, pods, collection);
  await store('owners', 'ownerReferences of the pods', owners);
  await collection.flush();
  await context.checkpoint('kubernetes.collect-evidence: objects');

  const containers = pods.flatMap((pod) =>
    imagesOf(pod).map(({ container }) => ({ pod: pod.metadata.name, container })),
  );
  await inParallel(containers, atOnce, ({ pod, container }) =>
    collectLogs(cluster, { namespace, pod, container }, logBytes, collection),
  );
  return pods;
}
