import type { Undone } from '../../domain/action.ts';

/** The undo of an action that only reads. */
export function nothingToUndo(): Promise<Undone> {
  return Promise.resolve({
    changes: [],
    already: 0,
    conflicts: [],
    notRestored: [],
    claims: [{ claim: 'nothing was changed', verdict: 'verified', detail: 'the action only reads' }],
  });
}
