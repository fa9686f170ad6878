import type { ActionSignature, Applied, Authority, Mandate, Plan } from '../../domain/action.ts';
import type { Warrant } from '../../domain/decision.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import { refusals } from '../../domain/guardrails.ts';
import { digest, jsonCopy, type JsonObject } from '../../domain/json.ts';
import { condition as holds, ExpressionError, render } from '../../language/run/expression.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import type { HoldRequest } from '../contract.ts';
import { failureOf, patience } from '../patience.ts';
import { Interrupted, scopeOf, type IncidentState, type StepRecord } from '../state.ts';
import { askFor, modeOf, needsGate, notApproved } from './approval.ts';
import { brief } from './brief.ts';
import type { Event, Progress } from './core.ts';
import { conclude, end, fail, failAfterApply } from './ending.ts';

/** How often one step may ask again because the world asked for more than was authorised. */
const maxRounds = 3;

/**
 * Carries out one action: plan, guardrails, approval, hold, apply, verify. What it meets becomes the step's end; a containment that may stand,
 * even in part, is held.
 */
export async function executeAction(
  state: IncidentState,
  step: ActionStep,
  progress: Progress,
): Promise<Event> {
  const record = state.step(step.id);
  const { recorder } = state;
  const signature = state.input.playbook.actions[step.uses];
  if (signature === undefined)
    return end(state, record, 'failed', `the playbook froze no action ${step.uses}`);
  let input: JsonObject;
  try {
    const scope = scopeOf(state, progress);
    if (step.if !== undefined && !holds(step.if, scope)) {
      return end(state, record, 'skipped', 'its condition is false');
    }
    const rendered = render(step.with, scope);
    if (rendered === null || typeof rendered !== 'object' || Array.isArray(rendered)) {
      return end(state, record, 'failed', '`with` is not a map');
    }
    input = rendered;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return end(state, record, 'failed', error.message);
  }
  record.input = input;
  record.signature = signature;

  let why = '';
  for (let round = 1; round <= maxRounds; round += 1) {
    await state.whileTakenOver();
    const outcome = await oneRound(state, step, record, signature, input, round);
    if (outcome.again === undefined) return outcome.event;
    why = outcome.again;
    recorder.note('step.again', { step: step.id, round, why });
  }
  return fail(state, record, {
    type: failureTypes.beyondAuthority,
    message: `asked ${maxRounds} times: ${why}`,
  });
}

type Round = { again: string } | { again: undefined; event: Event };

function finished(event: Event): Round {
  return { again: undefined, event };
}

async function oneRound(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  signature: ActionSignature,
  input: JsonObject,
  round: number,
): Promise<Round> {
  const { recorder, policy } = state;

  let plan: Plan;
  try {
    plan = await recorder.run<Plan>(
      `${step.uses}.plan`,
      { incident: recorder.incident, step: step.id, input },
      patience.verb(signature.timing, 'plan'),
      { kind: 'step.planning', data: { step: step.id, action: step.uses, input, round } },
    );
  } catch (error) {
    return finished(await fail(state, record, failureOf(error)));
  }
  record.plan = plan;
  record.view.notCovered = plan.notCovered;
  recorder.note('step.planned', {
    step: step.id,
    plan: digest(plan),
    full: plan.full.digest,
    snapshot: plan.snapshot.digest,
    authority: jsonCopy(plan.authority),
    facts: jsonCopy(plan.facts),
    changes: plan.changeCount,
    notCovered: plan.notCovered.map(({ code, text, count }) => ({ code, text, count: count ?? 0 })),
  });

  const refused = refusals(policy.guardrails, signature.effect, plan.facts);
  if (refused.length > 0) {
    const why = refused.map(({ code, message }) => `${code}: ${message}`).join('; ');
    await state.tell(
      `${step.id}/refused`,
      `Refused: ${plan.description.title}`,
      [why],
      'danger',
      policy.escalation,
    );
    return finished(end(state, record, 'refused', why));
  }

  const mode = modeOf(state, signature, plan.facts);
  if (mode === 'simulate') {
    state.tellLater(`${step.id}/simulated`, `Simulated: ${plan.description.title}`, brief(plan), 'info');
    return finished(end(state, record, 'simulated', 'the mode is simulate: nothing was changed'));
  }
  const warrant: Warrant = { opening: state.input.opening, decisions: [], automatic: mode === 'automatic' };
  if (mode === 'approve' && needsGate(step, signature)) {
    const answer = await askFor(state, step, plan, round);
    if (answer.answer !== 'approved') return finished(await notApproved(state, record, plan, answer));
    warrant.gate = answer.gate;
    warrant.decisions = answer.decisions;
  }
  await state.whileTakenOver();
  return contain(state, step, record, signature, plan, warrant, round);
}

/** Hold, apply, verify. */
async function contain(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  signature: ActionSignature,
  plan: Plan,
  warrant: Warrant,
  round: number,
): Promise<Round> {
  const { recorder } = state;
  const mandate: Mandate = {
    incident: recorder.incident,
    step: step.id,
    input: record.input ?? {},
    authority: plan.authority,
    base: plan.snapshot,
  };
  record.mandate = mandate;
  if (signature.holds) {
    const forMs = step.hold?.forMs ?? state.policy.holdMs;
    const hold = holdOf(state, step.id, plan.authority);
    const expiresAt = new Date(Date.now() + forMs).toISOString();
    const acquired = await recorder.fixed(
      'holds.acquire',
      { hold, base: plan.snapshot, expiresAt },
      patience.own,
      {
        kind: 'hold.acquiring',
        data: { step: step.id, target: hold.target, until: expiresAt, base: plan.snapshot.digest },
      },
    );
    mandate.base = acquired.base;
    record.hold = { request: hold, forMs, escalateAt: Date.parse(expiresAt) };
    record.view.holdUntil = expiresAt;
    recorder.note('hold.acquired', {
      step: step.id,
      target: hold.target,
      first: acquired.first,
      base: acquired.base.digest,
    });
    if (acquired.first && plan.alreadyHeld === true && round === 1) {
      // Another incident let go between our plan and our hold: what the plan saw is that one's containment, and no base for an undo.
      await state.endHold(record, 'the plan was made while another incident held the target');
      return { again: 'another incident released the target meanwhile' };
    }
  }

  let applied: Applied;
  try {
    applied = await state.mutate(() =>
      recorder.run<Applied>(
        `${step.uses}.apply`,
        { mandate, warrant },
        patience.verb(signature.timing, 'apply'),
        {
          kind: 'step.applying',
          data: {
            step: step.id,
            action: step.uses,
            authority: digest(plan.authority),
            base: mandate.base.digest,
          },
        },
      ),
    );
  } catch (error) {
    if (error instanceof Interrupted) {
      recorder.note('step.interrupted', { step: step.id, why: 'a person took over' });
      await state.whileTakenOver();
      return { again: 'a person took over while it was being applied, and handed back' };
    }
    const failure = failureOf(error);
    if (failure.type === failureTypes.beyondAuthority && round < maxRounds) return { again: failure.message };
    return finished(await failAfterApply(state, record, failure));
  }
  record.view.applied = {
    already: applied.already,
    measures: applied.measures,
    unavailable: applied.unavailable.slice(0, 50),
    changes: applied.changes.length,
    ...(applied.byHand === undefined ? {} : { byHand: applied.byHand }),
  };
  recorder.note('step.applied', {
    step: step.id,
    changes: applied.changes
      .slice(0, 200)
      .map(({ verb, object, before, after }) => jsonCopy({ verb, object, before, after })),
    changeCount: applied.changes.length,
    already: applied.already,
    byHand: applied.byHand ?? '',
    measures: applied.measures,
    artefacts: applied.artefacts.slice(0, 200).map(jsonCopy),
    unavailable: applied.unavailable.slice(0, 50),
    unavailableCount: applied.unavailable.length,
  });
  return finished(await conclude(state, record, applied.outputs));
}

function holdOf(state: IncidentState, step: string, authority: Authority): HoldRequest {
  const target = authority.targets[0];
  return {
    cluster: target?.cluster ?? '',
    target: `${authority.action}:${authority.targets.map(({ kind, uid }) => `${kind}/${uid}`).join('+')}`,
    incident: state.recorder.incident,
    step,
  };
}
