import type { Verification } from '../../domain/action.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import { jsonCopy, type JsonObject } from '../../domain/json.ts';
import { failureOf, patience, type Failure } from '../patience.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import { withoutValue } from '../interpreter/guard.ts';
import type { LeafEnd } from '../interpreter/types.ts';

/** Measures what was applied, and ends the step with what was found. */
export async function conclude(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  outputs: JsonObject,
): Promise<LeafEnd> {
  const verification = await verify(state, record);
  const title = record.title ?? record.view.action;
  const standing = undoable(state, step, record, true);
  if ('type' in verification) return { ...(await fail(state, record, verification)), ...standing };
  const { applied, notCovered } = record.view;
  const lines = [
    ...(applied?.byHand === undefined ? [] : [`Without Firebreak: ${applied.byHand}`]),
    ...verification.claims.map(({ claim, verdict, detail }) => `${verdict}: ${claim} (${detail})`),
    ...notCovered.map(({ text }) => `Not covered: ${text}`),
  ];
  const status = record.hold === undefined ? 'done' : 'held';
  if (verification.verdict === 'failed') {
    if (state.isWorthTelling(record))
      await state.tell(
        `${record.view.id}/unproven`,
        `Not proven: ${title}`,
        lines,
        'danger',
        state.policy.escalation,
        status === 'held',
      );
    return {
      ...end(state, record, 'failed', 'the verification failed', verification.verdict, outputs),
      ...standing,
    };
  }
  if (!record.quiet || status === 'held')
    state.tellLater(
      `${record.view.id}/done`,
      `${title}: ${verification.verdict}`,
      lines,
      verification.verdict === 'unverifiable' ? 'warning' : 'good',
      status === 'held',
    );
  return { ...end(state, record, status, undefined, verification.verdict, outputs), ...standing };
}

/** Notes whether a change stands that a later failure undoes, and whose leave that takes. */
function undoable(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  stands: boolean,
): { applied?: boolean } {
  if (step.undo === 'never' || record.signature?.effect !== 'reversible') return {};
  record.undoable = stands;
  if (step.undo === 'ask') record.undoApproval = step.approve ?? state.policy.approval;
  return { applied: stands };
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
  step: ActionStep,
  record: StepRecord,
  failure: Failure,
  status: 'failed' | 'cancelled' = 'failed',
): Promise<LeafEnd> {
  const found = await verify(state, record);
  const absent = 'type' in found ? found.type === failureTypes.targetGone : found.state === 'absent';
  if (absent && record.hold !== undefined) await state.endHold(record, 'nothing of it stands in the world');
  const standing = undoable(state, step, record, !absent);
  if (status === 'cancelled' && absent)
    return { ...end(state, record, status, failure.message), ...standing };
  return { ...(await fail(state, record, failure, status)), ...standing };
}

/** Calls people, and ends the step as failed. */
export async function fail(
  state: IncidentState,
  record: StepRecord,
  failure: Failure,
  status: 'failed' | 'cancelled' = 'failed',
): Promise<LeafEnd> {
  const why = `${failure.type}: ${failure.message}`;
  if (state.isWorthTelling(record))
    await state.tell(
      `${record.view.id}/failed`,
      `${status === 'failed' ? 'Failed' : 'Stopped'}: ${record.view.id} (${record.view.action})`,
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
  return end(state, record, status, why);
}

/** An expression has no value: a failure, but in a simulation, where nothing has any outputs. */
export function unknown(state: IncidentState, record: StepRecord, why: string): LeafEnd {
  const ended = withoutValue(state.input.mode === 'simulate', why);
  return end(state, record, ended.status, ended.why);
}

/** Notes how a step ended. */
export function end(
  state: IncidentState,
  record: StepRecord,
  status: LeafEnd['status'],
  why?: string,
  verdict = '',
  outputs: JsonObject = {},
): LeafEnd {
  state.recorder.note('step.ended', { step: record.view.id, status, why: why ?? '', verdict });
  return { step: record.view.id, status, verdict, outputs, ...(why === undefined ? {} : { why }) };
}
