import { FirebreakError } from '../../domain/errors.ts';

/** A kind of object as the API addresses it. */
export interface Resource {
  /** Empty for the core group. */
  group: string;
  version: string;
  /** The plural of the URL, `networkpolicies`. */
  resource: string;
}

/** Where a call goes: a collection, an object, or an object's subresource. */
export interface Location extends Resource {
  namespace?: string;
  name?: string;
  subresource?: string;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: unknown;
  [field: string]: unknown;
}

/** An object exactly as the API sent it: fields that this code does not know are kept. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

const core = (resource: string): Resource => ({ group: '', version: 'v1', resource });
const of = (group: string, resource: string, version = 'v1'): Resource => ({ group, version, resource });

export const resources = {
  namespaces: core('namespaces'),
  nodes: core('nodes'),
  pods: core('pods'),
  services: core('services'),
  serviceAccounts: core('serviceaccounts'),
  configMaps: core('configmaps'),
  secrets: core('secrets'),
  events: core('events'),
  endpointSlices: of('discovery.k8s.io', 'endpointslices'),
  deployments: of('apps', 'deployments'),
  daemonSets: of('apps', 'daemonsets'),
  statefulSets: of('apps', 'statefulsets'),
  replicaSets: of('apps', 'replicasets'),
  podDisruptionBudgets: of('policy', 'poddisruptionbudgets'),
  controllerRevisions: of('apps', 'controllerrevisions'),
  cronJobs: of('batch', 'cronjobs'),
  jobs: of('batch', 'jobs'),
  horizontalPodAutoscalers: of('autoscaling', 'horizontalpodautoscalers', 'v2'),
  networkPolicies: of('networking.k8s.io', 'networkpolicies'),
  ingressClasses: of('networking.k8s.io', 'ingressclasses'),
  roleBindings: of('rbac.authorization.k8s.io', 'rolebindings'),
  clusterRoleBindings: of('rbac.authorization.k8s.io', 'clusterrolebindings'),
  validatingAdmissionPolicies: of('admissionregistration.k8s.io', 'validatingadmissionpolicies'),
  validatingAdmissionPolicyBindings: of('admissionregistration.k8s.io', 'validatingadmissionpolicybindings'),
  validatingWebhooks: of('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
  mutatingWebhooks: of('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
  apiServices: of('apiregistration.k8s.io', 'apiservices'),
  tokenReviews: of('authentication.k8s.io', 'tokenreviews'),
  selfSubjectReviews: of('authentication.k8s.io', 'selfsubjectreviews'),
} as const;

/** `networkpolicies.networking.k8s.io`, `pods/exec`. */
export function resourceName({ group, resource, subresource }: Location): string {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return group === '' ? whole : `${whole}.${group}`;
}

/** The URL path of a call, every segment validated and encoded: names come from detectors, so from attackers. @throws FB3209 */
export function pathOf({ group, version, resource, namespace, name, subresource }: Location): string {
  const segments = group === '' ? ['api', version] : ['apis', group, version];
  if (namespace !== undefined) segments.push('namespaces', requireNamespace(namespace));
  segments.push(resource);
  if (name !== undefined) segments.push(requireName(name));
  if (subresource !== undefined) segments.push(...subresource.split('/'));
  return `/${segments.map((segment) => encodeURIComponent(requireName(segment))).join('/')}`;
}

/** Whether text is a DNS-1123 label, as names of namespaces are. */
export function isNamespaceName(text: string): boolean {
  return text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);
}

function requireNamespace(namespace: string): string {
  if (isNamespaceName(namespace)) return namespace;
  throw new FirebreakError(
    'FB3209',
    `${JSON.stringify(namespace.slice(0, 80))} is no name of a namespace: use at most 63 lower-case letters, digits and hyphens`,
  );
}

/** The API server's own rule for path segments. */
function requireName(name: string): string {
  if (name !== '' && name.length <= 253 && name !== '.' && name !== '..' && !/[/%\s\p{Cc}]/u.test(name))
    return name;
  throw new FirebreakError(
    'FB3209',
    `${JSON.stringify(name.slice(0, 80))} is no name of a Kubernetes object: it must have 1 to 253 characters, none of them "/", "%" or blank`,
  );
}
