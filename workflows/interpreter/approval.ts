import type { ActionSignature, Plan, TargetFacts } from '../../domain/action.ts';
import type { Gate, Mode } from '../../domain/decision.ts';
import { effectiveMode } from '../../domain/guardrails.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import type { Answer } from '../gates.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import type { Event } from './core.ts';
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

/** Asks whether a plan's authority is granted. */
export function askFor(state: IncidentState, step: ActionStep, plan: Plan, round: number): Promise<Answer> {
  const approval = step.approve ?? state.policy.approval;
  const signature = state.input.playbook.actions[step.uses];
  const gate: Gate = {
    incident: state.recorder.incident,
    id: round === 1 ? step.id : `${step.id}#${round}`,
    purpose: signature?.effect === 'contain' ? 'contain' : 'change',
    authorities: [plan.authority],
    ...(signature?.holds === true ? { hold: { forMs: step.hold?.forMs ?? state.policy.holdMs } } : {}),
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
    undo: plan.undo.text,
  });
}

/** The last moment at which an answer counts, escalation included. RFC 3339 UTC. */
export function expiry(approval: Gate['approval']): string {
  const windows = approval.otherwise === 'escalate' ? 2 : 1;
  return new Date(Date.now() + approval.withinMs * windows).toISOString();
}

/** Says why nothing is done, and ends the step. */
export async function notApproved(
  state: IncidentState,
  record: StepRecord,
  plan: Plan,
  answer: Exclude<Answer, { answer: 'approved' }>,
): Promise<Event> {
  const denied = answer.answer === 'denied';
  await state.tell(
    `${answer.gate.id}/${answer.answer}`,
    denied ? `Denied: ${plan.description.title}` : `Not decided: ${plan.description.title}`,
    [answer.why, ...plan.description.ifDenied],
    denied ? 'warning' : 'danger',
    denied ? [] : state.policy.escalation,
  );
  state.unanswered ||= answer.answer === 'expired';
  return end(state, record, 'denied', answer.why);
}
