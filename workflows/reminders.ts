import { patched } from '@temporalio/workflow';
import type { IncidentState } from './state.ts';

/** Starts the clock of the reminders that a cancelled incident is kept open. Histories from before them have no timer for it. */
export function keepOpen(state: IncidentState): void {
  if (patched('remind-of-kept')) state.remindKeptAt = Date.now() + state.policy.holdMs;
}

/** Epoch milliseconds at which people are next reminded of what still stands; Infinity when nothing does. */
export function nextReminder(state: IncidentState): number {
  const held = state.held();
  if (held.length === 0 && state.kept) return state.remindKeptAt;
  return held.reduce((first, { hold }) => Math.min(first, hold?.escalateAt ?? Infinity), Infinity);
}

/** A hold that has run its time is not let go of: people are told, again after as long a time. */
export async function remind(state: IncidentState): Promise<void> {
  const held = state.held();
  if (held.length === 0) await remindOfKept(state);
  for (const record of held) {
    const { hold, view } = record;
    if (hold === undefined || hold.escalateAt > Date.now()) continue;
    hold.escalateAt = Date.now() + hold.forMs;
    state.recorder.note('hold.expired', { step: view.id, target: hold.request.target });
    await state.tell(
      `${view.id}/expired/${new Date().toISOString()}`,
      `Still contained: ${record.title ?? view.id}`,
      [`Its time ran out at ${view.holdUntil ?? ''}. It stays contained until a person releases it.`],
      'danger',
      state.policy.escalation,
      true,
    );
  }
}

/** Of an incident that a cancel keeps open: what is held reminds of itself, and this of the rest. */
async function remindOfKept(state: IncidentState): Promise<void> {
  if (!state.kept || state.remindKeptAt > Date.now()) return;
  state.remindKeptAt = Date.now() + state.policy.holdMs;
  state.recorder.note('incident.kept', {});
  await state.tell(
    `kept/${new Date().toISOString()}`,
    `Still open: ${state.input.title}`,
    [
      'It was cancelled with hold. Nothing is held, and what was changed stands.',
      'It stays open until somebody cancels it with stop or undo.',
    ],
    'danger',
    state.policy.escalation,
  );
}
