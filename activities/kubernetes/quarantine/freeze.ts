import type { KubernetesObject } from '../resources.ts';
import { freezeName, mark } from './marks.ts';

export interface FreezeTarget {
  namespace: string;
  uid: string;
}

export interface Exempt {
  /** The engine's own user name. */
  engine: string;
  /** People who may act in a frozen namespace. */
  responderGroup: string;
}

/** Built-in controllers by their exact names: the group of kube-system's ServiceAccounts would let in anything that runs there. */
const controllers = [
  'system:kube-controller-manager',
  'system:kube-scheduler',
  ...[
    'attachdetach-controller',
    'cronjob-controller',
    'daemon-set-controller',
    'deployment-controller',
    'device-taint-eviction-controller',
    'disruption-controller',
    'endpoint-controller',
    'endpointslice-controller',
    'endpointslicemirroring-controller',
    'ephemeral-volume-controller',
    'expand-controller',
    'horizontal-pod-autoscaler',
    'job-controller',
    'legacy-service-account-token-cleaner',
    'node-controller',
    'persistent-volume-binder',
    'pod-garbage-collector',
    'pvc-protection-controller',
    'replicaset-controller',
    'replication-controller',
    'resourcequota-controller',
    'root-ca-cert-publisher',
    'selinux-warning-controller',
    'service-account-controller',
    'service-controller',
    'statefulset-controller',
    'taint-eviction-controller',
    'ttl-after-finished-controller',
  ].map((name) => `system:serviceaccount:kube-system:${name}`),
];

/** They take away what somebody else was allowed to end: dependants of an owner, the content of a namespace. */
const collectors = ['generic-garbage-collector', 'namespace-controller'].map(
  (name) => `system:serviceaccount:kube-system:${name}`,
);

const writes = ['CREATE', 'UPDATE', 'DELETE'];
const rule = (apiGroups: string[], resources: string[], operations = writes, scope = 'Namespaced') => ({
  apiGroups,
  apiVersions: ['*'],
  operations,
  resources,
  scope,
});

/** `Namespaced` throughout but for the last: a policy's namespace selector does not hold for cluster-scoped objects other than namespaces. */
const resourceRules = [
  rule([''], ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy', 'services/proxy'], ['CONNECT']),
  rule([''], ['pods/ephemeralcontainers', 'pods/resize', 'pods/status'], ['UPDATE']),
  rule([''], ['pods/eviction', 'pods/binding', 'bindings', 'serviceaccounts/token'], ['CREATE']),
  rule(
    [''],
    [
      'pods',
      'podtemplates',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'services',
      'endpoints',
      'serviceaccounts',
      'configmaps',
      'secrets',
      'persistentvolumeclaims',
      'limitranges',
      'resourcequotas',
    ],
  ),
  rule(['apps', 'batch', 'autoscaling', 'extensions'], ['*', '*/scale']),
  rule(['discovery.k8s.io'], ['endpointslices']),
  rule(['policy'], ['poddisruptionbudgets']),
  rule(
    [
      'networking.k8s.io',
      'gateway.networking.k8s.io',
      'rbac.authorization.k8s.io',
      'policy.networking.k8s.io',
      'networking.k8s.aws',
      'cilium.io',
      'crd.projectcalico.org',
      'projectcalico.org',
      'crd.antrea.io',
      'k8s.ovn.org',
    ],
    ['*'],
  ),
  // Its labels decide which cluster-wide policies hold for it.
  rule([''], ['namespaces', 'namespaces/status'], ['UPDATE', 'DELETE'], 'Cluster'),
];

/** What built-in controllers may go on doing: their own work, but neither policies nor rights nor shells. */
const controllerGroups = ['', 'apps', 'batch', 'autoscaling', 'discovery.k8s.io', 'policy'];

/** JSON's escapes are CEL's too. */
const text = (value: string) => JSON.stringify(value);
const list = (values: readonly string[]) => `[${values.map(text).join(', ')}]`;

const same = (field: string, none: string) => {
  const of = (object: string) =>
    `(has(${object}.metadata.${field}) ? dyn(${object}.metadata.${field}) : dyn(${none}))`;
  return `${of('object')} == ${of('oldObject')}`;
};

/** The admission policy that freezes a namespace, and its binding. Defaults of the API are written out, so that they can be compared. */
export function freeze(
  target: FreezeTarget,
  exempt: Exempt,
): [policy: KubernetesObject, binding: KubernetesObject] {
  const name = freezeName(target.uid);
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': target.namespace } };
  const user = 'request.userInfo.username';
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name, ...mark(target.uid) },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { matchPolicy: 'Equivalent', namespaceSelector, objectSelector: {}, resourceRules },
        variables: [
          { name: 'groups', expression: "has(request.userInfo.groups) ? request.userInfo.groups : ['']" },
          { name: 'group', expression: 'request.resource.group' },
          { name: 'part', expression: "has(request.subResource) ? request.subResource : ''" },
          {
            name: 'exempt',
            expression: `${user} == ${text(exempt.engine)} || ${text(exempt.responderGroup)} in variables.groups`,
          },
          {
            name: 'kubelet',
            expression:
              "'system:nodes' in variables.groups && variables.group == '' && " +
              "((request.resource.resource == 'pods' && variables.part == '' && request.operation != 'UPDATE') || " +
              "(request.resource.resource == 'serviceaccounts' && variables.part == 'token'))",
          },
          {
            name: 'controller',
            expression:
              `${user} in ${list(controllers)} && variables.group in ${list(controllerGroups)} && ` +
              `request.operation != 'CONNECT' && !(variables.part in ${list(['ephemeralcontainers', 'resize', 'token'])}) && ` +
              "request.resource.resource != 'namespaces'",
          },
          {
            name: 'status',
            // An update of a status may carry labels, and with them a pod leaves its owner, a namespace its policies. The status itself is free.
            expression:
              "variables.part == 'status' && " +
              same('labels', '{}') +
              ' && ' +
              same('finalizers', '[]') +
              ' && ' +
              same('ownerReferences', '[]'),
          },
          {
            name: 'collector',
            // With one identity for all controllers, the garbage collector is among them.
            expression: `${user} in ${list([...collectors, 'system:kube-controller-manager'])} && request.operation == 'DELETE'`,
          },
        ],
        validations: [
          {
            expression:
              'variables.exempt || variables.kubelet || variables.controller || variables.status || variables.collector',
            message: `namespace ${target.namespace} is quarantined by Firebreak`,
            reason: 'Forbidden',
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, ...mark(target.uid) },
      spec: {
        policyName: name,
        matchResources: { matchPolicy: 'Equivalent', namespaceSelector, objectSelector: {} },
        validationActions: ['Deny', 'Audit'],
      },
    },
  ];
}
