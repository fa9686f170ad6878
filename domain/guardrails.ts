import { severities, type Severity } from './alert.ts';
import type { Effect, TargetFacts } from './action.ts';
import type { Mode } from './decision.ts';

/** Frozen into an incident. Above every mode and every approval. */
export interface GuardrailPolicy {
  /** Namespaces that are never touched, beside those built in and those computed. A trailing `*` matches any ending. */
  protectedNamespaces: string[];
  /** Resolved namespaces and pods that one plan may touch. */
  maxNamespaces: number;
  maxPods: number;
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

/** Whether a namespace's name is protected by a list of names and `prefix*` patterns. */
export function isProtected(namespace: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? namespace.startsWith(pattern.slice(0, -1)) : namespace === pattern,
  );
}

/** Every reason why a plan with these facts must not be carried out; empty when it may. */
export function refusals(policy: GuardrailPolicy, effect: Effect, facts: readonly TargetFacts[]): Refusal[] {
  if (effect === 'read') return [];
  const found: Refusal[] = [];
  for (const { cluster, namespace, supports } of facts) {
    if (isProtected(namespace, builtInProtected)) {
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
        message: `namespace ${namespace} in ${cluster} supports the cluster: ${reason}`,
      });
    }
  }
  if (facts.length === 0) found.push({ code: 'FB3104', message: 'the plan resolves to no target' });
  if (facts.length > policy.maxNamespaces) {
    found.push({
      code: 'FB3105',
      message: `the plan touches ${facts.length} namespaces; guardrails.maxNamespaces allows ${policy.maxNamespaces}`,
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
 * severity. It falls back to `approve`, never to nothing.
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
    policy.automatic.some(
      (rule) =>
        rule.environments.includes(fact.environment) &&
        severities.indexOf(severity) >= severities.indexOf(rule.minSeverity),
    );
  return (effect === 'contain' || effect === 'read') && facts.length > 0 && facts.every(allowed)
    ? 'automatic'
    : 'approve';
}
