/* oxlint-disable typescript/no-explicit-any, typescript/no-unsafe-type-assertion -- policies are read by field, as an API server sent them */
import { BlockList, isIPv6 } from 'node:net';

/**
 * Which connections NetworkPolicies let through, by enumeration. Written from https://kubernetes.io/docs/concepts/services-networking/network-policies/
 * alone, and sharing no code with the engine, so that one can check the other.
 */
export interface OraclePod {
  namespace: string;
  name: string;
  ip: string;
  labels: { [key: string]: string };
  namedPorts: { [name: string]: number };
}

export interface OracleWorld {
  namespaces: { [name: string]: { [label: string]: string } };
  pods: OraclePod[];
  /** Addresses that are no pod's. */
  outside: string[];
  ports: number[];
  policies: OraclePolicy[];
}

export interface OraclePolicy {
  metadata: { name: string; namespace?: string };
  spec?: any;
}

export interface Connection {
  from: string;
  to: string;
  protocol: 'TCP' | 'UDP';
  port: number;
}

/** Every connection that touches `namespace` and is let through: pod to pod, in from outside, and out to it. */
export function openConnections(world: OracleWorld, namespace: string): Connection[] {
  const inside = world.pods.filter((pod) => pod.namespace === namespace);
  const everywhere = [...world.pods.map((pod) => pod.ip), ...world.outside];
  const open: Connection[] = [];
  for (const pod of inside) {
    for (const other of everywhere) {
      if (other === pod.ip) continue;
      for (const port of world.ports) {
        for (const protocol of ['TCP', 'UDP'] as const) {
          for (const [from, to] of [
            [other, pod.ip],
            [pod.ip, other],
          ] as const) {
            if (passes(world, from, to, protocol, port)) open.push({ from, to, protocol, port });
          }
        }
      }
    }
  }
  return open;
}

/** Both ends must agree: the source's egress and the destination's ingress. */
function passes(world: OracleWorld, from: string, to: string, protocol: string, port: number): boolean {
  const source = world.pods.find(({ ip }) => ip === from);
  const destination = world.pods.find(({ ip }) => ip === to);
  const leaves = source === undefined || permits(world, source, 'egress', to, protocol, port, destination);
  const enters =
    destination === undefined || permits(world, destination, 'ingress', from, protocol, port, destination);
  return leaves && enters;
}

function permits(
  world: OracleWorld,
  pod: OraclePod,
  side: 'ingress' | 'egress',
  peer: string,
  protocol: string,
  port: number,
  portOwner: OraclePod | undefined,
): boolean {
  const applying = world.policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.namespace && fits(spec.podSelector, pod.labels) && concerns(spec, side),
  );
  // "By default, a pod is non-isolated": no policy, no limit.
  if (applying.length === 0) return true;
  return applying.some(({ metadata, spec }) =>
    (spec[side] ?? []).some((rule: any) => {
      const peers = rule[side === 'ingress' ? 'from' : 'to'] ?? [];
      const ports = rule.ports ?? [];
      const known =
        peers.length === 0 ||
        peers.some((entry: any) => isPeer(world, entry, metadata.namespace ?? '', peer));
      return (
        known && (ports.length === 0 || ports.some((entry: any) => isPort(entry, protocol, port, portOwner)))
      );
    }),
  );
}

function concerns(spec: any, side: 'ingress' | 'egress'): boolean {
  const types: string[] = spec.policyTypes ?? [];
  if (types.length > 0) return types.includes(side === 'ingress' ? 'Ingress' : 'Egress');
  return side === 'ingress' || (spec.egress ?? []).length > 0;
}

function isPeer(world: OracleWorld, entry: any, home: string, address: string): boolean {
  if (entry.ipBlock) {
    const within = (cidr: string) => {
      const [network = '', bits = ''] = cidr.split('/');
      const block = new BlockList();
      block.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
      return block.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
    };
    return within(entry.ipBlock.cidr) && !(entry.ipBlock.except ?? []).some(within);
  }
  const pod = world.pods.find(({ ip }) => ip === address);
  if (pod === undefined) return false;
  const rightNamespace = entry.namespaceSelector
    ? fits(entry.namespaceSelector, world.namespaces[pod.namespace] ?? {})
    : pod.namespace === home;
  return rightNamespace && (entry.podSelector === undefined || fits(entry.podSelector, pod.labels));
}

function isPort(entry: any, protocol: string, port: number, owner: OraclePod | undefined): boolean {
  if ((entry.protocol ?? 'TCP') !== protocol) return false;
  if (entry.port === undefined) return true;
  const first = typeof entry.port === 'string' ? owner?.namedPorts[entry.port] : entry.port;
  if (first === undefined) return false;
  return entry.endPort === undefined ? port === first : port >= first && port <= entry.endPort;
}

function fits(selector: any, labels: { [key: string]: string }): boolean {
  const equal = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  const expressed = (selector?.matchExpressions ?? []).every(({ key, operator, values }: any) => {
    switch (operator) {
      case 'In':
        return key in labels && values.includes(labels[key]);
      case 'NotIn':
        return !(key in labels) || !values.includes(labels[key]);
      case 'Exists':
        return key in labels;
      case 'DoesNotExist':
        return !(key in labels);
      default:
        throw new Error(`the documentation knows no operator ${operator}`);
    }
  });
  return equal && expressed;
}
