import type { Gate, Warrant } from '../../domain/decision.ts';
import type { Approval } from '../../domain/person.ts';
import type { IncidentState } from '../state.ts';
import { expiry, nextUndoGate, tellNotApproved } from './approval.ts';
import type { WasApplied } from './undo.ts';

/**
 * Asks whether a change is to be undone whose approval did not cover that: its undo brings back what the change was made against. A question that an
 * earlier run asked is gone on with.
 * @returns the leave, or why there is none
 */
export async function undoWarrant(
  state: IncidentState,
  record: WasApplied,
  approval: Approval,
  why: string,
): Promise<Warrant | { why: string }> {
  const { mandate, undoText = '', view } = record;
  const title = `Undo: ${record.title ?? view.id}`;
  const consequences = ['It stays as it was applied.'];
  const asked = record.asking === undefined ? undefined : state.gates.resume(record.asking);
  const answer = await (asked ?? ask());
  delete record.asking;
  if (answer.answer === 'approved')
    return {
      opening: state.input.opening,
      gate: answer.gate,
      decisions: answer.decisions,
      automatic: false,
    };
  await tellNotApproved(state, answer, { title, unanswered: 'Not decided', consequences });
  return { why: answer.why };

  function ask(): ReturnType<IncidentState['ask']> {
    const gate: Gate = {
      incident: state.recorder.incident,
      id: nextUndoGate(record),
      purpose: 'undo',
      authorities: [mandate.authority],
      base: [mandate.base.digest],
      approval,
      requester: state.input.requester,
      expiresAt: expiry(approval),
    };
    return state.ask(gate, {
      title,
      ifApproved: [...(undoText === '' ? [] : [undoText]), `Asked because: ${why}`],
      ifDenied: consequences,
      changes: [],
      changeCount: 0,
      notCovered: view.notCovered,
      undo: 'What is undone is applied again only by another incident.',
    });
  }
}
