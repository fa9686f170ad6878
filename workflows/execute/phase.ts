import { condition } from '@temporalio/workflow';
import type { ActionSignature, Plan } from '../../domain/action.ts';
import type { Gate } from '../../domain/decision.ts';
import { refusals } from '../../domain/guardrails.ts';
import type { ActionStep } from '../../language/run/playbook.ts';
import type { Answer } from '../contract.ts';
import type { Question } from '../gates.ts';
import type { LeafEnd, Member, Phase } from '../interpreter/types.ts';
import { failureOf } from '../patience.ts';
import type { OpenPhase } from '../phases.ts';
import type { IncidentState, StepRecord } from '../state.ts';
import { expiry, modeOf, needsGate, tellNotApproved } from './approval.ts';
import { end } from './ending.ts';
import { inputOf, makePlan } from './plan.ts';

/** Characters of a question: an entry of the ledger takes no more than 64,000 in all. */
const maxGate = 40_000;

interface Planned {
  address: string;
  step: ActionStep;
  signature: ActionSignature;
  plan: Plan;
}

/** What a step may do once its phase was asked about. */
export type Entry =
  /** People agreed to what each of the phase's steps was planned to do. */
  | { granted: Extract<Answer, { answer: 'approved' }> }
  /** They did not: the step has ended. */
  | { ended: LeafEnd }
  /** They were not asked about this step: it goes its own way. */
  | 'alone';

/**
 * Waits for the answer to the question about a step's phase. The first of its steps that begins has all of them planned, and asks. What each then plans
 * when its turn comes must be just what was agreed to, or people are asked about it again.
 */
export async function enterPhase(state: IncidentState, phase: Phase, record: StepRecord): Promise<Entry> {
  const open = state.phases.enter(
    phase.id,
    phase.members.map(({ address }) => address),
  );
  if (open.work === undefined && !open.over) {
    const resumed = open.gate === undefined ? undefined : state.gates.resume(open.gate);
    open.work = (resumed ?? planAndAsk(state, phase, open)).then(
      (answer) => close(state, phase, open, answer),
      (failure: unknown) => (open.failure = failure),
    );
  }
  open.waiting += 1;
  await condition(() => open.over || open.failure !== undefined || record.stopped !== undefined);
  open.waiting -= 1;
  if (open.failure !== undefined) throw open.failure;
  if (record.stopped !== undefined) {
    if (!open.over && open.waiting === 0 && open.gate !== undefined) {
      open.isWithdrawn = true;
      state.gates.withdraw(open.gate, record.stopped);
    }
    return { ended: end(state, record, 'cancelled', record.stopped) };
  }
  const { answer } = open;
  if (answer === undefined || !open.asked.includes(record.view.id)) return 'alone';
  if (answer.answer === 'approved') return { granted: answer };
  if (open.isWithdrawn) return 'alone';
  return { ended: end(state, record, 'denied', answer.why) };
}

/** @returns the answer; undefined when there was nothing to ask about */
async function planAndAsk(state: IncidentState, phase: Phase, open: OpenPhase): Promise<Answer | undefined> {
  const found = await Promise.all(phase.members.map((member) => planMember(state, phase, member)));
  const planned = found.filter((one) => typeof one === 'object');
  const left = found.filter((one) => typeof one === 'string');
  if (planned.length === 0) return undefined;
  const gate = gateOf(state, phase, open, planned);
  // Then each of its steps asks for itself.
  if (JSON.stringify(gate).length > maxGate) return undefined;
  open.gate = gate.id;
  open.asked = planned.map(({ address }) => address);
  return state.ask(gate, questionOf(phase, planned, left));
}

/** A step's plan, or why it is not asked about with the others; undefined when nobody needs to be asked. */
async function planMember(
  state: IncidentState,
  phase: Phase,
  { address, scope, step }: Member,
): Promise<Planned | string | undefined> {
  const signature = state.input.playbook.actions[step.uses];
  if (signature === undefined || !needsGate(step, signature)) return undefined;
  const input = inputOf(step.with, scope);
  if ('why' in input) return `${step.id}: ${input.why}`;
  try {
    const plan = await makePlan(state.recorder, address, signature, input.ok, { round: 0, phase: phase.id });
    const [refused] = refusals(state.policy.guardrails, signature.effect, plan.facts);
    if (refused !== undefined) return `${step.id}: ${refused.code}: ${refused.message}`;
    if (modeOf(state, signature, plan.facts) !== 'approve') return undefined;
    return { address, step, signature, plan };
  } catch (error) {
    const { message, type } = failureOf(error);
    return `${step.id}: ${type}: ${message}`;
  }
}

function gateOf(state: IncidentState, phase: Phase, open: OpenPhase, planned: readonly Planned[]): Gate {
  const approval = planned[0]?.step.approve ?? state.policy.approval;
  const holds = planned.flatMap(({ signature, step }) =>
    signature.holds ? [step.hold?.forMs ?? state.policy.holdMs] : [],
  );
  return {
    incident: state.recorder.incident,
    id: open.times === 1 ? phase.id : `${phase.id}#${open.times}`,
    purpose: planned.every(({ signature }) => signature.effect === 'contain') ? 'contain' : 'change',
    authorities: planned.map(({ plan }) => plan.authority),
    ...(holds.length === 0 ? {} : { hold: { forMs: Math.max(...holds) } }),
    ...(planned.some(isUndone) ? { undo: 'on-failure' as const } : {}),
    approval,
    requester: state.input.requester,
    expiresAt: expiry(approval),
  };
}

function isUndone({ signature, step }: Planned): boolean {
  return step.undo === 'on-failure' && signature.effect === 'reversible';
}

/**
 * What the steps' own questions would say. A message shows only the first lines of each part: those are of different steps, and what every step does comes
 * before what follows from it.
 */
function questionOf(
  { title }: Phase,
  planned: readonly Planned[],
  left: readonly string[],
): Omit<Question, 'severity' | 'playbook' | 'alert' | 'alerts'> {
  const inTurn = (lines: (plan: Plan) => readonly string[]): string[] =>
    interleaved(planned.map(({ step, plan }) => lines(plan).map((line) => `${step.id}: ${line}`)));
  const undone = planned.filter(isUndone).map(({ step }) => step.id);
  const asked = planned.filter(({ step }) => step.undo === 'ask').map(({ step }) => step.id);
  const limits = planned.map(({ step, plan }) =>
    plan.notCovered.map((limit) => ({ ...limit, text: `${step.id}: ${limit.text}` })),
  );
  return {
    title: `${title}: ${planned.length} ${planned.length === 1 ? 'step' : 'steps'}`,
    ifApproved: [
      ...inTurn(({ description }) => [description.title]),
      ...left.map((why) => `Not a part of this question: ${why}`),
      ...inTurn(({ description }) => description.ifApproved),
    ],
    ifDenied: inTurn(({ description }) => description.ifDenied),
    changes: inTurn(({ changes }) => changes.map(({ summary }) => summary)),
    changeCount: planned.reduce((sum, { plan }) => sum + plan.changeCount, 0),
    notCovered: interleaved(limits),
    undo: [
      ...undosOf(planned),
      ...(undone.length === 0 ? [] : [`A later failure undoes ${undone.join(', ')} without asking again.`]),
      ...(asked.length === 0
        ? []
        : [`After a later failure people are asked whether to undo ${asked.join(', ')}.`]),
    ].join(' '),
  };
}

/** Each way of undoing once, after the steps that it is of. */
function undosOf(planned: readonly Planned[]): string[] {
  const steps = new Map<string, string[]>();
  for (const { step, plan } of planned)
    steps.set(plan.undo.text, [...(steps.get(plan.undo.text) ?? []), step.id]);
  return [...steps].map(([text, ids]) => `${ids.join(', ')}: ${text.replace(/\.?$/, '.')}`);
}

/** The first of each list, then the second of each, and so on. */
function interleaved<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => list.slice(index, index + 1)),
  ).flat();
}

/** Keeps the answer, and says once what it means for all of the phase's steps. */
async function close(
  state: IncidentState,
  phase: Phase,
  open: OpenPhase,
  answer: Answer | undefined,
): Promise<void> {
  if (answer !== undefined) open.answer = answer;
  open.over = true;
  if (answer === undefined || answer.answer === 'approved' || open.isWithdrawn) return;
  await tellNotApproved(state, answer, {
    title: phase.title,
    unanswered: 'Not decided',
    consequences: [`Nothing of it is done: ${open.asked.join(', ')}.`],
  });
}
