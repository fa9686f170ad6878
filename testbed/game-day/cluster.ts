import { policy, workload } from '../demo/shop.ts';
import type { Rehearsal } from './rehearsal.ts';

/** What `kubectl apply` is given for a rehearsal. */
export function objectsOf({ namespaces }: Rehearsal): object {
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      ...namespaces.map(({ name, labels }) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, labels },
      })),
      ...namespaces.flatMap((namespace) => [
        ...namespace['service-accounts'].flatMap(({ name, role }) => [
          {
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            metadata: { name, namespace: namespace.name },
          },
          {
            apiVersion: 'rbac.authorization.k8s.io/v1',
            kind: 'RoleBinding',
            metadata: { name, namespace: namespace.name },
            roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
            subjects: [{ kind: 'ServiceAccount', name, namespace: namespace.name }],
          },
        ]),
        ...namespace.workloads.map((one) =>
          workload(
            namespace.name,
            one.name,
            one.image,
            one.replicas,
            one['host-network'],
            one['service-account'],
          ),
        ),
        ...(namespace['allow-all']
          ? [
              policy(namespace.name, 'temporary-allow-all', {
                podSelector: {},
                policyTypes: ['Ingress', 'Egress'],
                ingress: [{}],
                egress: [{}],
              }),
            ]
          : []),
      ]),
    ],
  };
}
