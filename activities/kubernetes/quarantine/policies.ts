import type { Cluster } from '../client.ts';
import { allowsAnything, type NetworkPolicy } from '../network-policy.ts';
import { resources } from '../resources.ts';
import { quarantinePolicyName } from './marks.ts';

/** A tenant may make very many: reading them must not be what fails. */
const MAX_LISTED = 100_000;

export async function listPolicies(
  cluster: Cluster,
  namespace: string,
  signal: AbortSignal,
  labelSelector?: string,
): Promise<NetworkPolicy[]> {
  const options = { signal, maxItems: MAX_LISTED, ...(labelSelector === undefined ? {} : { labelSelector }) };
  return (await cluster.list<NetworkPolicy>({ ...resources.networkPolicies, namespace }, options)).items;
}

/** Policies that a quarantine removes: all that allow something. What bears the deny's name is overwritten instead. */
export function removable(policies: readonly NetworkPolicy[]): NetworkPolicy[] {
  return policies.filter((policy) => policy.metadata.name !== quarantinePolicyName && allowsAnything(policy));
}
