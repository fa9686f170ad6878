import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';
import { probeUser } from '../quarantine/marks.ts';
import { supportsPermissions } from '../quarantine/surroundings.ts';

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

const admission = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'];

/** Everything the blocking of images asks of a cluster, and why. */
export const blockPermissions: KubernetesPermission[] = [
  ...supportsPermissions,
  may('plan', '', ['namespaces'], ['get'], 'the covered namespaces by their UIDs'),
  may('plan', '', ['pods'], ['list'], 'which pods run a denied digest'),
  may('plan', '', ['replicationcontrollers'], ['list'], 'which cannot start pods any more'),
  may(
    'plan',
    'apps',
    ['deployments', 'replicasets', 'statefulsets', 'daemonsets'],
    ['list'],
    'which cannot start pods any more',
  ),
  may('plan', 'batch', ['cronjobs', 'jobs'], ['list'], 'which cannot start pods any more'),
  may('plan', 'admissionregistration.k8s.io', admission, ['list'], 'what is blocked already'),
  may(
    'apply',
    'admissionregistration.k8s.io',
    admission,
    ['get', 'create', 'update'],
    'the block; RBAC cannot bound a creation by name',
  ),
  may('apply', '', ['pods'], ['get'], 'whether a pod is still the one to be replaced'),
  may('apply', '', ['pods/eviction'], ['create'], 'with `replace`: pods that run a denied digest'),
  may(
    'plan',
    'apps',
    ['deployments', 'replicasets', 'statefulsets', 'daemonsets'],
    ['get'],
    'with `replace`: what would be made in place of a pod',
  ),
  may(
    'plan',
    '',
    ['replicationcontrollers'],
    ['get'],
    'with `replace`: what would be made in place of a pod',
  ),
  {
    ...may(
      'verify',
      '',
      ['users'],
      ['impersonate'],
      'to measure the block as somebody whom it does not exempt',
    ),
    resourceNames: [probeUser],
  },
  may('undo', 'admissionregistration.k8s.io', admission, ['list', 'delete'], 'lift the block'),
];
