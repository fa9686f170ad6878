import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  allowances,
  allowsAnything,
  directions,
  isolation,
  selects,
  type NetworkPolicy,
  type NetworkPolicySpec,
} from '../../../activities/kubernetes/network-policy.ts';
import { denyAll } from '../../../activities/kubernetes/quarantine/deny.ts';
import { removable } from '../../../activities/kubernetes/quarantine/policies.ts';
import { openConnections } from '../../support/network-oracle.ts';
import { podsAndNamespaces, policySpec } from '../../support/arbitrary-policies.ts';

const of = (spec: object, name = 'p'): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'shop' },
  spec: spec as NetworkPolicySpec,
});

// The recipes of the Kubernetes documentation, and what is easily got wrong.
test.each<[what: string, spec: object, types: string[], allows: boolean]>([
  ['default deny ingress', { podSelector: {}, policyTypes: ['Ingress'] }, ['Ingress'], false],
  ['allow all ingress', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }, ['Ingress'], true],
  ['default deny egress', { podSelector: {}, policyTypes: ['Egress'] }, ['Egress'], false],
  ['allow all egress', { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }, ['Egress'], true],
  [
    'deny all both ways',
    { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    ['Ingress', 'Egress'],
    false,
  ],
  ['empty list of rules', { podSelector: {}, policyTypes: ['Ingress'], ingress: [] }, ['Ingress'], false],
  ['null list of rules', { podSelector: {}, policyTypes: ['Ingress'], ingress: null }, ['Ingress'], false],
  ['no types, no rules', { podSelector: {} }, ['Ingress'], false],
  ['no types, egress rules', { podSelector: {}, egress: [{}] }, ['Ingress', 'Egress'], true],
  [
    'rules of a direction not covered',
    { podSelector: {}, policyTypes: ['Ingress'], egress: [{}] },
    ['Ingress'],
    false,
  ],
  ['empty from', { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [] }] }, ['Ingress'], true],
  ['only a port', { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] }, ['Ingress'], true],
  ['a field of the future', { podSelector: {}, policyTypes: ['Ingress'], mirror: {} }, ['Ingress'], true],
  ['a type of the future', { podSelector: {}, policyTypes: ['Forward'] }, [], true],
])('%s', (_, spec, types, allows) => {
  expect(directions(of(spec))).toEqual(types);
  expect(allowsAnything(of(spec))).toBe(allows);
});

test.each<[selector: object | undefined, labels: { [key: string]: string }, expected: boolean | 'unknown']>([
  [undefined, {}, true],
  [{}, { a: '1' }, true],
  [{ matchLabels: { a: '1' } }, { a: '1', b: '2' }, true],
  [{ matchLabels: { a: '1' } }, { a: '2' }, false],
  [{ matchLabels: { toString: 'x' } }, {}, false],
  [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['1', '2'] }] }, { a: '2' }, true],
  [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['1'] }] }, {}, false],
  [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['1'] }] }, {}, true],
  [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['1'] }] }, { a: '1' }, false],
  [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }, { a: '' }, true],
  [{ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }, { a: '' }, false],
  [{ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] }, { a: '2' }, 'unknown'],
])('selector %j on %j: %s', (selector, labels, expected) => {
  expect(selects(selector, labels)).toBe(expected);
});

test('policies add up: an allow-all beside a deny-all allows', () => {
  const deny = of({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, 'deny');
  const allow = of(
    { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{}] },
    'allow',
  );
  expect(isolation({ app: 'web' }, [deny, allow])).toEqual({
    Ingress: { isolated: true, allows: ['allow: ingress from anywhere on any port'] },
    Egress: { isolated: true, allows: [] },
  });
  expect(isolation({ app: 'db' }, [deny, allow]).Ingress.allows).toEqual([]);
  expect(isolation({}, [allow])).toEqual({
    Ingress: { isolated: false, allows: [] },
    Egress: { isolated: false, allows: [] },
  });
});

test('a selector that cannot be read isolates nobody, and may allow anybody', () => {
  const odd = {
    podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt' }] },
    policyTypes: ['Ingress'],
    ingress: [{}],
  };
  expect(isolation({ a: '1' }, [of(odd)]).Ingress).toMatchObject({
    isolated: false,
    allows: [expect.stringContaining('anywhere')],
  });
});

test('says in words what a policy allows', () => {
  const spec = {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      {
        from: [
          { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
          { podSelector: { matchLabels: { app: 'web' } } },
        ],
        ports: [{ port: 'http' }],
      },
      {
        from: [
          {
            namespaceSelector: {},
            podSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] },
          },
        ],
      },
    ],
    egress: [
      {
        to: [{ namespaceSelector: { matchLabels: { name: 'dns' } } }],
        ports: [
          { protocol: 'UDP', port: 53 },
          { port: 8000, endPort: 9000 },
        ],
      },
    ],
  };
  expect(allowances(of(spec))).toEqual([
    'ingress from 10.0.0.0/8 except 10.1.0.0/16 or pods (app=web) here on TCP http',
    'ingress from pods (tier In a|b) of namespaces (all) on any port',
    'egress to all pods of namespaces (name=dns) on UDP 53, TCP 8000-9000',
  ]);
});

const worlds = fc.record({ world: podsAndNamespaces, specs: fc.array(policySpec, { maxLength: 5 }) });

test('what is left of any policies beside a deny-all lets nothing in or out, says an oracle that enumerates connections', () => {
  let openBefore = 0;
  fc.assert(
    fc.property(worlds, ({ world, specs }) => {
      const policies = specs.map((spec, index) => of(spec, `p-${index}`));
      if (openConnections({ ...world, policies }, 'shop').length > 0) openBefore++;
      const removed = new Set(removable(policies));
      const left = [
        ...policies.filter((policy) => !removed.has(policy)),
        denyAll({ namespace: 'shop', uid: 'uid' }),
      ];
      expect(openConnections({ ...world, policies: left }, 'shop')).toEqual([]);
      // The deny-all has to be there: without it, nothing is what policies allow to everybody.
      expect(removed.size > 0 || policies.every((policy) => !allowsAnything(policy))).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(openBefore).toBeGreaterThan(100);
});

test('a pod that is called closed has no open connection, says the same oracle', () => {
  let closed = 0;
  fc.assert(
    fc.property(worlds, ({ world, specs }) => {
      const policies = specs.map((spec, index) => of(spec, `p-${index}`));
      const open = openConnections({ ...world, policies }, 'shop');
      for (const pod of world.pods.filter(({ namespace }) => namespace === 'shop')) {
        const { Ingress, Egress } = isolation(pod.labels, policies);
        if (Ingress.isolated && Ingress.allows.length === 0) {
          closed++;
          expect(open.filter(({ to }) => to === pod.ip)).toEqual([]);
        }
        if (Egress.isolated && Egress.allows.length === 0)
          expect(open.filter(({ from }) => from === pod.ip)).toEqual([]);
        // And the other way round: nothing isolates it, so everything outside reaches it.
        if (!Ingress.isolated)
          expect(open.some(({ to, from }) => to === pod.ip && from === '203.0.113.9')).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
  expect(closed).toBeGreaterThan(100);
});
