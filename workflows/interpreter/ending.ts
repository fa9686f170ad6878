import type { Verification } from '../../domain/action.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import { jsonCopy, type JsonObject } from '../../domain/json.ts';
import { failureOf, patience, type Failure } from '../patience.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import type { Event } from './core.ts';

/** Measures what was applied, and ends the step with what was found. */
export async function conclude(
  state: IncidentState,
  record: StepRecord,
  outputs: JsonObject,
): Promise<Event> {
  const verification = await verify(state, record);
  const title = record.plan?.description.title ?? record.view.action;
  if ('type' in verification) return fail(state, record, verification);
  const { applied, notCovered } = record.view;
  const lines = [
    ...(applied?.byHand === undefined ? [] : [`Without Firebreak: ${applied.byHand}`]),
    ...verification.claims.map(({ claim, verdict, detail }) => `${verdict}: ${claim} (${detail})`),
    ...notCovered.map(({ text }) => `Not covered: ${text}`),
  ];
  const status = record.hold === undefined ? 'done' : 'held';
  if (verification.verdict === 'failed') {
    await state.tell(
      `${record.view.id}/unproven`,
      `Not proven: ${title}`,
      lines,
      'danger',
      state.policy.escalation,
      status === 'held',
    );
    return end(state, record, 'failed', 'the verification failed', verification.verdict, outputs);
  }
  state.tellLater(
    `${record.view.id}/done`,
    `${title}: ${verification.verdict}`,
    lines,
    verification.verdict === 'unverifiable' ? 'warning' : 'good',
    status === 'held',
  );
  return end(state, record, status, undefined, verification.verdict, outputs);
}

/** The verdict on a step as the world is now, or why there is none. */
export async function verify(state: IncidentState, record: StepRecord): Promise<Verification | Failure> {
  const { signature, mandate } = record;
  if (signature === undefined || mandate === undefined)
    return { type: 'NotApplied', message: 'it was never applied' };
  try {
    const verification = await state.recorder.run<Verification>(
      `${signature.name}.verify`,
      { mandate },
      patience.verb(signature.timing, 'verify'),
      { kind: 'step.verifying', data: { step: record.view.id } },
    );
    record.view.verification = verification;
    state.recorder.note('step.verified', { step: record.view.id, ...jsonCopy(verification) });
    return verification;
  } catch (error) {
    return failureOf(error);
  }
}

/** A failed apply may have changed something: measure. What does not stand at all is let go of; anything else stays held, and people are called. */
export async function failAfterApply(
  state: IncidentState,
  record: StepRecord,
  failure: Failure,
): Promise<Event> {
  const found = await verify(state, record);
  const absent = 'type' in found ? found.type === failureTypes.targetGone : found.state === 'absent';
  if (absent && record.hold !== undefined) await state.endHold(record, 'nothing of it stands in the world');
  return fail(state, record, failure);
}

/** Calls people, and ends the step as failed. */
export async function fail(state: IncidentState, record: StepRecord, failure: Failure): Promise<Event> {
  const why = `${failure.type}: ${failure.message}`;
  await state.tell(
    `${record.view.id}/failed`,
    `Failed: ${record.view.id} (${record.view.action})`,
    [
      why,
      record.hold === undefined
        ? 'It left nothing in place.'
        : 'It may stand in part, and stays held until a person releases it.',
    ],
    'danger',
    state.policy.escalation,
    record.hold !== undefined,
  );
  return end(state, record, 'failed', why);
}

/** Notes how a step ended. */
export function end(
  state: IncidentState,
  record: StepRecord,
  status: Event['status'],
  why?: string,
  verdict = '',
  outputs: JsonObject = {},
): Event {
  state.recorder.note('step.ended', { step: record.view.id, status, why: why ?? '', verdict });
  return { step: record.view.id, status, verdict, outputs, ...(why === undefined ? {} : { why }) };
}
