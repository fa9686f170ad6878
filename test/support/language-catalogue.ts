import type { ActionSignature } from '../../domain/action.ts';
import { catalogue } from './catalogue.ts';

/** The invented catalogue, with what the order of steps is judged by: an action that collects evidence, and one that destroys pods. */
export const languageCatalogue: ActionSignature[] = [
  ...catalogue.map((action): ActionSignature =>
    action.name === 'kubernetes.collect-evidence' ? { ...action, evidence: 'collects' } : action,
  ),
  ...catalogue
    .filter(({ name }) => name === 'kubernetes.collect-evidence')
    .map((action): ActionSignature => ({
      ...action,
      name: 'test.evict',
      effect: 'irreversible',
      evidence: 'destroys',
      outputs: {},
    })),
];
