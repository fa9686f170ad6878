import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TargetFacts } from '../../../domain/action.ts';
import { effectiveMode, refusals, type GuardrailPolicy } from '../../../domain/guardrails.ts';

const policy: GuardrailPolicy = {
  protectedNamespaces: ['payments', 'vault-*'],
  maxNamespaces: 2,
  maxPods: 10,
  automatic: [{ environments: ['staging'], minSeverity: 'high' }],
};
const facts = (over: Partial<TargetFacts> = {}): TargetFacts => ({
  cluster: 'c',
  namespace: 'shop',
  supports: [],
  pods: 1,
  environment: 'staging',
  ...over,
});
const codes = (...targets: TargetFacts[]) => refusals(policy, 'contain', targets).map(({ code }) => code);

describe('guardrails', () => {
  test.each([
    ['kube-system', 'FB3101'],
    ['kube-node-lease', 'FB3101'],
    ['firebreak', 'FB3101'],
    ['firebreak-system', 'FB3101'],
    ['temporal', 'FB3101'],
    ['payments', 'FB3102'],
    ['vault-prod', 'FB3102'],
  ])('protects %s', (namespace, code) => {
    expect(codes(facts({ namespace }))).toEqual([code]);
  });

  test.each(['payments2', 'my-payments', 'vault', 'kube-systems', 'firebreaker'])(
    'lets %s pass',
    (namespace) => {
      expect(codes(facts({ namespace }))).toEqual([]);
    },
  );

  test('refuses what holds up the cluster, no target, too many targets and too many pods', () => {
    expect(codes(facts({ supports: ['webhook a', 'DNS'] }))).toEqual(['FB3103', 'FB3103']);
    expect(codes()).toEqual(['FB3104']);
    expect(codes(facts(), facts({ namespace: 'a' }), facts({ namespace: 'b' }))).toEqual(['FB3105']);
    expect(codes(facts({ pods: 6 }), facts({ namespace: 'a', pods: 5 }))).toEqual(['FB3106']);
    expect(codes(facts({ pods: 5 }), facts({ namespace: 'a', pods: 5 }))).toEqual([]);
  });

  test('protects and counts principals apart from namespaces', () => {
    const principal = 'arn:aws:iam::123456789012:role/break-glass';
    const outside = (over: Partial<TargetFacts> = {}) =>
      facts({ cluster: 'aws:prod', namespace: '', principal, pods: 0, ...over });
    expect(codes(outside())).toEqual([]);
    const strict = {
      ...policy,
      protectedPrincipals: ['arn:aws:iam::123456789012:role/break-*'],
      maxPrincipals: 1,
    };
    expect(refusals(strict, 'contain', [outside()]).map(({ code }) => code)).toEqual(['FB3107']);
    const others = ['user/a', 'user/b'].map((name) => outside({ principal: name }));
    expect(refusals(strict, 'contain', others).map(({ code }) => code)).toEqual(['FB3108']);
    expect(codes(...Array.from({ length: 6 }, () => outside()))).toEqual(['FB3108']);
    expect(codes(outside({ supports: ['it is the role of Firebreak'] }))).toEqual(['FB3103']);
    // A name like a namespace's does not make a namespace of it.
    expect(codes(outside({ principal: 'kube-system' }))).toEqual([]);
  });

  test('automatic mode reaches no principal, which an attacker could have named', () => {
    const outside = facts({ cluster: 'aws:prod', namespace: '', principal: 'user/a' });
    expect(effectiveMode(policy, 'automatic', 'critical', 'contain', [outside])).toBe('approve');
    expect(effectiveMode(policy, 'automatic', 'critical', 'read', [outside])).toBe('automatic');
  });

  test('reading is never refused', () => {
    expect(refusals(policy, 'read', [facts({ namespace: 'kube-system' })])).toEqual([]);
  });

  test('automatic holds only where every target is allowed at this severity, and falls back to approve', () => {
    expect(effectiveMode(policy, 'automatic', 'critical', 'contain', [facts()])).toBe('automatic');
    expect(effectiveMode(policy, 'automatic', 'high', 'contain', [facts()])).toBe('automatic');
    expect(effectiveMode(policy, 'automatic', 'medium', 'contain', [facts()])).toBe('approve');
    expect(effectiveMode(policy, 'automatic', 'critical', 'irreversible', [facts()])).toBe('approve');
    expect(effectiveMode(policy, 'automatic', 'critical', 'reversible', [facts()])).toBe('approve');
    expect(
      effectiveMode(policy, 'automatic', 'critical', 'contain', [
        facts(),
        facts({ environment: 'production' }),
      ]),
    ).toBe('approve');
    expect(effectiveMode(policy, 'automatic', 'critical', 'contain', [])).toBe('approve');
  });

  test('nothing makes a mode bolder than was asked for', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('simulate' as const, 'approve' as const),
        fc.constantFrom('info' as const, 'critical' as const),
        fc.constantFrom('read' as const, 'contain' as const, 'irreversible' as const),
        (mode, severity, effect) => effectiveMode(policy, mode, severity, effect, [facts()]) === mode,
      ),
    );
  });
});
