import type { ActionContext, Applied, Undone } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';

/** A result goes into a history, which refuses what is larger than 2 MB: a tenant who makes thousands of policies must not get there. */
const MAX_LINES = 500;

/** The result with at most 500 lines of each sort; all changes are in the evidence then, under the first artefact. */
export async function boundApplied(context: ActionContext, applied: Applied): Promise<Applied> {
  const { changes, measures } = applied;
  let { artefacts, unavailable } = applied;
  if (changes.length > MAX_LINES) {
    try {
      artefacts = [await context.evidence.put(JSON.stringify(changes), 'application/json'), ...artefacts];
    } catch (error) {
      if (!(error instanceof EvidenceStoreFull)) throw error;
      unavailable = [{ what: `all but ${MAX_LINES} of the changes`, why: error.message }, ...unavailable];
    }
  }
  return {
    ...applied,
    changes: changes.slice(0, MAX_LINES),
    measures: { ...measures, changes: changes.length },
    artefacts: artefacts.slice(0, MAX_LINES),
    unavailable: cut(unavailable, (more) => ({ what: `${more} more`, why: 'as above' })),
  };
}

export function boundUndone(undone: Undone): Undone {
  const { changes, conflicts, notRestored } = undone;
  return {
    ...undone,
    changes: changes.slice(0, MAX_LINES),
    conflicts: cut(conflicts, (more) => ({ object: `${more} more`, why: 'as above' })),
    notRestored: cut(notRestored, (more) => `${more} more: the index of the evidence has them all`),
  };
}

function cut<T>(lines: readonly T[], rest: (more: number) => T): T[] {
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), rest(more)] : [...lines];
}
