import { patched } from '@temporalio/workflow';
import type { Undone } from '../../domain/action.ts';
import type { Warrant } from '../../domain/decision.ts';
import { digest, jsonCopy } from '../../domain/json.ts';
import { failureOf, patience } from '../patience.ts';
import { Interrupted, type IncidentState, type StepRecord } from '../state.ts';
import { undoWarrant } from './undo-approval.ts';

export type WasApplied = StepRecord & Required<Pick<StepRecord, 'mandate' | 'signature'>>;

/** Whether a step has come as far as to be applied. */
export function wasApplied(record: StepRecord): record is WasApplied {
  return record.mandate !== undefined && record.signature !== undefined;
}

/**
 * Undoes what a step applied, and notes what came of it.
 * @throws Interrupted when it was stopped; whatever the undo itself fails with
 */
export async function applyUndo(
  state: IncidentState,
  record: WasApplied,
  warrant: Warrant,
  why?: string,
): Promise<Undone> {
  const { mandate, signature, view } = record;
  const undone = await state.mutate(record, () =>
    state.recorder.run<Undone>(
      `${signature.name}.undo`,
      { mandate, warrant },
      patience.verb(signature.timing, 'undo'),
      {
        kind: 'step.undoing',
        data: {
          step: view.id,
          ...(why === undefined ? {} : { why }),
          base: mandate.base.digest,
          authority: digest(mandate.authority),
        },
      },
    ),
  );
  view.undone = undone;
  state.recorder.note('step.undone', {
    step: view.id,
    ...jsonCopy({ ...undone, changes: undone.changes.slice(0, 200) }),
    changeCount: undone.changes.length,
  });
  return undone;
}

/** An undo's claims and conflicts, a line each. */
export function linesOf({ claims, conflicts }: Undone): string[] {
  return [
    ...claims.map(({ claim, verdict, detail }) => `${verdict}: ${claim} (${detail})`),
    ...conflicts.map(({ object, why }) => `Conflict, kept as it is: ${object}: ${why}`),
  ];
}

/**
 * Undoes a reversible change after a failure, under the approval that it was made with, or one of its own. A person who takes over stops it, and it is
 * tried again after the handback. Never throws for what it may meet: a change that cannot be undone is told and stays.
 */
export async function undoStep(
  state: IncidentState,
  record: StepRecord,
  why: string,
): Promise<{ ok: boolean; why?: string }> {
  state.undoing.add(record);
  try {
    return await undoApplied(state, record, why);
  } finally {
    state.undoing.delete(record);
  }
}

async function undoApplied(
  state: IncidentState,
  record: StepRecord,
  why: string,
): Promise<{ ok: boolean; why?: string }> {
  const { undoApproval, view } = record;
  if (!wasApplied(record) || record.warrant === undefined) return { ok: false, why: 'it was never applied' };
  let { warrant } = record;
  if (undoApproval !== undefined) {
    const granted = await undoWarrant(state, record, undoApproval, why);
    if ('why' in granted) {
      // It was decided: nothing asks about it again.
      delete record.undoable;
      return { ok: false, why: granted.why };
    }
    warrant = granted;
  }
  for (;;) {
    await state.whileTakenOver();
    try {
      const undone = await applyUndo(state, record, warrant, why);
      delete record.undoable;
      const kept = keptBy(undone);
      if (kept !== undefined && patched('undo-kept')) {
        await tellNotUndone(state, record, [why, ...linesOf(undone)]);
        return { ok: false, why: kept };
      }
      state.tellLater(
        `${view.id}/undone`,
        `Undone: ${record.title ?? view.id}`,
        [why, ...linesOf(undone)],
        undone.conflicts.length > 0 ? 'warning' : 'good',
      );
      return { ok: true };
    } catch (error) {
      if (error instanceof Interrupted && record.stopped === undefined) continue;
      const { type, message } =
        error instanceof Interrupted ? { type: 'Stopped', message: record.stopped ?? '' } : failureOf(error);
      await tellNotUndone(state, record, [`${type}: ${message}`, 'It stays as it was applied.']);
      return { ok: false, why: `${type}: ${message}` };
    }
  }
}

/** Why nothing at all was put back; undefined when something was, or was found so. */
function keptBy({ already, changes, conflicts }: Undone): string | undefined {
  if (conflicts.length === 0 || changes.length > 0 || already > 0) return undefined;
  return conflicts
    .map(({ object, why }) => `${object}: ${why}`)
    .join('; ')
    .slice(0, 1_000);
}

function tellNotUndone(state: IncidentState, { title, view }: StepRecord, lines: string[]): Promise<void> {
  return state.tell(
    `${view.id}/not-undone`,
    `Not undone: ${title ?? view.id}`,
    lines,
    'danger',
    state.policy.escalation,
  );
}
