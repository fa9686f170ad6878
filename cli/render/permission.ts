import type { KubernetesPermission, Permission } from '../../domain/permission.ts';

/** One right in a line, without its reason: `namespaces: get, list`, `iam:DeleteAccessKey on arn:…`, `github: actions: write`. */
export function permissionLine(permission: Permission): string {
  switch (permission.system) {
    case 'kubernetes':
      return kubernetesLine(permission);
    case 'aws':
      return `${permission.actions.join(', ')} on ${permission.resources.join(', ')}`;
    default:
      return `${permission.system}: ${permission.scope}`;
  }
}

function kubernetesLine({
  apiGroups,
  resources,
  verbs,
  resourceNames,
  namespace,
}: KubernetesPermission): string {
  const groups = apiGroups.filter((group) => group !== '');
  const what = resources
    .map((name) => (groups.length === 0 ? name : `${name}.${groups.join('|')}`))
    .join(', ');
  const names = resourceNames === undefined ? '' : ` only ${resourceNames.join(', ')}`;
  return `${what}: ${verbs.join(', ')}${names}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}
