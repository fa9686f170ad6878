import { severities, type Severity } from './alert.ts';
import type { Effect, TargetFacts } from './action.ts';
import type { Mode } from './decision.ts';

/** Frozen into an incident. Above every mode and every approval. */
export interface GuardrailPolicy {
  /** Namespaces that are never touched, beside those built in and those computed. A trailing `*` matches any ending. */
  protectedNamespaces: string[];
  /** What lies in no namespace and is never touched, as plans name it: an ARN, `repository/acme/shop`. A trailing `*` matches any ending. */
  protectedPrincipals?: string[];
  /** Resolved namespaces and pods that one plan may touch. */
  maxNamespaces: number;
  maxPods: number;
  /** Principals, functions, robots and repositories that one plan may touch. */
  maxPrincipals?: number;
  /** Where `automatic` is allowed; anywhere else it falls back to `approve`. */
  automatic: { environments: string[]; minSeverity: Severity }[];
}

/** Never touched, whatever the configuration says. */
export const builtInProtected: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'firebreak',
  'firebreak-*',
  'temporal',
  'temporal-*',
];

export interface Refusal {
  /** Error code, FB31xx. */
  code: string;
  message: string;
}

/** When a policy, frozen before there was such a limit, says nothing. */
const defaultMaxPrincipals = 5;

/** Whether a name is protected by a list of names and `prefix*` patterns. */
export function isProtected(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}

/** Every reason why a plan with these facts must not be carried out; empty when it may. */
export function refusals(policy: GuardrailPolicy, effect: Effect, facts: readonly TargetFacts[]): Refusal[] {
  if (effect === 'read') return [];
  const found: Refusal[] = [];
  for (const { cluster, namespace, principal, supports } of facts) {
    if (principal !== undefined) {
      if (isProtected(principal, policy.protectedPrincipals ?? []))
        found.push({
          code: 'FB3107',
          message: `${principal} in ${cluster} is in guardrails.protectedPrincipals`,
        });
    } else if (isProtected(namespace, builtInProtected)) {
      found.push({
        code: 'FB3101',
        message: `namespace ${namespace} in ${cluster} is protected by Firebreak itself`,
      });
    } else if (isProtected(namespace, policy.protectedNamespaces)) {
      found.push({
        code: 'FB3102',
        message: `namespace ${namespace} in ${cluster} is in guardrails.protectedNamespaces`,
      });
    }
    for (const reason of supports) {
      found.push({
        code: 'FB3103',
        message:
          principal === undefined
            ? `namespace ${namespace} in ${cluster} supports the cluster: ${reason}`
            : `${principal} in ${cluster} must not be touched: ${reason}`,
      });
    }
  }
  if (facts.length === 0) found.push({ code: 'FB3104', message: 'the plan resolves to no target' });
  const namespaces = facts.filter(({ principal }) => principal === undefined).length;
  if (namespaces > policy.maxNamespaces) {
    found.push({
      code: 'FB3105',
      message: `the plan touches ${namespaces} namespaces; guardrails.maxNamespaces allows ${policy.maxNamespaces}`,
    });
  }
  const principals = facts.length - namespaces;
  const maxPrincipals = policy.maxPrincipals ?? defaultMaxPrincipals;
  if (principals > maxPrincipals) {
    found.push({
      code: 'FB3108',
      message: `the plan touches ${principals} principals; guardrails.maxPrincipals allows ${maxPrincipals}`,
    });
  }
  const pods = facts.reduce((sum, fact) => sum + fact.pods, 0);
  if (pods > policy.maxPods) {
    found.push({
      code: 'FB3106',
      message: `the plan touches ${pods} pods; guardrails.maxPods allows ${policy.maxPods}`,
    });
  }
  return found;
}

/**
 * The mode a step really runs in: `automatic` holds only for a containment where the policy names every target's environment at this
 * severity, and only of namespaces, for an alert names no principal that could be trusted. It falls back to `approve`, never to nothing.
 */
export function effectiveMode(
  policy: GuardrailPolicy,
  wanted: Mode,
  severity: Severity,
  effect: Effect,
  facts: readonly TargetFacts[],
): Mode {
  if (wanted !== 'automatic') return wanted;
  const allowed = (fact: TargetFacts) =>
    (effect === 'read' || fact.principal === undefined) &&
    policy.automatic.some(
      (rule) =>
        rule.environments.includes(fact.environment) &&
        severities.indexOf(severity) >= severities.indexOf(rule.minSeverity),
    );
  return (effect === 'contain' || effect === 'read') && facts.length > 0 && facts.every(allowed)
    ? 'automatic'
    : 'approve';
}
