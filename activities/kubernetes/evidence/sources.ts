import type { KubernetesPermission } from '../../../domain/permission.ts';
import { resources } from '../resources.ts';
import type { Resource } from '../resources.ts';

/** A collection that becomes one artefact. */
export interface Source {
  /** Name of the artefact under the namespace's. */
  name: string;
  resource: Resource;
  why: string;
}

const core = (resource: string): Resource => ({ group: '', version: 'v1', resource });
const of = (group: string, resource: string): Resource => ({ group, version: 'v1', resource });

/** Listed whole. No Secrets, and no ConfigMaps, which often hold some. */
export const namespaceSources: readonly Source[] = [
  { name: 'events', resource: resources.events, why: 'events say what the kubelet and the controllers did' },
  {
    name: 'events.events.k8s.io',
    resource: of('events.k8s.io', 'events'),
    why: 'the newer form of events names the reporting controller and the action',
  },
  { name: 'serviceaccounts', resource: resources.serviceAccounts, why: 'whose credentials the pods carry' },
  {
    name: 'rolebindings',
    resource: resources.roleBindings,
    why: 'what these accounts may do in the namespace',
  },
  { name: 'networkpolicies', resource: resources.networkPolicies, why: 'what the pods could reach' },
  { name: 'services', resource: resources.services, why: 'how the pods were reached' },
  {
    name: 'endpointslices',
    resource: resources.endpointSlices,
    why: 'which pods really stood behind a Service',
  },
  {
    name: 'resourcequotas',
    resource: core('resourcequotas'),
    why: 'a quota that changed shows what was used',
  },
];

/** Controllers that own pods, and what owns these. Others are read where the engine is granted it. */
const owners: readonly { group: string; resources: string[] }[] = [
  { group: '', resources: ['replicationcontrollers'] },
  { group: 'apps', resources: ['replicasets', 'deployments', 'statefulsets', 'daemonsets'] },
  { group: 'batch', resources: ['jobs', 'cronjobs'] },
];

/** Everything that the action reads, with its reason. */
export function evidencePermissions(): KubernetesPermission[] {
  return [
    permission('plan', '', ['namespaces'], ['get'], 'the target is bound by its UID'),
    permission('plan', '', ['pods'], ['list'], 'says how much there is to collect'),
    permission('apply', '', ['namespaces'], ['get'], 'a namesake of the target is not collected from'),
    permission('apply', '', ['pods'], ['list'], 'pods with their images, digests and states'),
    permission(
      'apply',
      '',
      ['pods/log'],
      ['get'],
      'what the containers wrote, now and before their last restart',
    ),
    ...namespaceSources.map(({ resource, why }) =>
      permission('apply', resource.group, [resource.resource], ['list'], why),
    ),
    permission(
      'apply',
      'rbac.authorization.k8s.io',
      ['clusterrolebindings'],
      ['list'],
      "what the namespace's accounts may do everywhere",
    ),
    ...owners.map((owner) =>
      permission('apply', owner.group, owner.resources, ['get'], 'the owners of the pods, up to the root'),
    ),
  ];
}

function permission(
  verb: KubernetesPermission['verb'],
  group: string,
  names: string[],
  verbs: string[],
  why: string,
): KubernetesPermission {
  return { system: 'kubernetes', apiGroups: [group], resources: names, verbs, why, verb };
}
