import type { Action } from '../../domain/action.ts';

/** For a verb of a few calls to a service, each of which may be tried again; and an undo that calls nobody. */
export const serviceTiming: Action['timing'] = {
  planMs: 60_000,
  applyMs: 60_000,
  verifyMs: 60_000,
  undoMs: 10_000,
  heartbeatMs: 30_000,
  attempts: 5,
};
