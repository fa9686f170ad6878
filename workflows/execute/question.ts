import type { Gate } from '../../domain/decision.ts';
import type { JsonObject } from '../../domain/json.ts';
import { ExpressionError, render } from '../../language/run/expression.ts';
import type { ApproveStep, AskStep } from '../../language/run/playbook.ts';
import type { Answer } from '../contract.ts';
import { asText } from '../interpreter/outputs.ts';
import type { LeafEnd, Leaf } from '../interpreter/types.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import { expiry, nextGate, notApproved } from './approval.ts';
import { end, unknown } from './ending.ts';

/** Asks people whether to go on, or to fill in a form. Nothing is authorised by it but the way the playbook takes. */
export async function executeQuestion(
  state: IncidentState,
  { step, scope }: Leaf & { step: ApproveStep | AskStep },
  record: StepRecord,
): Promise<LeafEnd> {
  if (state.input.mode === 'simulate')
    return end(state, record, 'simulated', 'the mode is simulate: nobody was asked');
  let answering = record.asking === undefined ? undefined : state.gates.resume(record.asking);
  if (answering === undefined) {
    try {
      answering = ask(state, step, asText(render(step.question, scope)), record);
    } catch (error) {
      if (error instanceof ExpressionError) return unknown(state, record, error.message);
      throw error;
    }
  }
  const answer = await answering;
  delete record.asking;
  if (record.stopped !== undefined) return end(state, record, 'cancelled', record.stopped);
  if (answer.answer === 'approved')
    return end(state, record, 'done', undefined, '', outputsOf(step, answer.decisions));
  return notApproved(state, record, answer, {
    title: record.title ?? record.view.id,
    unanswered: 'Not answered',
  });
}

function outputsOf(
  step: ApproveStep | AskStep,
  decisions: Extract<Answer, { answer: 'approved' }>['decisions'],
): JsonObject {
  if (step.kind === 'approve') return { by: decisions.map(({ payload }) => payload.person) };
  return decisions[0]?.payload.answers ?? {};
}

function ask(
  state: IncidentState,
  step: ApproveStep | AskStep,
  question: string,
  record: StepRecord,
): Promise<Answer> {
  const approval =
    step.kind === 'approve'
      ? step.approve
      : { from: step.from, count: 1, withinMs: step.withinMs, otherwise: 'deny' as const };
  const gate: Gate = {
    incident: state.recorder.incident,
    id: nextGate(record),
    purpose: step.kind === 'approve' ? 'proceed' : 'answer',
    authorities: [],
    question,
    ...(step.kind === 'ask' ? { form: step.fields } : {}),
    approval,
    requester: state.input.requester,
    expiresAt: expiry(approval),
  };
  record.title = question;
  return state.ask(gate, {
    title: question,
    ifApproved:
      step.kind === 'approve' ? ['The playbook goes on.'] : ['The playbook goes on with the answers.'],
    ifDenied: [`The step ${record.view.id} ends as denied, and what needs it is not done.`],
    changes: [],
    changeCount: 0,
    notCovered: [],
    undo: 'Nothing is changed by the answer itself.',
  });
}
