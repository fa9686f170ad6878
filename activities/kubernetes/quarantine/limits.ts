import type { Limit } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import type { Service } from './surroundings.ts';

export interface Pod extends KubernetesObject {
  spec?: { hostNetwork?: boolean; ephemeralContainers?: unknown[] };
  status?: { phase?: string };
}

/** Groups whose policies a NetworkPolicy does not govern; the lists that Firebreak may read to count what is in force. */
export const otherPolicyApis: { group: string; resources: string[]; text: string }[] = [
  {
    group: 'cilium.io',
    resources: ['ciliumnetworkpolicies'],
    text: 'Cilium: its own policies add to, or override, NetworkPolicies',
  },
  {
    group: 'crd.projectcalico.org',
    resources: ['networkpolicies'],
    text: 'Calico: policies of its tiers are judged before NetworkPolicies, and their Allow ends the matter',
  },
  {
    group: 'projectcalico.org',
    resources: ['networkpolicies'],
    text: 'Calico: policies of its tiers are judged before NetworkPolicies, and their Allow ends the matter',
  },
  {
    group: 'crd.antrea.io',
    resources: ['networkpolicies'],
    text: 'Antrea: policies of its tiers are judged before NetworkPolicies',
  },
  {
    group: 'policy.networking.k8s.io',
    resources: [],
    text: 'ClusterNetworkPolicy, AdminNetworkPolicy: the admin tier is judged before NetworkPolicies, and its Accept ends the matter',
  },
  {
    group: 'networking.k8s.aws',
    resources: [],
    text: 'EKS: its cluster policies are judged before NetworkPolicies',
  },
];

/** True of every quarantine, whatever the cluster looks like. */
export const alwaysNotCovered: Limit[] = [
  {
    code: 'open-connections',
    text: 'Connections that are open already: many network plugins let them live on.',
  },
  {
    code: 'enforcement-unproven',
    text: 'Whether the network plugin enforces NetworkPolicies at all: no packet was sent to see.',
  },
  {
    code: 'node-local',
    text: 'Traffic between a pod and its own node, and so node-local services such as a DNS cache: policies cannot block it.',
  },
  { code: 'open-sessions', text: 'Sessions of exec, attach and port-forward that are open already.' },
  {
    code: 'nodes-proxy',
    text: 'Whoever may use nodes/proxy, or a node itself, reaches containers past admission.',
  },
  {
    code: 'service-account-tokens',
    text: 'Tokens of its ServiceAccounts stay valid, for copies outside the namespace too.',
  },
  {
    code: 'credential-copies',
    text: 'Credentials that were read from its Secrets before, and are used elsewhere.',
  },
  {
    code: 'cluster-admin',
    text: 'Whoever may delete admission policies can lift the freeze: it cannot guard itself.',
  },
  {
    code: 'queued-work',
    text: 'Work that others deliver later: queues, webhooks, GitOps controllers that retry. CronJobs go on starting pods, without network.',
  },
];

/** What the quarantine will not cover here and now, beside what it never does. */
export async function findLimits(
  cluster: Cluster,
  namespace: string,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<Limit[]> {
  const [others, services, cronJobs] = await Promise.all([
    findOtherPolicies(cluster, namespace, signal),
    cluster.list<Service>({ ...resources.services, namespace }, { signal }),
    cluster.list({ ...resources.cronJobs, namespace }, { signal }),
  ]);
  const exposed = services.items.filter(
    ({ spec }) => spec?.type === 'LoadBalancer' || spec?.type === 'NodePort',
  );
  return [
    ...named(
      'host-network',
      'Pods on the host network: pod policies do not hold for them.',
      'pods',
      hostNetworked(pods),
    ),
    ...named(
      'exposed-services',
      'LoadBalancer and NodePort Services stay: their traffic ends at the pods, if the network plugin enforces policies.',
      'services',
      exposed,
    ),
    ...named('cron-jobs', 'CronJobs go on starting pods, without network.', 'cronjobs', cronJobs.items),
    ...others,
    ...alwaysNotCovered,
  ];
}

export function hostNetworked(pods: readonly Pod[]): Pod[] {
  return pods.filter(({ spec }) => spec?.hostNetwork === true);
}

function named(code: string, text: string, kind: string, objects: readonly KubernetesObject[]): Limit[] {
  if (objects.length === 0) return [];
  const names = objects.slice(0, 20).map(({ metadata }) => `${kind}/${metadata.name}`);
  return [{ code, text, objects: names, count: objects.length }];
}

async function findOtherPolicies(cluster: Cluster, namespace: string, signal: AbortSignal): Promise<Limit[]> {
  const served = new Map(
    (await cluster.groups({ signal })).map((group) => [group.name, group.preferredVersion]),
  );
  const limits = await Promise.all(
    otherPolicyApis.map(async ({ group, resources: kinds, text }): Promise<Limit[]> => {
      const version = served.get(group);
      if (version === undefined) return [];
      const code = `policies-${group.replaceAll('.', '-')}`;
      try {
        const lists = await Promise.all(
          kinds.map((resource) => cluster.list({ group, version, resource, namespace }, { signal })),
        );
        const objects = lists.flatMap(({ items }) => items);
        const names = objects.slice(0, 20).map(({ metadata }) => `${group}/${metadata.name}`);
        return [
          {
            code,
            text: `${text}; they are not changed.`,
            ...(names.length === 0 ? {} : { objects: names }),
            count: objects.length,
          },
        ];
      } catch (error) {
        if (!isKubernetesError(error, 'forbidden', 'gone', 'unsupported')) throw error;
        return [{ code, text: `${text}; they are not changed, and could not be counted (${error.reason}).` }];
      }
    }),
  );
  return limits.flat();
}
