import type { House } from '../../domain/warrant.ts';

/** What a test's worker judges changes by. `groupsOf`: the groups of a person. */
export function houseOf(groupsOf: House['directory']['groupsOf']): Omit<House, 'gatewayKeys'> {
  return {
    directory: { groupsOf },
    escalation: ['leads'],
    guardrails: {
      protectedNamespaces: ['payments'],
      maxNamespaces: 1,
      maxPods: 100,
      automatic: [{ environments: ['production'], minSeverity: 'low' }],
    },
    environmentOf: (cluster) => (cluster === 'c1' ? 'production' : undefined),
  };
}
