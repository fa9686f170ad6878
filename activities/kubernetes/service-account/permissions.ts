import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';
import { supportsPermissions } from '../quarantine/surroundings.ts';
import { restartPermissions } from '../restart/permissions.ts';

const may = (
  verb: Verb,
  group: string,
  resources: string[],
  verbs: string[],
  why: string,
): KubernetesPermission => ({ system: 'kubernetes', apiGroups: [group], resources, verbs, why, verb });

const rbac = 'rbac.authorization.k8s.io';

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
