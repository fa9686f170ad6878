import type { ActionSignature, Authority, Plan, TargetFacts } from '../../domain/action.ts';
import type { Gate, Mode } from '../../domain/decision.ts';
import { digest } from '../../domain/json.ts';
import { effectiveMode } from '../../domain/guardrails.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import type { Answer } from '../contract.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import type { LeafEnd } from '../interpreter/types.ts';
import { end } from './ending.ts';

/** The mode that a step really runs in. */
export function modeOf(state: IncidentState, signature: ActionSignature, facts: TargetFacts[]): Mode {
  return effectiveMode(
    state.policy.guardrails,
    state.input.mode,
    state.input.severity,
    signature.effect,
    facts,
  );
}

/** Reading needs nobody's leave, unless the playbook asks for it. */
export function needsGate(step: ActionStep, signature: ActionSignature): boolean {
  return signature.effect !== 'read' || step.approve !== undefined;
}

/** Whether what was approved for an attempt before covers this one: the same authority, while the approval lasts. */
export function stillApproved(gate: Gate, authority: Authority): boolean {
  if (Date.parse(gate.expiresAt) < Date.now()) return false;
  const wanted = digest(authority);
  return gate.authorities.some((approved) => digest(approved) === wanted);
}

/** A gate's id of its own: the step's address, counted when it asks again. */
export function nextGate(record: StepRecord): string {
  record.asked += 1;
  const id = record.asked === 1 ? record.view.id : `${record.view.id}#${record.asked}`;
  record.asking = id;
  return id;
}

/** As `nextGate`, of the question whether to undo it: an action has no steps below it, so nothing else has this id. */
export function nextUndoGate(record: StepRecord): string {
  record.undosAsked = (record.undosAsked ?? 0) + 1;
  const id = `${record.view.id}/undo`;
  record.asking = record.undosAsked === 1 ? id : `${id}#${record.undosAsked}`;
  return record.asking;
}

/** Asks whether a plan's authority is granted. */
export function askFor(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  plan: Plan,
): Promise<Answer> {
  const approval = step.approve ?? state.policy.approval;
  const { signature } = record;
  const undoes = step.undo === 'on-failure' && signature?.effect === 'reversible';
  const gate: Gate = {
    incident: state.recorder.incident,
    id: nextGate(record),
    purpose: signature?.effect === 'contain' ? 'contain' : 'change',
    authorities: [plan.authority],
    ...(signature?.holds === true ? { hold: { forMs: step.hold?.forMs ?? state.policy.holdMs } } : {}),
    ...(undoes ? { undo: 'on-failure' as const } : {}),
    approval,
    requester: state.input.requester,
    expiresAt: expiry(approval),
  };
  return state.ask(gate, {
    title: plan.description.title,
    ifApproved: plan.description.ifApproved,
    ifDenied: plan.description.ifDenied,
    changes: plan.changes.map(({ summary }) => summary),
    changeCount: plan.changeCount,
    notCovered: plan.notCovered,
    undo: undoes
      ? `${plan.undo.text}. A later failure undoes it without asking again.`
      : step.undo === 'ask'
        ? `${plan.undo.text}. After a later failure people are asked whether to.`
        : plan.undo.text,
  });
}

/** The last moment at which an answer counts, escalation included. RFC 3339 UTC. */
export function expiry(approval: Gate['approval']): string {
  const windows = approval.otherwise === 'escalate' ? 2 : 1;
  return new Date(Date.now() + approval.withinMs * windows).toISOString();
}

/** Says why nothing is done, and ends the step. `about` is what was asked for, and what to call it when nobody answered. */
export async function notApproved(
  state: IncidentState,
  record: StepRecord,
  answer: Exclude<Answer, { answer: 'approved' }>,
  about: { title: string; unanswered: 'Not decided' | 'Not answered'; consequences?: string[] },
): Promise<LeafEnd> {
  if (record.stopped !== undefined) return end(state, record, 'cancelled', record.stopped);
  await tellNotApproved(state, answer, about);
  return end(state, record, 'denied', answer.why);
}

/** Says why nothing is done, and whom that calls. */
export async function tellNotApproved(
  state: IncidentState,
  answer: Exclude<Answer, { answer: 'approved' }>,
  about: { title: string; unanswered: 'Not decided' | 'Not answered'; consequences?: string[] },
): Promise<void> {
  const denied = answer.answer === 'denied';
  await state.tell(
    `${answer.gate.id}/${answer.answer}`,
    `${denied ? 'Denied' : about.unanswered}: ${about.title}`,
    [answer.why, ...(about.consequences ?? [])],
    denied ? 'warning' : 'danger',
    denied ? [] : state.policy.escalation,
  );
  state.unanswered ||= answer.answer === 'expired';
}
