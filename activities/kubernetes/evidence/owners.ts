import type { Cluster, ApiResource } from '../client.ts';
import type { KubernetesObject, OwnerReference } from '../resources.ts';
import type { Collection } from './collection.ts';
import { inParallel } from './in-parallel.ts';

const maxDepth = 10;
const maxOwners = 2_000;

/**
 * The owners of some objects, their owners, and so on to the roots. Kinds are looked up by discovery, so that a custom controller is found as well.
 * An owner of the same name with another UID is another object, and is not taken.
 */
export async function collectOwners(
  cluster: Cluster,
  namespace: string,
  objects: readonly KubernetesObject[],
  collection: Collection,
): Promise<KubernetesObject[]> {
  const found = new Map<string, KubernetesObject>();
  const asked = new Set<string>();
  const kinds = new Map<string, Promise<ApiResource[] | undefined>>();

  async function resourceOf(group: string, version: string, kind: string): Promise<ApiResource | undefined> {
    const key = `${group}/${version}`;
    let known = kinds.get(key);
    if (known === undefined) {
      known = collection.attempt(`the kinds of ${key}`, () =>
        cluster.apiResources({ group, version }, { signal: collection.signal }),
      );
      kinds.set(key, known);
    }
    // A subresource may have the same kind.
    return (await known)?.find((resource) => resource.kind === kind && !resource.name.includes('/'));
  }

  async function fetch(reference: OwnerReference): Promise<void> {
    const what = `owner ${reference.kind} ${reference.name}`;
    const { group, version } = groupVersion(reference.apiVersion);
    // Whoever may create a pod may name any owner.
    if (group === '' && reference.kind === 'Secret') return collection.miss(what, 'Secrets are never read');
    const resource = await resourceOf(group, version, reference.kind);
    if (resource === undefined)
      return collection.miss(what, `the cluster has no ${reference.apiVersion} ${reference.kind}`);
    const object = await collection.attempt(what, () =>
      cluster.get(
        {
          group,
          version,
          resource: resource.name,
          name: reference.name,
          ...(resource.namespaced ? { namespace } : {}),
        },
        { signal: collection.signal },
      ),
    );
    if (object === undefined) return;
    if (object.metadata.uid === reference.uid) found.set(reference.uid, object);
    else collection.miss(what, 'another object has its name now');
  }

  let level: readonly KubernetesObject[] = objects;
  for (let depth = 0; level.length > 0; depth++) {
    const references = level
      .flatMap(({ metadata }) => metadata.ownerReferences ?? [])
      .filter(({ uid }) => !asked.has(uid) && asked.add(uid));
    if (references.length === 0) break;
    if (depth === maxDepth || asked.size > maxOwners) {
      collection.miss(
        `${references.length} further owners`,
        `more than ${maxDepth} levels or ${maxOwners} objects`,
      );
      break;
    }
    await inParallel(references, 8, fetch);
    level = references.flatMap(({ uid }) => found.get(uid) ?? []);
  }
  return [...found.values()].toSorted((a, b) => (a.metadata.uid ?? '').localeCompare(b.metadata.uid ?? ''));
}

function groupVersion(apiVersion: string): { group: string; version: string } {
  const [first = '', second] = apiVersion.split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}
