import type { KubernetesPermission } from '../../../domain/permission.ts';
import { otherPolicyApis } from './other-policies.ts';
import { kitNamespace, probeUser } from './marks.ts';

type Verb = KubernetesPermission['verb'];

const may = (
  verb: Verb,
  apiGroups: string[],
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({
  system: 'kubernetes',
  apiGroups,
  resources,
  verbs,
  why,
  verb,
});

const read = (apiGroup: string, resources: string[], why: string, verbs = ['list']) =>
  may('plan', [apiGroup], resources, verbs, why);

/** Everything the quarantine asks of a cluster, and why. */
export const quarantinePermissions: KubernetesPermission[] = [
  read('', ['namespaces'], 'the target by its UID', ['get']),
  read('networking.k8s.io', ['networkpolicies'], 'what allows traffic, for the snapshot and for the check', [
    'get',
    'list',
  ]),
  read('', ['pods'], 'which pods are covered, and which are on the host network'),
  read('', ['services'], 'what is exposed, and whether the namespace serves DNS'),
  read('batch', ['cronjobs'], 'what goes on starting pods'),
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
  ...otherPolicyApis.map(({ group, resources, clusterWide }) =>
    read(group, [...resources, ...clusterWide], 'to name other policies in force'),
  ),
  read('authentication.k8s.io', ['selfsubjectreviews'], 'which user name the freeze has to exempt', [
    'create',
  ]),
  may(
    'apply',
    ['networking.k8s.io'],
    ['networkpolicies'],
    ['create', 'update', 'patch', 'delete'],
    'deny all, remove what allows, its finalizers first',
  ),
  may(
    'apply',
    ['admissionregistration.k8s.io'],
    ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
    ['get', 'create', 'update'],
    'the freeze; RBAC cannot bound a creation by name',
  ),
  {
    ...may('apply', [''], ['configmaps'], ['get', 'create', 'update', 'delete'], 'the release kit'),
    namespace: kitNamespace,
  },
  {
    ...may(
      'verify',
      [''],
      ['users'],
      ['impersonate'],
      'to measure the freeze as somebody whom it does not exempt',
    ),
    resourceNames: [probeUser],
  },
  may('verify', ['apps'], ['deployments'], ['list'], 'one to try a change on'),
  may(
    'undo',
    ['networking.k8s.io'],
    ['networkpolicies'],
    ['create', 'update', 'delete'],
    'put back what was removed or turned into the deny, remove the deny',
  ),
  may(
    'undo',
    ['admissionregistration.k8s.io'],
    ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
    ['get', 'delete'],
    'lift the freeze',
  ),
  may(
    'undo',
    ['apps'],
    ['deployments', 'statefulsets', 'daemonsets'],
    ['get'],
    'whether the owner of a removed policy still lives',
  ),
];
