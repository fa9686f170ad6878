import type { KubernetesPermission } from '../../../domain/permission.ts';
import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject } from '../resources.ts';

interface ServiceRef {
  namespace?: string;
  name?: string;
}

interface WebhookConfiguration extends KubernetesObject {
  webhooks?: { name: string; failurePolicy?: string; clientConfig?: { service?: ServiceRef } }[];
}

interface ApiService extends KubernetesObject {
  spec?: { service?: ServiceRef | null };
}

export interface Service extends KubernetesObject {
  spec?: { clusterIP?: string; type?: string; ports?: { port: number; protocol?: string }[] };
}

interface DaemonSet extends KubernetesObject {
  spec?: { template?: { spec?: { hostNetwork?: boolean; volumes?: { hostPath?: { path?: string } }[] } } };
  status?: { currentNumberScheduled?: number };
}

const read = (group: string, names: string[], why: string, verbs = ['list']): KubernetesPermission => ({
  system: 'kubernetes',
  apiGroups: [group],
  resources: names,
  verbs,
  why,
  verb: 'plan',
});

/** What `findSupports` and `whoAmI` ask of a cluster. */
export const supportsPermissions: KubernetesPermission[] = [
  read('', ['services'], "whether the namespace serves the cluster's DNS"),
  read('apps', ['daemonsets'], 'whether network or storage plugins run there'),
  read(
    'admissionregistration.k8s.io',
    ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
    'whether admission of the cluster depends on the namespace',
  ),
  read(
    'apiregistration.k8s.io',
    ['apiservices'],
    'whether an API of the cluster is served from the namespace',
  ),
  read('authentication.k8s.io', ['selfsubjectreviews'], 'whether Firebreak itself runs there', ['create']),
];

/**
 * Why the cluster or Firebreak stands on a namespace; empty when nothing found does. Judged by what a tenant cannot forge (cluster-scoped objects, host paths of pods that
 * were let in, the cluster's DNS address), never by names or labels: else an attacker could protect a namespace by labelling it.
 */
export async function findSupports(
  cluster: Cluster,
  namespace: string,
  engine: string,
  signal: AbortSignal,
): Promise<string[]> {
  const [validating, mutating, apiServices, daemonSets, services, kubernetes, system] = await Promise.all([
    cluster.list<WebhookConfiguration>(resources.validatingWebhooks, { signal }),
    cluster.list<WebhookConfiguration>(resources.mutatingWebhooks, { signal }),
    cluster.list<ApiService>(resources.apiServices, { signal }),
    cluster.list<DaemonSet>({ ...resources.daemonSets, namespace }, { signal }),
    cluster.list<Service>({ ...resources.services, namespace }, { signal }),
    cluster.list<Service>(
      { ...resources.services, namespace: 'default' },
      { signal, fieldSelector: 'metadata.name=kubernetes' },
    ),
    cluster.list<Service>({ ...resources.services, namespace: 'kube-system' }, { signal }),
  ]);
  const found: string[] = [];
  if (engine.startsWith(`system:serviceaccount:${namespace}:`))
    found.push(`Firebreak itself runs there (${engine})`);
  for (const { kind, metadata, webhooks = [] } of [...validating.items, ...mutating.items]) {
    const fatal = webhooks.filter(
      ({ failurePolicy, clientConfig }) =>
        (failurePolicy ?? 'Fail') === 'Fail' && clientConfig?.service?.namespace === namespace,
    );
    if (fatal.length > 0) found.push(`it serves ${kind} ${metadata.name} with failurePolicy Fail`);
  }
  for (const { metadata, spec } of apiServices.items) {
    if (spec?.service?.namespace === namespace) found.push(`it serves APIService ${metadata.name}`);
  }
  for (const daemonSet of daemonSets.items) {
    const role = nodeRole(daemonSet);
    if (role !== undefined) found.push(`DaemonSet ${daemonSet.metadata.name} is a ${role}`);
  }
  // Where kube-system has the DNS, the conventional address may be free for anybody to take.
  const dns = system.items.some(servesDns) ? undefined : clusterDns(kubernetes.items[0]?.spec?.clusterIP);
  for (const service of services.items) {
    const isIt = namespace === 'kube-system' || (dns !== undefined && service.spec?.clusterIP === dns);
    if (isIt && servesDns(service)) {
      found.push(`Service ${service.metadata.name} is the cluster's DNS (${service.spec?.clusterIP ?? ''})`);
    }
  }
  return found;
}

function servesDns({ spec }: Service): boolean {
  return spec?.ports?.some(({ port }) => port === 53) === true;
}

/**
 * A node's plumbing is known by the host paths it must mount. Anybody may write them into a DaemonSet; only pods that exist have passed admission, and whoever
 * gets such pods past it has the nodes already.
 */
function nodeRole({ spec, status }: DaemonSet): string | undefined {
  if ((status?.currentNumberScheduled ?? 0) === 0) return undefined;
  const { hostNetwork = false, volumes = [] } = spec?.template?.spec ?? {};
  const mounts = (prefix: string) =>
    volumes.some(({ hostPath }) => hostPath?.path?.startsWith(prefix) === true);
  if (hostNetwork && (mounts('/opt/cni') || mounts('/etc/cni'))) return 'network plugin (CNI)';
  if (mounts('/var/lib/kubelet/plugins') || mounts('/var/lib/kubelet/csi-plugins'))
    return 'storage driver (CSI)';
  return undefined;
}

/** By the installers' convention the tenth address of the service range, where the first is the API server's. IPv4 only. */
function clusterDns(apiServer: string | undefined): string | undefined {
  const match = /^(\d+\.\d+\.\d+)\.(\d+)$/.exec(apiServer ?? '');
  return match?.[1] === undefined || Number(match[2]) > 246
    ? undefined
    : `${match[1]}.${Number(match[2]) + 9}`;
}
