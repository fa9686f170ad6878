import { cancellations, type Command, type Decision } from '../domain/decision.ts';
import { answersProblem } from '../domain/form.ts';
import type { GateView, Policy } from '../domain/incident.ts';
import type { Person } from '../domain/person.ts';
import { verifySigned, type Signed } from '../domain/signature.ts';

/** How far a gateway's clock may be from the server's. */
export const clockSkewMs = 5 * 60_000;

/** A refusal: a numbered code and a sentence for the person. */
export interface Refused {
  code: string;
  message: string;
}

function refused(code: string, message: string): Refused {
  return { code, message };
}

/** The groups that may answer a gate now. */
function deciderGroups(policy: Policy, view: Pick<GateView, 'gate' | 'escalated'>): string[] {
  return view.escalated ? [...view.gate.approval.from, ...policy.escalation] : view.gate.approval.from;
}

/** Nobody decides on what they asked for; a form grants nothing, so anybody who knows may fill it in. */
function mayBe(person: string, { gate }: Pick<GateView, 'gate'>): boolean {
  return gate.purpose === 'answer' || person !== gate.requester;
}

/** The people who may answer a gate now. */
export function deciders(policy: Policy, view: Pick<GateView, 'gate' | 'escalated'>): Person[] {
  const groups = deciderGroups(policy, view);
  return policy.people.filter(
    (person) => mayBe(person.id, view) && person.groups.some((group) => groups.includes(group)),
  );
}

/**
 * Why a decision does not count; undefined when it does. Pure and synchronous: it is the Update's validator, and a refused Update leaves no
 * trace in the history (the gateway's access log has it).
 */
export function decisionProblem(
  signed: Signed<Decision>,
  incident: string,
  policy: Policy,
  gates: readonly GateView[],
  now: number,
): Refused | undefined {
  if (!verifySigned(signed, 'firebreak/decision/v1', policy.gatewayKeys)) {
    return refused(
      'FB4001',
      'the decision carries no valid signature of the gateway: decide in Slack or through the API',
    );
  }
  const decision = signed.payload;
  if (decision.incident !== incident) return refused('FB4002', 'the decision is about another incident');
  const view = gates.find(({ gate }) => gate.id === decision.gate);
  if (view === undefined)
    return refused('FB4003', 'this question is not open: it was answered, has expired or was replaced');
  if (decision.digest !== view.digest) {
    return refused(
      'FB4004',
      'what was shown is not what is asked now: read the current question and decide on that',
    );
  }
  if (now > Date.parse(view.gate.expiresAt)) return refused('FB4005', 'this question has expired');
  if (!(Math.abs(now - Date.parse(decision.at)) <= clockSkewMs)) {
    return refused('FB4006', `the decision is dated ${decision.at}, too far from now`);
  }
  if (!mayBe(decision.person, view)) {
    return refused('FB4007', 'who asked for it cannot decide on it: somebody else must');
  }
  if (!deciders(policy, view).some(({ id }) => id === decision.person)) {
    return refused('FB4008', `only ${deciderGroups(policy, view).join(', ')} may decide on this`);
  }
  if (view.decisions.some(({ person }) => person === decision.person)) {
    return refused('FB4009', 'you have decided on this already: one voice a person');
  }
  return contentProblem(decision, view.gate.form);
}

/** Why what a decision says besides its verdict does not count. A form is answered in full, and nothing else is answered. */
export function contentProblem(
  { verdict, answers, reason }: Decision,
  form: GateView['gate']['form'],
): Refused | undefined {
  if (verdict === 'deny' && (reason ?? '').trim() === '') {
    return refused('FB4010', 'a denial needs a reason: set `reason`');
  }
  if (form === undefined || verdict === 'deny') {
    return answers === undefined
      ? undefined
      : refused('FB4020', 'this is no answer to a form: leave out `answers`');
  }
  if (answers === undefined) return refused('FB4020', 'fill in the form: set `answers`');
  const problem = answersProblem(form, answers);
  return problem === undefined
    ? undefined
    : refused('FB4020', `answers.${problem.field}: ${problem.message}`);
}

/** Why a command does not count; undefined when it does. */
export function commandProblem(
  signed: Signed<Command>,
  incident: string,
  policy: Policy,
  state: { held: number; releasing: boolean; takenOver: boolean; closing: boolean; cancellable: boolean },
  now: number,
): Refused | undefined {
  if (!verifySigned(signed, 'firebreak/command/v1', policy.gatewayKeys)) {
    return refused(
      'FB4001',
      'the request carries no valid signature of the gateway: ask in Slack or through the API',
    );
  }
  const { command, person, at, reason } = signed.payload;
  if (signed.payload.incident !== incident) return refused('FB4002', 'the request is about another incident');
  if (!(Math.abs(now - Date.parse(at)) <= clockSkewMs)) {
    return refused('FB4006', `the request is dated ${at}, too far from now`);
  }
  const groups = [...policy.approval.from, ...policy.release.from, ...policy.escalation];
  const known = policy.people.find(({ id }) => id === person);
  if (known === undefined || !known.groups.some((group) => groups.includes(group))) {
    return refused('FB4011', `only ${[...new Set(groups)].join(', ')} may ask for this`);
  }
  if (reason.trim() === '') return refused('FB4012', 'say why: set `reason`');
  if (state.closing) return refused('FB4013', 'the incident is closing');
  switch (command) {
    case 'release':
      if (state.held === 0) return refused('FB4014', 'nothing is held: there is nothing to release');
      if (state.releasing) return refused('FB4015', 'a release is being decided or carried out already');
      if (state.takenOver)
        return refused('FB4016', 'a person has taken over: hand back first, or release by hand');
      return undefined;
    case 'takeover':
      return state.takenOver ? refused('FB4017', 'a person has taken over already') : undefined;
    case 'handback':
      if (state.takenOver) return undefined;
      // After a release by hand nobody may have been there to take over first: what is held may be looked at.
      if (state.releasing) return refused('FB4015', 'a release is being decided or carried out already');
      return state.held > 0 ? undefined : refused('FB4018', 'nobody has taken over, and nothing is held');
    case 'cancel':
      if (!cancellations.some((known) => known === signed.payload.then))
        return refused(
          'FB4021',
          `say what becomes of it: set \`then\` to one of ${cancellations.join(', ')}`,
        );
      if (state.takenOver) return refused('FB4016', 'a person has taken over: hand back first');
      return state.cancellable
        ? undefined
        : refused('FB4022', 'the playbook has ended: there is nothing to cancel');
    default:
      return refused('FB4019', 'unknown command: use release, takeover, handback or cancel');
  }
}
