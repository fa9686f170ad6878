import { condition } from '@temporalio/workflow';
import { gateDigest, type Decision, type Gate } from '../domain/decision.ts';
import type { GateView, Policy } from '../domain/incident.ts';
import { jsonCopy } from '../domain/json.ts';
import type { Signed } from '../domain/signature.ts';
import { deciders } from './authorise.ts';
import type { GateNotice, GateState, MessageRef } from './contract.ts';
import { attempt, patience } from './patience.ts';
import type { Recorder } from './recorder.ts';

/** What a question says beside the gate itself. */
export type Question = Omit<GateNotice, 'gate' | 'digest' | 'deciders' | 'escalation' | 'requesterName'>;

export type Answer =
  | { answer: 'approved'; gate: Gate; decisions: Signed<Decision>[] }
  | { answer: 'denied' | 'expired' | 'superseded'; gate: Gate; why: string };

interface OpenGate extends GateView {
  signed: Signed<Decision>[];
  superseded?: string;
}

/** The questions of one incident: opened, answered by signed decisions, escalated, and closed when nobody answers. */
export class Gates {
  readonly #open = new Map<string, OpenGate>();
  readonly #recorder: Recorder;
  readonly #policy: Policy;
  /** Message of the first question: what follows is said in its thread. */
  thread: MessageRef = null;

  constructor(recorder: Recorder, policy: Policy) {
    this.#recorder = recorder;
    this.#policy = policy;
  }

  views(): GateView[] {
    return [...this.#open.values()].map(({ gate, digest, decisions, escalated }) => ({
      gate,
      digest,
      decisions,
      escalated,
    }));
  }

  /** Takes a decision that the validator let pass. Synchronous, so that two in one task cannot cross. */
  take(signed: Signed<Decision>): { gate: string; decided: boolean } {
    const decision = signed.payload;
    const open = this.#open.get(decision.gate);
    if (open === undefined) throw new RangeError(`no open gate ${decision.gate}`);
    const { person, verdict, at } = decision;
    open.decisions.push({ person, verdict, at });
    open.signed.push(signed);
    this.#recorder.note('decision.taken', {
      gate: decision.gate,
      digest: decision.digest,
      verdict,
      person,
      reason: decision.reason ?? '',
      via: decision.via,
      at,
      keyId: signed.keyId,
      signature: signed.signature,
    });
    return { gate: decision.gate, decided: decided(open) };
  }

  /** Closes the open questions of some purposes, because `why`. */
  supersede(purposes: readonly Gate['purpose'][], why: string): void {
    for (const open of this.#open.values()) if (purposes.includes(open.gate.purpose)) open.superseded = why;
  }

  /** Asks, and waits for enough persons, a denial or the end. A question that Slack cannot be asked is still open to the API. */
  async ask(gate: Gate, question: Question): Promise<Answer> {
    const digest = gateDigest(gate);
    const open: OpenGate = { gate, digest, decisions: [], escalated: false, signed: [] };
    this.#open.set(gate.id, open);
    this.#recorder.note('gate.opened', { gate: jsonCopy(gate), digest });
    const notice = (): GateNotice => ({
      ...question,
      gate,
      digest,
      deciders: deciders(this.#policy, open).map(({ name }) => name),
      escalation: this.#policy.escalation,
      requesterName: this.#name(gate.requester),
    });
    const posting = attempt(this.#recorder, 'slack.ask', () =>
      this.#recorder.fixed(
        'slack.ask',
        { channel: this.#policy.channel, notice: notice() },
        patience.ask(gate),
        {
          kind: 'notice.asked',
          data: { gate: gate.id },
        },
      ),
    );

    let posted = posting;
    const recorder = this.#recorder;
    const over = () => decided(open) || open.superseded !== undefined || recorder.forked !== undefined;
    let inTime = await condition(over, gate.approval.withinMs);
    if (!inTime && gate.approval.otherwise === 'escalate') {
      open.escalated = true;
      this.#recorder.note('gate.escalated', { gate: gate.id, to: this.#policy.escalation });
      // Beside the wait: with Slack away, an answer that came through the API would not be seen until it is given up.
      posted = this.#escalate(open, posting, notice);
      inTime = await condition(over, Math.max(0, Date.parse(gate.expiresAt) - Date.now()));
    }
    this.#open.delete(gate.id);
    if (recorder.forked !== undefined) throw recorder.forked;
    const answer = this.#answer(open, inTime);
    this.#recorder.note('gate.closed', {
      gate: gate.id,
      digest,
      answer: answer.answer,
      ...(answer.answer === 'approved' ? {} : { why: answer.why }),
    });
    return this.#close(open, answer, posted, notice());
  }

  /** Says that nobody has decided, and calls who may now decide as well. */
  async #escalate(
    open: OpenGate,
    posting: Promise<MessageRef | undefined>,
    notice: () => GateNotice,
  ): Promise<MessageRef | undefined> {
    const { gate } = open;
    const message = (await posting) ?? null;
    // Decided meanwhile: what follows says so.
    if (!this.#open.has(gate.id)) return message;
    await attempt(this.#recorder, 'slack.update', () =>
      this.#recorder.fixed(
        'slack.update',
        { message, notice: notice(), state: this.#state(open, 'escalated') },
        patience.notice,
        { kind: 'notice.updated', data: { gate: gate.id, state: 'escalated' } },
      ),
    );
    await attempt(this.#recorder, 'slack.tell', () =>
      this.#recorder.fixed(
        'slack.tell',
        {
          channel: this.#policy.channel,
          message: this.thread ?? message,
          incident: gate.incident,
          dedupe: `${gate.id}/escalated`,
          title: `Nobody has decided on ${gate.id}`,
          lines: [`Open until ${gate.expiresAt}; after that nothing is changed.`],
          level: 'danger',
          mention: this.#policy.escalation,
          offerRelease: false,
        },
        patience.notice,
        { kind: 'notice.told', data: { about: `${gate.id}/escalated` } },
      ),
    );
    return message;
  }

  #answer(open: OpenGate, inTime: boolean): Answer {
    const { gate } = open;
    const denial = open.signed.find(({ payload }) => payload.verdict === 'deny')?.payload;
    if (denial !== undefined) {
      return {
        answer: 'denied',
        gate,
        why: `${this.#name(denial.person)} denied it: ${denial.reason ?? ''}`,
      };
    }
    if (inTime && approvals(open) >= gate.approval.count)
      return { answer: 'approved', gate, decisions: open.signed };
    if (open.superseded !== undefined) return { answer: 'superseded', gate, why: open.superseded };
    return { answer: 'expired', gate, why: `nobody who may decide did so before ${gate.expiresAt}` };
  }

  /** Updating the message must not hold back the containment that was just approved: it runs beside it. */
  #close(
    open: OpenGate,
    answer: Answer,
    posting: Promise<MessageRef | undefined>,
    notice: GateNotice,
  ): Answer {
    const update = async () => {
      const message = (await posting) ?? null;
      this.thread ??= message;
      await attempt(this.#recorder, 'slack.update', () =>
        this.#recorder.fixed(
          'slack.update',
          { message, notice, state: this.#state(open, answer.answer) },
          patience.notice,
          { kind: 'notice.updated', data: { gate: open.gate.id, state: answer.answer } },
        ),
      );
    };
    this.background.push(update());
    return answer;
  }

  /** What must be over before the ledger can be sealed. */
  readonly background: Promise<void>[] = [];

  #state(open: OpenGate, state: GateState['state']): GateState {
    return {
      state,
      decisions: open.signed.map(({ payload }) => ({
        person: payload.person,
        name: this.#name(payload.person),
        verdict: payload.verdict,
        at: payload.at,
        ...(payload.reason === undefined ? {} : { reason: payload.reason }),
      })),
    };
  }

  #name(person: string): string {
    return this.#policy.people.find(({ id }) => id === person)?.name ?? person;
  }
}

function approvals(open: OpenGate): number {
  return open.decisions.filter(({ verdict }) => verdict === 'approve').length;
}

function decided(open: OpenGate): boolean {
  return (
    approvals(open) >= open.gate.approval.count || open.decisions.some(({ verdict }) => verdict === 'deny')
  );
}
