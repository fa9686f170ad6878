import fc from 'fast-check';
import type { OracleWorld } from './network-oracle.ts';

/** Few names and values, so that selectors often match. */
const labels = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('a', 'b'), { maxKeys: 2 });
const expression = fc.oneof(
  fc.record({ key: fc.constantFrom('app', 'tier'), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
  fc.record({
    key: fc.constantFrom('app', 'tier'),
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.uniqueArray(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 2 }),
  }),
);
const selector = fc.oneof(
  fc.constant({}),
  fc.record({ matchLabels: labels }),
  fc.record({ matchExpressions: fc.array(expression, { minLength: 1, maxLength: 2 }) }),
);
const ipBlock = fc.constantFrom(
  { cidr: '0.0.0.0/0' },
  { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] },
  { cidr: '10.0.0.0/24' },
  { cidr: '203.0.113.0/24', except: ['203.0.113.7/32'] },
  { cidr: '2001:db8::/32', except: ['2001:db8:1::/48'] },
);
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({ ipBlock }),
);
const port = fc.oneof(
  fc.record({ protocol: fc.constantFrom('TCP', 'UDP') }),
  fc.record({
    protocol: fc.constantFrom('TCP', 'UDP'),
    port: fc.constantFrom<(number | string)[]>(80, 443, 'web'),
  }),
  fc.constant({ protocol: 'TCP', port: 80, endPort: 500 }),
);
const rules = (side: 'from' | 'to') =>
  fc.array(
    fc.record(
      { [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) },
      { requiredKeys: [] },
    ),
    { maxLength: 2 },
  );

/** A policy's spec as a person may write it; `policyTypes` absent leaves the types to the defaults. */
export const policySpec = fc
  .record(
    {
      podSelector: selector,
      policyTypes: fc.uniqueArray(fc.constantFrom('Ingress', 'Egress'), { minLength: 1, maxLength: 2 }),
      ingress: rules('from'),
      egress: rules('to'),
    },
    { requiredKeys: ['podSelector'] },
  )
  .map(
    (spec) => spec as { podSelector: object; policyTypes?: string[]; ingress?: object[]; egress?: object[] },
  );

/** Pods of the namespace in question, `shop`, and of another. */
export const podsAndNamespaces = fc
  .record({
    shop: fc.array(labels, { minLength: 1, maxLength: 3 }),
    other: fc.array(labels, { maxLength: 2 }),
    shopLabels: labels,
    otherLabels: labels,
  })
  .map(({ shop, other, shopLabels, otherLabels }): Omit<OracleWorld, 'policies'> => ({
    namespaces: { shop: shopLabels, other: otherLabels },
    pods: [...shop.map((own) => ['shop', own] as const), ...other.map((own) => ['other', own] as const)].map(
      ([namespace, own], index) => ({
        namespace,
        name: `pod-${index}`,
        ip: `10.0.${index % 2}.${index + 1}`,
        labels: own,
        namedPorts: index % 2 === 0 ? { web: 8080 } : {},
      }),
    ),
    outside: ['203.0.113.7', '203.0.113.9', '10.9.9.9', '2001:db8::1', '2001:db8:1::1'],
    ports: [53, 80, 443, 8080],
  }));
