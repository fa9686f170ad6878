import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import type { OwnerReference } from '../resources.ts';

/**
 * Parts owners that live, by UID, from the rest. An object put back with a dead owner is garbage-collected at once; so an owner that cannot be read
 * is left out as well, and named.
 */
export async function livingOwners(
  cluster: Cluster,
  namespace: string,
  owners: readonly OwnerReference[],
  signal: AbortSignal,
): Promise<{ kept: OwnerReference[]; dropped: OwnerReference[] }> {
  const kept: OwnerReference[] = [];
  const dropped: OwnerReference[] = [];
  for (const owner of owners) ((await lives(cluster, namespace, owner, signal)) ? kept : dropped).push(owner);
  return { kept, dropped };
}

async function lives(
  cluster: Cluster,
  namespace: string,
  owner: OwnerReference,
  signal: AbortSignal,
): Promise<boolean> {
  const [group, version] = owner.apiVersion.includes('/')
    ? owner.apiVersion.split('/')
    : ['', owner.apiVersion];
  if (group === undefined || version === undefined) return false;
  try {
    const kinds = await cluster.apiResources({ group, version }, { signal });
    const kind = kinds.find((candidate) => candidate.kind === owner.kind && !candidate.name.includes('/'));
    if (kind === undefined) return false;
    const location = {
      group,
      version,
      resource: kind.name,
      name: owner.name,
      ...(kind.namespaced ? { namespace } : {}),
    };
    return (await cluster.get(location, { signal })).metadata.uid === owner.uid;
  } catch (error) {
    if (isKubernetesError(error, 'gone', 'forbidden')) return false;
    throw error;
  }
}
