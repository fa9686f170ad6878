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
        ...namespace.workloads.map(({ name, image, replicas, 'host-network': hostNetwork }) =>
          workload(namespace.name, name, image, replicas, hostNetwork),
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
