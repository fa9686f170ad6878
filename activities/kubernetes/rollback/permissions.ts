import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';
import { supportsPermissions } from '../quarantine/surroundings.ts';

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

const kinds = ['deployments', 'statefulsets', 'daemonsets'];

/** What trying one pod asks of a cluster. */
export const canaryPermissions: KubernetesPermission[] = [
  ...supportsPermissions,
  may('plan', '', ['namespaces'], ['get'], 'the namespace must be there'),
  may('plan', 'apps', kinds, ['get'], 'what is rolled back'),
  may('plan', 'apps', ['replicasets', 'controllerrevisions'], ['list'], 'its history'),
  may('plan', '', ['pods'], ['list'], 'its pods, and the digests that they run'),
  may('plan', '', ['nodes'], ['list'], 'the platforms that its images must be for'),
  may('plan', 'autoscaling', ['horizontalpodautoscalers'], ['list'], 'who scales it meanwhile'),
  may('plan', 'apps', kinds, ['patch'], 'a dry run: what admission makes of it'),
  may('apply', 'apps', kinds, ['patch'], 'its template, update strategy and mark'),
  may(
    'apply',
    '',
    ['pods'],
    ['delete'],
    'a pod of a DaemonSet, or one that keeps a StatefulSet from going on',
  ),
];

/** What rolling back all pods asks of it. */
export const workloadPermissions: KubernetesPermission[] = [
  ...canaryPermissions,
  may('plan', 'batch', ['cronjobs'], ['get'], 'what is rolled back'),
  may('plan', 'batch', ['jobs'], ['list'], 'which pods are of its Jobs'),
  may('plan', 'batch', ['cronjobs'], ['patch'], 'a dry run: what admission makes of it'),
  may('apply', 'batch', ['cronjobs'], ['patch'], 'its template and mark'),
];
