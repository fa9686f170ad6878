import { z } from 'zod';
import type { Action, Applied, Authority, Claim, Plan, Undone } from '../../domain/action.ts';

/** What the actions of tests act on. */
export type Place = { cluster: string; namespace: string };
export const place = z.strictObject({ cluster: z.string(), namespace: z.string() });

/** What the actions of tests have alike, whatever their world is. */
export const contract: Pick<Action, 'notCovered' | 'outputs' | 'permissions' | 'summary'> = {
  summary: 'For tests.',
  outputs: { type: 'object' },
  permissions: [],
  notCovered: [],
};

/** Over a namespace, whose UID is named after it. */
export function authorityOn(
  action: string,
  { cluster, namespace }: Place,
  granted: Pick<Authority, 'caps' | 'rule'>,
): Authority {
  return {
    action,
    targets: [{ kind: 'Namespace', cluster, name: namespace, uid: `uid-${namespace}` }],
    ...granted,
    undo: 'restore',
  };
}

/** Over the one switch that a namespace has. */
export function switchAuthority(action: string, at: Place): Authority {
  return authorityOn(action, at, { rule: 'turn the switch on', caps: { switches: 1 } });
}

/** A plan that changes one thing and shows none. */
export function planOf(
  authority: Authority,
  { cluster, namespace }: Place,
  snapshot: Plan['snapshot'],
  rest: Partial<Plan> & Pick<Plan, 'description' | 'undo'>,
): Plan {
  return {
    action: authority.action,
    authority,
    facts: [{ cluster, namespace, supports: [], pods: 1, environment: 'production' }],
    changes: [],
    changeCount: 1,
    notCovered: [],
    snapshot,
    full: snapshot,
    ...rest,
  };
}

export function appliedWith(outputs: Applied['outputs'], rest: Partial<Applied> = {}): Applied {
  return { changes: [], already: 0, measures: {}, outputs, artefacts: [], unavailable: [], ...rest };
}

export function undoneWith(...claims: Claim[]): Undone {
  return { changes: [], already: 0, conflicts: [], notRestored: [], claims };
}
