import type { KubernetesPermission, Permission } from '../../domain/permission.ts';
import { kitNamespace, probePod, probeUser } from './quarantine/marks.ts';
import type { KubernetesObject } from './resources.ts';

export interface RbacOptions {
  /** Permissions of the actions that are in use; those of other systems are left out. */
  permissions: readonly Permission[];
  /** Who the engine is to the API server. */
  engine: { kind: 'User'; name: string } | { kind: 'ServiceAccount'; name: string; namespace: string };
  responderGroup: string;
}

interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

const api = 'rbac.authorization.k8s.io';
const labels = { 'app.kubernetes.io/managed-by': 'firebreak' };

/**
 * Least-privilege manifests in the order in which they are to be applied: the engine's rights from its actions' permissions, the probe's, the
 * responders' to release by hand, and what keeps the probe to dry runs.
 */
export function rbacManifests({ permissions: all, engine, responderGroup }: RbacOptions): KubernetesObject[] {
  const permissions = all.filter((permission) => permission.system === 'kubernetes');
  const subject = engine.kind === 'User' ? { kind: 'User', apiGroup: api, name: engine.name } : engine;
  const responders = { kind: 'Group', apiGroup: api, name: responderGroup };
  const probe = { kind: 'User', apiGroup: api, name: probeUser };
  const namespaces = [
    ...new Set([kitNamespace, ...permissions.flatMap(({ namespace }) => namespace ?? [])]),
  ].toSorted();
  const clusterWide = permissions.filter(({ namespace }) => namespace === undefined);
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: kitNamespace, labels } },
    ...probeGuard(),
    ...clusterRole('firebreak-engine', merge(clusterWide), subject),
    ...clusterRole('firebreak-probe', probeRules, probe),
    ...clusterRole('firebreak-responder', responderRules, responders),
    ...namespaces.flatMap((namespace) => {
      const rules = merge(permissions.filter((permission) => permission.namespace === namespace));
      return rules.length === 0 ? [] : role('firebreak-engine', namespace, rules, subject);
    }),
    ...role('firebreak-responder', kitNamespace, kitRules, responders),
  ];
}

/** What a dry run needs. Connections have no dry run: they are bound to a pod that does not exist. */
const probeRules: PolicyRule[] = [
  {
    apiGroups: [''],
    resources: ['pods/exec', 'pods/attach', 'pods/portforward'],
    verbs: ['create'],
    resourceNames: [probePod],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['create', 'delete'] },
  { apiGroups: [''], resources: ['pods/ephemeralcontainers'], verbs: ['patch'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['patch'] },
];

/** What the release kit does. */
const responderRules: PolicyRule[] = [
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: ['get', 'list', 'create', 'update', 'delete'],
  },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
    verbs: ['get', 'list', 'delete'],
  },
];

const kitRules: PolicyRule[] = [
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'delete'] },
];

/** RBAC knows no dry run, so admission keeps the probe to them: whoever may impersonate it gains nothing. */
function probeGuard(): KubernetesObject[] {
  const name = 'firebreak-probe-dry-run-only';
  const match = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };
  const everything = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], scope: '*' };
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, labels },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          ...match,
          resourceRules: [{ ...everything, operations: ['CREATE', 'UPDATE', 'DELETE'] }],
        },
        matchConditions: [
          { name: 'probe', expression: `request.userInfo.username == ${JSON.stringify(probeUser)}` },
        ],
        validations: [
          {
            expression: 'has(request.dryRun) && request.dryRun',
            message: `${probeUser} may make dry runs only`,
            reason: 'Forbidden',
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

/** One rule for the same resources and names, with every verb that some permission asks for. */
function merge(permissions: readonly KubernetesPermission[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const { apiGroups, resources, verbs, resourceNames } of permissions) {
    const key = JSON.stringify([apiGroups, resources, resourceNames]);
    const before = rules.get(key)?.verbs ?? [];
    rules.set(key, {
      apiGroups,
      resources,
      verbs: [...new Set([...before, ...verbs])].toSorted(),
      ...(resourceNames === undefined ? {} : { resourceNames }),
    });
  }
  return [...rules.values()];
}

function clusterRole(name: string, rules: PolicyRule[], subject: object): KubernetesObject[] {
  return [
    { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata: { name, labels }, rules },
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name, labels },
      roleRef: { apiGroup: api, kind: 'ClusterRole', name },
      subjects: [subject],
    },
  ];
}

function role(name: string, namespace: string, rules: PolicyRule[], subject: object): KubernetesObject[] {
  return [
    { apiVersion: `${api}/v1`, kind: 'Role', metadata: { name, namespace, labels }, rules },
    {
      apiVersion: `${api}/v1`,
      kind: 'RoleBinding',
      metadata: { name, namespace, labels },
      roleRef: { apiGroup: api, kind: 'Role', name },
      subjects: [subject],
    },
  ];
}
