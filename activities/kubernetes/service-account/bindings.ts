import type { Cluster } from '../client.ts';
import { resources, type KubernetesObject } from '../resources.ts';

/** Anybody's, in the whole cluster: reading them must not be what fails. */
const MAX_LISTED = 100_000;

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}

interface Binding extends KubernetesObject {
  roleRef: { kind: string; name: string };
  subjects?: Subject[];
}

/** A binding that names an account by its name, or by a group that it is in: it holds for a new account of that name. */
export interface Surviving {
  /** `RoleBinding shop/deploy`, `ClusterRoleBinding admins`. */
  binding: string;
  /** `ClusterRole edit`. */
  role: string;
  /** `ServiceAccount`, or the group or user name. */
  by: string;
}

/** Every binding in the cluster that gives an account a right. Those of all authenticated users come last: they say the least. */
export async function survivingBindings(
  cluster: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Surviving[]> {
  const options = { signal, maxItems: MAX_LISTED };
  const [roleBindings, clusterRoleBindings] = await Promise.all([
    cluster.list<Binding>(resources.roleBindings, options),
    cluster.list<Binding>(resources.clusterRoleBindings, options),
  ]);
  const ranked = [...roleBindings.items, ...clusterRoleBindings.items].flatMap((binding) => {
    const { kind, metadata, roleRef, subjects = [] } = binding;
    const place = metadata.namespace === undefined ? '' : `${metadata.namespace}/`;
    const ranks = subjects
      .map((subject) => rankOf(subject, metadata.namespace, namespace, name))
      .filter((rank) => rank !== undefined)
      .toSorted((left, right) => left.rank - right.rank);
    const best = ranks[0];
    if (best === undefined) return [];
    const surviving: Surviving = {
      binding: `${kind} ${place}${metadata.name}`,
      role: `${roleRef.kind} ${roleRef.name}`,
      by: best.by,
    };
    return [{ surviving, rank: best.rank }];
  });
  return ranked.toSorted((left, right) => left.rank - right.rank).map(({ surviving }) => surviving);
}

function rankOf(
  subject: Subject,
  bindingNamespace: string | undefined,
  namespace: string,
  name: string,
): { rank: number; by: string } | undefined {
  if (subject.kind === 'ServiceAccount')
    return subject.name === name && (subject.namespace ?? bindingNamespace) === namespace
      ? { rank: 0, by: 'ServiceAccount' }
      : undefined;
  if (subject.kind === 'User')
    return subject.name === `system:serviceaccount:${namespace}:${name}`
      ? { rank: 0, by: `User ${subject.name}` }
      : undefined;
  const groups = [`system:serviceaccounts:${namespace}`, 'system:serviceaccounts', 'system:authenticated'];
  const rank = groups.indexOf(subject.name);
  return subject.kind === 'Group' && rank >= 0 ? { rank: rank + 1, by: `Group ${subject.name}` } : undefined;
}

/** `RoleBinding shop/deploy: ClusterRole edit, by ServiceAccount`. */
export function describeBinding({ binding, role, by }: Surviving): string {
  return `${binding}: ${role}, by ${by}`;
}
