import type { KubernetesObject } from '../resources.ts';

export type Binding = KubernetesObject & {
  subjects?: { kind: string; name: string; namespace?: string }[] | null;
};

/** Whether a binding gives something to accounts of this namespace: by name, as a user, or through a group that they are all in. */
export function bindsAccountsOf(binding: Binding, namespace: string): boolean {
  const groups = [`system:serviceaccounts:${namespace}`, 'system:serviceaccounts', 'system:authenticated'];
  return (binding.subjects ?? []).some(({ kind, name, namespace: of }) => {
    if (kind === 'ServiceAccount') return of === namespace;
    if (kind === 'User') return name.startsWith(`system:serviceaccount:${namespace}:`);
    return kind === 'Group' && groups.includes(name);
  });
}
