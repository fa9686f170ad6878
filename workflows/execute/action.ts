import type { ActionSignature, Applied, Authority, Mandate, Plan } from '../../domain/action.ts';
import type { Warrant } from '../../domain/decision.ts';
import { failureTypes } from '../../domain/failure-types.ts';
import { refusals } from '../../domain/guardrails.ts';
import { digest, jsonCopy } from '../../domain/json.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import type { Answer, HoldRequest } from '../contract.ts';
import type { LeafEnd, Leaf, Phase } from '../interpreter/types.ts';
import { failureOf, patience } from '../patience.ts';
import { Interrupted, type IncidentState, type StepRecord } from '../state.ts';
import { askFor, modeOf, needsGate, notApproved, stillApproved } from './approval.ts';
import { brief } from './brief.ts';
import { conclude, end, fail, failAfterApply, unknown } from './ending.ts';
import { enterPhase } from './phase.ts';
import { inputOf, makePlan } from './plan.ts';

/** How often one attempt may ask again because the world asked for more than was authorised. */
const maxRounds = 3;

/**
 * Carries out one action: plan, guardrails, approval, hold, apply, verify. What it meets becomes the step's end; a containment that may stand,
 * even in part, is held.
 */
export async function executeAction(
  state: IncidentState,
  leaf: Leaf & { step: ActionStep },
  record: StepRecord,
): Promise<LeafEnd> {
  const { phase, step, scope } = leaf;
  const { recorder } = state;
  const signature = state.input.playbook.actions[step.uses];
  if (signature === undefined)
    return end(state, record, 'failed', `the playbook froze no action ${step.uses}`);
  record.signature = signature;
  const asked = record.asking === undefined ? undefined : state.gates.resume(record.asking);
  if (asked === undefined) {
    const input = inputOf(step.with, scope);
    if ('why' in input) return unknown(state, record, input.why);
    record.input = input.ok;
  }

  let why = '';
  for (let round = 1; round <= maxRounds; round += 1) {
    await state.whileTakenOver(record);
    const first = round === 1 ? { asked, phase } : {};
    const outcome = await oneRound(state, step, record, signature, round, first);
    if (outcome.again === undefined) return outcome.event;
    why = outcome.again;
    recorder.note('step.again', { step: record.view.id, round, why });
  }
  return fail(state, record, {
    type: failureTypes.beyondAuthority,
    message: `asked ${maxRounds} times: ${why}`,
  });
}

type Round = { again: string } | { again: undefined; event: LeafEnd };

function finished(event: LeafEnd): Round {
  return { again: undefined, event };
}

async function oneRound(
  state: IncidentState,
  step: ActionStep,
  record: StepRecord,
  signature: ActionSignature,
  round: number,
  { asked, phase }: { asked?: Promise<Answer> | undefined; phase?: Phase | undefined },
): Promise<Round> {
  if (record.stopped !== undefined) return finished(end(state, record, 'cancelled', record.stopped));
  // A further attempt goes on under its approval; within an attempt, what asks again has a reason to.
  let before: Pick<Warrant, 'gate' | 'decisions'> | undefined = round === 1 ? record.warrant : undefined;
  const isJoint = phase !== undefined && before === undefined && asked === undefined;
  if (isJoint && state.input.mode !== 'simulate') {
    const entry = await enterPhase(state, phase, record);
    if (entry !== 'alone' && 'ended' in entry) return finished(entry.ended);
    if (entry !== 'alone') before = entry.granted;
    await state.whileTakenOver(record);
    if (record.stopped !== undefined) return finished(end(state, record, 'cancelled', record.stopped));
  }
  let plan = record.plan;
  let answering = asked;
  const warrant: Warrant = { opening: state.input.opening, decisions: [], automatic: false };
  if (plan === undefined || answering === undefined) {
    const planned = await planStep(state, record, signature, round);
    if ('event' in planned) return finished(planned.event);
    plan = planned.plan;
    warrant.automatic = planned.automatic;
    if (!planned.automatic && needsGate(step, signature)) {
      if (before?.gate !== undefined && stillApproved(before.gate, plan.authority)) {
        warrant.gate = before.gate;
        warrant.decisions = before.decisions;
      } else answering = askFor(state, step, record, plan);
    }
  }
  if (answering !== undefined) {
    const answer = await answering;
    delete record.asking;
    if (answer.answer !== 'approved') {
      const { title, ifDenied: consequences } = plan.description;
      return finished(
        await notApproved(state, record, answer, { title, unanswered: 'Not decided', consequences }),
      );
    }
    warrant.gate = answer.gate;
    warrant.decisions = answer.decisions;
  }
  record.warrant = warrant;
  await state.whileTakenOver(record);
  if (record.stopped !== undefined) return finished(end(state, record, 'cancelled', record.stopped));
  return contain(state, step, record, signature, plan, warrant, round);
}

/** Plans, and judges the plan. */
async function planStep(
  state: IncidentState,
  record: StepRecord,
  signature: ActionSignature,
  round: number,
): Promise<{ event: LeafEnd } | { plan: Plan; automatic: boolean }> {
  const { policy } = state;
  const { id } = record.view;
  let plan: Plan;
  try {
    plan = await makePlan(state.recorder, id, signature, record.input ?? {}, { round });
  } catch (error) {
    return { event: await fail(state, record, failureOf(error)) };
  }
  record.plan = plan;
  record.title = plan.description.title;
  record.undoText = plan.undo.text;
  record.view.notCovered = plan.notCovered;

  const refused = refusals(policy.guardrails, signature.effect, plan.facts);
  if (refused.length > 0) {
    const why = refused.map(({ code, message }) => `${code}: ${message}`).join('; ');
    if (state.isWorthTelling(record))
      await state.tell(
        `${id}/refused`,
        `Refused: ${plan.description.title}`,
        [why],
        'danger',
        policy.escalation,
      );
    return { event: end(state, record, 'refused', why) };
  }
  const mode = modeOf(state, signature, plan.facts);
  if (mode === 'simulate') {
    if (state.isWorthTelling(record))
      state.tellLater(`${id}/simulated`, `Simulated: ${plan.description.title}`, brief(plan), 'info');
    return { event: end(state, record, 'simulated', 'the mode is simulate: nothing was changed') };
  }
  return { plan, automatic: mode === 'automatic' };
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
  const { id } = record.view;
  const mandate: Mandate = {
    incident: recorder.incident,
    step: id,
    input: record.input ?? {},
    authority: plan.authority,
    base: plan.snapshot,
  };
  record.mandate = mandate;
  if (signature.holds) {
    const forMs = step.hold?.forMs ?? state.policy.holdMs;
    const hold = holdOf(state, id, plan.authority);
    const expiresAt = new Date(Date.now() + forMs).toISOString();
    const acquired = await recorder.fixed(
      'holds.acquire',
      { hold, base: plan.snapshot, expiresAt },
      patience.own,
      {
        kind: 'hold.acquiring',
        data: { step: id, target: hold.target, until: expiresAt, base: plan.snapshot.digest },
      },
    );
    mandate.base = acquired.base;
    record.hold = { request: hold, forMs, escalateAt: Date.parse(expiresAt) };
    record.view.holdUntil = expiresAt;
    recorder.note('hold.acquired', {
      step: id,
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
    applied = await state.mutate(record, () =>
      recorder.run<Applied>(
        `${step.uses}.apply`,
        { mandate, warrant },
        patience.verb(signature.timing, 'apply'),
        {
          kind: 'step.applying',
          data: {
            step: id,
            action: step.uses,
            authority: digest(plan.authority),
            base: mandate.base.digest,
          },
        },
      ),
    );
  } catch (error) {
    if (error instanceof Interrupted && record.stopped !== undefined)
      return finished(
        await failAfterApply(state, step, record, { type: 'Stopped', message: record.stopped }, 'cancelled'),
      );
    if (error instanceof Interrupted) {
      recorder.note('step.interrupted', { step: id, why: 'a person took over' });
      await state.whileTakenOver(record);
      return { again: 'a person took over while it was being applied, and handed back' };
    }
    const failure = failureOf(error);
    if (failure.type === failureTypes.beyondAuthority && round < maxRounds) return { again: failure.message };
    return finished(await failAfterApply(state, step, record, failure));
  }
  record.view.applied = {
    already: applied.already,
    measures: applied.measures,
    unavailable: applied.unavailable.slice(0, 50),
    changes: applied.changes.length,
    ...(applied.byHand === undefined ? {} : { byHand: applied.byHand }),
  };
  recorder.note('step.applied', {
    step: id,
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
  return finished(await conclude(state, step, record, applied.outputs));
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
