import { policy, workload } from '../demo/shop.ts';
import { imageOf, type StandIns } from './stand-ins.ts';
import type { Rehearsal } from './rehearsal.ts';

type Workload = Rehearsal['namespaces'][number]['workloads'][number];

/** A workload as it is, or as an older revision of it was. */
function revisionOf(
  namespace: string,
  one: Workload,
  known: StandIns,
  { image, command }: Partial<Workload['before'][number]> = {},
): object {
  const object = workload(
    namespace,
    one.name,
    imageOf(image ?? one.image, known),
    one.replicas,
    one['host-network'],
    one['service-account'],
    one.kind,
  );
  for (const container of object.spec.template.spec.containers)
    Object.assign(container, command === undefined ? {} : { command });
  return object;
}

/** What comes after what `objectsOf` gives, each to be applied once the one before has been rolled out. */
export function laterRevisions(namespace: string, one: Workload, known: StandIns): object[] {
  const older = one.before.slice(1).map((before) => revisionOf(namespace, one, known, before));
  return one.before.length === 0 ? [] : [...older, revisionOf(namespace, one, known)];
}

/** What `kubectl apply` is given for a rehearsal: of each workload the oldest revision. */
export function objectsOf({ namespaces }: Rehearsal, known: StandIns): object {
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
        ...namespace.workloads.map((one) => revisionOf(namespace.name, one, known, one.before[0])),
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
