import type { KubernetesObject } from './resources.ts';

/** networking.k8s.io/v1 as of https://kubernetes.io/docs/concepts/services-networking/network-policies/. */
export interface NetworkPolicy extends KubernetesObject {
  spec?: NetworkPolicySpec;
}

export interface NetworkPolicySpec {
  podSelector?: LabelSelector;
  policyTypes?: string[];
  ingress?: Rule[] | null;
  egress?: Rule[] | null;
  [field: string]: unknown;
}

export interface LabelSelector {
  matchLabels?: { [key: string]: string };
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Rule {
  from?: Peer[] | null;
  to?: Peer[] | null;
  ports?: { protocol?: string; port?: number | string; endPort?: number }[] | null;
  [field: string]: unknown;
}

export interface Peer {
  podSelector?: LabelSelector;
  namespaceSelector?: LabelSelector;
  ipBlock?: { cidr: string; except?: string[] };
  [field: string]: unknown;
}

export type Direction = 'Ingress' | 'Egress';

/** What policies make of one pod in one direction. */
export interface Isolation {
  /** At least one policy selects the pod here, so that only what is allowed passes. */
  isolated: boolean;
  /** In words, one for each rule that allows something. */
  allows: string[];
}

const knownSpecFields = new Set(['podSelector', 'policyTypes', 'ingress', 'egress']);

/** The directions a policy has a say in. Absent types mean Ingress always, and Egress when there are egress rules. */
export function directions(policy: NetworkPolicy): Direction[] {
  const { policyTypes, egress } = policy.spec ?? {};
  if (policyTypes === undefined || policyTypes.length === 0) {
    return (egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
  return (['Ingress', 'Egress'] as const).filter((direction) => policyTypes.includes(direction));
}

/**
 * Whether a policy lets anything through at all: it has a rule in a direction that it covers. What this code cannot know (fields and types of a
 * later Kubernetes) counts as allowing: removed and put back at the release is better than left and open.
 */
export function allowsAnything(policy: NetworkPolicy): boolean {
  const spec = policy.spec ?? {};
  if (Object.keys(spec).some((field) => !knownSpecFields.has(field))) return true;
  if ((spec.policyTypes ?? []).some((type) => type !== 'Ingress' && type !== 'Egress')) return true;
  return directions(policy).some((direction) => rulesOf(policy, direction).length > 0);
}

/** What the policies of a pod's own namespace make of it. Policies add up: one that allows is enough, whatever stands beside it. */
export function isolation(
  podLabels: { [key: string]: string },
  policies: readonly NetworkPolicy[],
): { [D in Direction]: Isolation } {
  const judge = (direction: Direction): Isolation => ({
    // A selector that cannot be read protects nobody, and yet its rules may apply.
    isolated: policies.some(
      (policy) =>
        directions(policy).includes(direction) && selects(policy.spec?.podSelector, podLabels) === true,
    ),
    allows: policies
      .filter((policy) => selects(policy.spec?.podSelector, podLabels) !== false)
      .flatMap((policy) => allowed(policy, direction).map((rule) => `${policy.metadata.name}: ${rule}`)),
  });
  return { Ingress: judge('Ingress'), Egress: judge('Egress') };
}

/** Every rule of a policy in words, for the plan. */
export function allowances(policy: NetworkPolicy): string[] {
  return [...allowed(policy, 'Ingress'), ...allowed(policy, 'Egress')];
}

function allowed(policy: NetworkPolicy, direction: Direction): string[] {
  if (!directions(policy).includes(direction)) {
    const unread = Object.keys(policy.spec ?? {}).filter((field) => !knownSpecFields.has(field));
    return unread.length === 0
      ? []
      : [`${direction.toLowerCase()} by fields not known here (${unread.join(', ')})`];
  }
  return rulesOf(policy, direction).map((rule) => describeRule(rule, direction));
}

function rulesOf(policy: NetworkPolicy, direction: Direction): Rule[] {
  return (direction === 'Ingress' ? policy.spec?.ingress : policy.spec?.egress) ?? [];
}

/** Whether a selector matches; `unknown` for an operator of a later Kubernetes. An empty or absent selector matches everything. */
export function selects(
  selector: LabelSelector | undefined,
  labels: { [key: string]: string },
): boolean | 'unknown' {
  let unknown = false;
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) {
    if (!Object.hasOwn(labels, key) || labels[key] !== value) return false;
  }
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const has = Object.hasOwn(labels, key);
    const within = has && values.includes(labels[key] ?? '');
    if (operator === 'In') {
      if (!within) return false;
    } else if (operator === 'NotIn') {
      if (within) return false;
    } else if (operator === 'Exists') {
      if (!has) return false;
    } else if (operator === 'DoesNotExist') {
      if (has) return false;
    } else unknown = true;
  }
  return unknown ? 'unknown' : true;
}

function describeRule(rule: Rule, direction: Direction): string {
  const [list, word] = direction === 'Ingress' ? [rule.from, 'from'] : [rule.to, 'to'];
  const peers = (list ?? []).length === 0 ? 'anywhere' : (list ?? []).map(describePeer).join(' or ');
  const ports = (rule.ports ?? []).map(({ protocol = 'TCP', port, endPort }) => {
    if (port === undefined) return `any ${protocol} port`;
    return `${protocol} ${port}${endPort === undefined ? '' : `-${endPort}`}`;
  });
  return `${direction.toLowerCase()} ${word} ${peers} on ${ports.length === 0 ? 'any port' : ports.join(', ')}`;
}

function describePeer({ podSelector, namespaceSelector, ipBlock }: Peer): string {
  if (ipBlock !== undefined) {
    const except = ipBlock.except ?? [];
    return except.length === 0 ? ipBlock.cidr : `${ipBlock.cidr} except ${except.join(', ')}`;
  }
  const pods = podSelector === undefined ? 'all pods' : `pods ${describeSelector(podSelector)}`;
  if (namespaceSelector === undefined)
    return podSelector === undefined ? 'an unknown kind of peer' : `${pods} here`;
  return `${pods} of namespaces ${describeSelector(namespaceSelector)}`;
}

function describeSelector({ matchLabels, matchExpressions }: LabelSelector): string {
  const parts = [
    ...Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...(matchExpressions ?? []).map(({ key, operator, values }) =>
      [key, operator, values?.join('|') ?? ''].join(' ').trim(),
    ),
  ];
  return parts.length === 0 ? '(all)' : `(${parts.join(', ')})`;
}
