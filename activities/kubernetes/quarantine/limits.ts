import type { Limit } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { findOtherPolicies } from './other-policies.ts';
import type { Service } from './surroundings.ts';

interface Container {
  securityContext?: { privileged?: boolean };
}

export interface Pod extends KubernetesObject {
  spec?: {
    hostNetwork?: boolean;
    hostPID?: boolean;
    hostIPC?: boolean;
    volumes?: { hostPath?: object }[];
    containers?: Container[];
    initContainers?: Container[];
    ephemeralContainers?: unknown[];
  };
  status?: { phase?: string };
}

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
    code: 'exempt-identities',
    text: "Whoever can act as somebody whom the freeze exempts: the engine, a responder, a node, a built-in controller (by impersonation, or by a token of a controller's account in kube-system).",
  },
  {
    code: 'reads',
    text: 'Reading: whoever may read its logs, Secrets and objects still does, and may watch what is done. Admission judges writes only.',
  },
  {
    code: 'extension-apis',
    text: 'APIs that an extension server answers, such as consoles of virtual machines: the freeze does not judge them.',
  },
  {
    code: 'image-pulls',
    text: 'A container that restarts may pull another image under the same tag, and new content of volumes that a driver fills from outside.',
  },
  {
    code: 'shared-storage',
    text: 'Data that passes through volumes shared with other namespaces, or through the disk of a node.',
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
      'node-access',
      'Pods with access to their node (privileged, host namespaces, host paths): from there they get past any policy.',
      'pods',
      pods.filter(reachesNode),
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

function reachesNode({ spec = {} }: Pod): boolean {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  return (
    spec.hostPID === true ||
    spec.hostIPC === true ||
    containers.some(({ securityContext }) => securityContext?.privileged === true) ||
    (spec.volumes ?? []).some(({ hostPath }) => hostPath !== undefined)
  );
}

function named(code: string, text: string, kind: string, objects: readonly KubernetesObject[]): Limit[] {
  if (objects.length === 0) return [];
  const names = objects.slice(0, 20).map(({ metadata }) => `${kind}/${metadata.name}`);
  return [{ code, text, objects: names, count: objects.length }];
}
