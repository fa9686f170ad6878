import type { Limit } from '../../../domain/action.ts';
import type { ApiGroup, Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';

const calico = {
  resources: ['networkpolicies'],
  clusterWide: ['globalnetworkpolicies'],
  text: 'Calico: policies of its tiers are judged before NetworkPolicies, and their Allow ends the matter',
};

/** Groups whose policies a NetworkPolicy does not govern, and their kinds that may let traffic through. */
export const otherPolicyApis: { group: string; resources: string[]; clusterWide: string[]; text: string }[] =
  [
    {
      group: 'cilium.io',
      resources: ['ciliumnetworkpolicies'],
      clusterWide: ['ciliumclusterwidenetworkpolicies'],
      text: 'Cilium: what its own policies allow is allowed beside NetworkPolicies',
    },
    { group: 'crd.projectcalico.org', ...calico },
    { group: 'projectcalico.org', ...calico },
    {
      group: 'crd.antrea.io',
      resources: ['networkpolicies'],
      clusterWide: ['clusternetworkpolicies'],
      text: 'Antrea: policies of its tiers are judged before NetworkPolicies',
    },
    {
      group: 'policy.networking.k8s.io',
      resources: [],
      clusterWide: ['clusternetworkpolicies', 'adminnetworkpolicies'],
      text: 'ClusterNetworkPolicy, AdminNetworkPolicy: the admin tier is judged before NetworkPolicies, and its Accept ends the matter',
    },
    {
      group: 'networking.k8s.aws',
      resources: ['applicationnetworkpolicies'],
      clusterWide: ['clusternetworkpolicies'],
      text: 'EKS: its cluster policies are judged before NetworkPolicies, its application policies beside them',
    },
  ];

/**
 * One limit for each such API that the cluster serves. `count` has its objects in the namespace and cluster-wide ones, wherever these apply; absent when they
 * could not be counted.
 */
export async function findOtherPolicies(
  cluster: Cluster,
  namespace: string,
  signal: AbortSignal,
): Promise<Limit[]> {
  const served = new Map((await cluster.groups({ signal })).map((group) => [group.name, group]));
  const limits = await Promise.all(
    otherPolicyApis.map(async ({ group, resources, clusterWide, text }): Promise<Limit[]> => {
      const api = served.get(group);
      if (api === undefined) return [];
      const code = `policies-${group.replaceAll('.', '-')}`;
      try {
        const lists = await Promise.all([
          ...resources.map((resource) => listServed(cluster, api, { resource, namespace }, signal)),
          ...clusterWide.map((resource) => listServed(cluster, api, { resource }, signal)),
        ]);
        const objects = lists.flat();
        const names = objects.slice(0, 20);
        return [
          {
            code,
            text: `${text}; they are not changed.`,
            ...(names.length === 0 ? {} : { objects: names }),
            count: objects.length,
          },
        ];
      } catch (error) {
        if (!isKubernetesError(error, 'forbidden', 'unsupported', 'refused')) throw error;
        return [{ code, text: `${text}; they are not changed, and could not be counted (${error.reason}).` }];
      }
    }),
  );
  return limits.flat();
}

/** Names of a kind's objects, in the first version of the group that serves it; none when no version does. */
async function listServed(
  cluster: Cluster,
  { name: group, preferredVersion, versions }: ApiGroup,
  at: { resource: string; namespace?: string },
  signal: AbortSignal,
): Promise<string[]> {
  for (const version of new Set([preferredVersion, ...versions])) {
    try {
      const { items } = await cluster.list({ group, version, ...at }, { signal });
      return items.map(({ metadata }) => `${at.resource}.${group}/${metadata.name}`);
    } catch (error) {
      if (!isKubernetesError(error, 'gone')) throw error;
    }
  }
  return [];
}
