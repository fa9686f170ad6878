import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';
import { restartPermissions } from '../restart/permissions.ts';

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

const rbac = 'rbac.authorization.k8s.io';

/** What judging whether the cluster stands on a namespace asks of it. */
export const supportsPermissions: KubernetesPermission[] = [
  may('plan', '', ['services'], ['list'], "whether the namespace serves the cluster's DNS"),
  may('plan', 'apps', ['daemonsets'], ['list'], 'whether network or storage plugins run there'),
  may(
    'plan',
    'admissionregistration.k8s.io',
    ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'],
    ['list'],
    'whether admission of the cluster depends on the namespace',
  ),
  may(
    'plan',
    'apiregistration.k8s.io',
    ['apiservices'],
    ['list'],
    'whether an API of the cluster is served from the namespace',
  ),
  may(
    'plan',
    'authentication.k8s.io',
    ['selfsubjectreviews'],
    ['create'],
    'whether the target is Firebreak itself',
  ),
];

/** Everything the revocation asks of a cluster, and why. */
export const permissions: KubernetesPermission[] = [
  may('plan', '', ['namespaces'], ['get'], 'nothing can be made again in a namespace that is being deleted'),
  may('plan', '', ['serviceaccounts'], ['get'], 'the target by its UID, for the snapshot'),
  may(
    'plan',
    '',
    ['secrets'],
    ['list'],
    "its token Secrets, by type, as metadata only: RBAC cannot grant less; no Secret's content is asked for",
  ),
  may('plan', rbac, ['rolebindings', 'clusterrolebindings'], ['list'], 'what the new account inherits'),
  ...supportsPermissions,
  ...restartPermissions,
  may(
    'apply',
    '',
    ['serviceaccounts'],
    ['delete', 'create', 'patch'],
    'delete it, make it again, complete what a controller made in its place',
  ),
  may(
    'apply',
    '',
    ['serviceaccounts/token'],
    ['create'],
    'a canary: a token that is accepted before and must be refused after',
  ),
  may('apply', 'authentication.k8s.io', ['tokenreviews'], ['create'], 'whether a token is accepted'),
  may('apply', '', ['secrets'], ['create'], 'a token Secret that is to be issued again, without content'),
  may(
    'apply',
    'apps',
    ['deployments', 'statefulsets', 'daemonsets'],
    ['get'],
    'whether the owner of the account still lives',
  ),
];
