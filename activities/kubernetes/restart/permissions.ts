import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

/** What finding and restarting the users of something in a namespace asks of a cluster. */
export const restartPermissions: KubernetesPermission[] = [
  may('plan', '', ['pods'], ['list'], 'who really uses it, and which pods are suspect'),
  may('plan', 'apps', ['deployments', 'statefulsets', 'daemonsets'], ['list'], 'workloads whose pods use it'),
  may('plan', 'apps', ['replicasets'], ['list'], "which Deployment a pod's ReplicaSet belongs to"),
  may('plan', 'policy', ['poddisruptionbudgets'], ['list'], 'how many pods may be down at once'),
  may(
    'apply',
    'apps',
    ['deployments', 'statefulsets', 'daemonsets'],
    ['patch'],
    'an annotation of the template, which restarts the pods one after another',
  ),
  may(
    'verify',
    'apps',
    ['deployments', 'statefulsets', 'daemonsets'],
    ['get'],
    'whether the new pods have come up',
  ),
];
