/**
 * The apiserver's audit policy (audit.k8s.io/v1). Every write is a line, so that a test can prove "no change twice"; the
 * bodies of policies are in it, those of Secrets never. Polling by the control plane is left out.
 */
export const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {
      level: 'None',
      nonResourceURLs: ['/healthz*', '/livez*', '/readyz*', '/version', '/openapi*', '/api*'],
    },
    { level: 'None', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }] },
    {
      level: 'None',
      verbs: ['get', 'list', 'watch'],
      users: ['system:apiserver', 'system:kube-controller-manager', 'system:kube-scheduler'],
    },
    {
      level: 'None',
      verbs: ['get', 'list', 'watch'],
      userGroups: ['system:nodes', 'system:serviceaccounts:kube-system'],
    },
    {
      level: 'Request',
      verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
      resources: [
        { group: 'networking.k8s.io', resources: ['networkpolicies'] },
        {
          group: 'admissionregistration.k8s.io',
          resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'],
        },
      ],
    },
    { level: 'Metadata' },
  ],
};
