import type { Undone } from '../domain/action.ts';
import type { Command, Gate, Warrant } from '../domain/decision.ts';
import type { Signed } from '../domain/signature.ts';
import { expiry } from './execute/approval.ts';
import { verify } from './execute/ending.ts';
import { applyUndo, linesOf, wasApplied } from './execute/undo.ts';
import { failureOf, patience } from './patience.ts';
import { Interrupted, type IncidentState, type StepRecord } from './state.ts';

/**
 * A release: asked for by one person, approved by another, then restored newest first. Only the last holder of a target restores it. A step that
 * cannot be restored stays held.
 */
export async function release(
  state: IncidentState,
  request: Signed<Command>,
  round: number,
  drain: () => Promise<void>,
): Promise<void> {
  const command = request.payload;
  const steps = state.held().toReversed();
  const approval = state.policy.release;
  const gate: Gate = {
    incident: state.recorder.incident,
    id: round === 1 ? 'release' : `release#${round}`,
    purpose: 'release',
    authorities: steps.flatMap(({ mandate }) => (mandate === undefined ? [] : [mandate.authority])),
    base: steps.flatMap(({ mandate }) => (mandate === undefined ? [] : [mandate.base.digest])),
    approval,
    requester: command.person,
    expiresAt: expiry(approval),
  };
  const names = steps.map(({ title, view }) => title ?? view.id);
  const answer = await state.ask(gate, {
    title: `Release: ${names.join(', ')}`,
    ifApproved: [
      'The objects of the snapshot are put back exactly; the deny and the freeze are removed.',
      `Asked for because: ${command.reason}`,
    ],
    ifDenied: ['The containment stands.'],
    changes: steps.map(({ undoText, view }) => `restore what ${view.id} changed: ${undoText ?? ''}`),
    changeCount: steps.length,
    notCovered: [],
    undo: 'A release is not undone: a new containment is a new incident.',
  });
  if (answer.answer !== 'approved') {
    await state.tell(
      `${gate.id}/${answer.answer}`,
      'Not released',
      [answer.why, 'The containment stands.'],
      'warning',
    );
    return;
  }
  await drain();
  if (state.takenOver) {
    await state.tell(
      `${gate.id}/taken-over`,
      'Not released',
      ['A person took over. The containment stands; ask again after the handback.'],
      'warning',
    );
    return;
  }
  const warrant: Warrant = {
    opening: state.input.opening,
    gate: answer.gate,
    decisions: answer.decisions,
    request,
    automatic: false,
  };
  for (const record of steps) {
    if (state.takenOver) return;
    await releaseStep(state, record, warrant, gate.id);
  }
}

async function releaseStep(
  state: IncidentState,
  record: StepRecord,
  warrant: Warrant,
  gate: string,
): Promise<void> {
  const { recorder } = state;
  const { hold, view } = record;
  if (hold === undefined || !wasApplied(record)) return;
  const { last, others, ended } = await recorder.fixed(
    'holds.let-go',
    { hold: hold.request, base: record.mandate.base },
    patience.own,
    {
      kind: 'hold.letting-go',
      data: { step: view.id, target: hold.request.target, gate },
    },
  );
  if (ended.length > 0)
    recorder.note('hold.inherited', { step: view.id, target: hold.request.target, from: ended });
  if (!last) {
    delete record.hold;
    delete view.holdUntil;
    view.status = 'released';
    view.why = `still held by ${others.join(', ')}: nothing was restored`;
    recorder.note('hold.ended', { step: view.id, target: hold.request.target, others });
    await state.tell(
      `${gate}/${view.id}/shared`,
      `Let go of ${view.id}, still contained`,
      [view.why],
      'warning',
    );
    return;
  }
  let undone: Undone;
  try {
    undone = await applyUndo(state, record, warrant);
  } catch (error) {
    const failure =
      error instanceof Interrupted
        ? { type: 'Interrupted', message: 'a person took over while it was being restored' }
        : failureOf(error);
    await settle(state, record, false, failure.message);
    await state.tell(
      `${gate}/${view.id}/failed`,
      `Not released: ${view.id}`,
      [`${failure.type}: ${failure.message}`, 'It stays held. The release kit restores it by hand.'],
      'danger',
      state.policy.escalation,
      true,
    );
    return;
  }
  await settle(state, record, true, '');
  view.status = 'released';
  await state.tell(
    `${gate}/${view.id}/released`,
    `Released: ${record.title ?? view.id}`,
    [
      ...linesOf(undone),
      ...undone.notRestored.map((object) => `Appeared during the incident, not put back: ${object}`),
    ],
    undone.conflicts.length > 0 ? 'warning' : 'good',
  );
}

async function settle(
  state: IncidentState,
  record: StepRecord,
  restored: boolean,
  why: string,
): Promise<void> {
  const { hold, view } = record;
  if (hold === undefined) return;
  await state.recorder.fixed('holds.settle', { hold: hold.request, restored }, patience.own, {
    kind: 'hold.settling',
    data: { step: view.id, target: hold.request.target, restored, why },
  });
  if (!restored) return;
  delete record.hold;
  delete view.holdUntil;
  state.recorder.note('hold.ended', { step: view.id, target: hold.request.target });
}

/** After a person worked by hand: look at the world, and take it as it is. What no longer stands is no longer held. */
export async function observe(state: IncidentState): Promise<void> {
  for (const record of state.held()) {
    // What was stopped while it was being applied is planned again, and asked for again.
    if (record.view.status === 'running') continue;
    const found = await verify(state, record);
    const { id } = record.view;
    if ('type' in found) {
      await state.tell(
        `${id}/unseen`,
        `Could not look at ${id}`,
        [found.message],
        'danger',
        state.policy.escalation,
        true,
      );
    } else if (found.state === 'absent') {
      await state.endHold(record, 'it was released outside Firebreak');
      record.view.status = 'released';
      record.view.why = 'released by hand';
      await state.tell(
        `${id}/released-outside`,
        `${id} was released by hand`,
        found.claims.map(({ detail }) => detail),
        'warning',
      );
    } else if (found.state === 'partial') {
      await state.tell(
        `${id}/partial`,
        `${id} stands only in part`,
        found.claims.map(({ claim, verdict, detail }) => `${verdict}: ${claim} (${detail})`),
        'danger',
        state.policy.escalation,
        true,
      );
    }
  }
}
