import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { gateDigest, type Decision, type Gate } from '../domain/decision.ts';
import type { GateView, Policy } from '../domain/incident.ts';
import { jsonCopy } from '../domain/json.ts';
import type { Signed } from '../domain/signature.ts';
import { deciders } from './authorise.ts';
import type { Answer, Carried, CarriedGate, GateNotice, GateState, MessageRef } from './contract.ts';
import { attempt, patience } from './patience.ts';
import type { Recorder } from './recorder.ts';

/** What a question says beside the gate itself. */
export type Question = CarriedGate['question'];

interface OpenGate extends CarriedGate {
  superseded?: string;
}

/** The questions of one incident: opened, answered by signed decisions, escalated, and closed when nobody answers. */
export class Gates {
  readonly #open: Map<string, OpenGate>;
  readonly #recorder: Recorder;
  readonly #policy: Policy;
  readonly #posting = new Set<CancellationScope>();
  /** Message of the first question: what follows is said in its thread. */
  thread: MessageRef;

  constructor(recorder: Recorder, policy: Policy, carried?: Carried['gates']) {
    this.#recorder = recorder;
    this.#policy = policy;
    this.#open = new Map((carried?.open ?? []).map((open) => [open.gate.id, open]));
    this.thread = carried?.thread ?? null;
  }

  carry(): Carried['gates'] {
    return { open: [...this.#open.values()], thread: this.thread };
  }

  /** Gives up what is still being posted: a question that was not is posted by the next run. */
  abandonPosts(): void {
    for (const scope of this.#posting) scope.cancel();
  }

  views(): GateView[] {
    return [...this.#open.values()].map(({ gate, digest, question, decisions, escalated }) => ({
      gate,
      digest,
      consequences: {
        ifApproved: question.ifApproved,
        ifDenied: question.ifDenied,
        changes: question.changes,
        changeCount: question.changeCount,
        undo: question.undo,
      },
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
      ...(decision.answers === undefined ? {} : { answers: decision.answers }),
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

  /** Closes the open questions of the playbook, which are all but a release's, because `why`. */
  supersedePlaybook(why: string): void {
    this.supersede(['contain', 'change', 'undo', 'proceed', 'answer'], why);
  }

  /** Closes one open question, because `why`. */
  withdraw(id: string, why: string): void {
    const open = this.#open.get(id);
    if (open !== undefined) open.superseded = why;
  }

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** Goes on waiting for the answer to a question that a run before this one asked; undefined when there is none. */
  resume(id: string): Promise<Answer> | undefined {
    const open = this.#open.get(id);
    return open === undefined ? undefined : this.#wait(open);
  }

  /** Asks, and waits for enough persons, a denial or the end. A question that Slack cannot be asked is still open to the API. */
  async ask(gate: Gate, question: Question): Promise<Answer> {
    const digest = gateDigest(gate);
    const open: OpenGate = {
      gate,
      digest,
      decisions: [],
      escalated: false,
      signed: [],
      question,
      escalateAt: Date.now() + gate.approval.withinMs,
    };
    this.#open.set(gate.id, open);
    this.#recorder.note('gate.opened', { gate: jsonCopy(gate), digest });
    return this.#wait(open);
  }

  async #wait(open: OpenGate): Promise<Answer> {
    const { gate, digest } = open;
    const notice = (): GateNotice => ({
      ...open.question,
      gate,
      digest,
      deciders: deciders(this.#policy, open).map(({ name }) => name),
      escalation: this.#policy.escalation,
      requesterName: this.#name(gate.requester),
    });
    const posting = open.message === undefined ? this.#post(open, notice()) : Promise.resolve(open.message);

    let posted = posting;
    const recorder = this.#recorder;
    const over = () => decided(open) || open.superseded !== undefined || recorder.forked !== undefined;
    let inTime = !open.escalated && (await condition(over, Math.max(0, open.escalateAt - Date.now())));
    if (!inTime && gate.approval.otherwise === 'escalate') {
      if (!open.escalated) {
        open.escalated = true;
        this.#recorder.note('gate.escalated', { gate: gate.id, to: this.#policy.escalation });
        // Beside the wait: with Slack away, an answer that came through the API would not be seen until it is given up.
        posted = this.#escalate(open, posting, notice);
      }
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

  async #post(open: OpenGate, notice: GateNotice): Promise<MessageRef | undefined> {
    const { gate } = open;
    const scope = new CancellationScope();
    this.#posting.add(scope);
    try {
      const message = await scope.run(() =>
        attempt(this.#recorder, 'slack.ask', () =>
          this.#recorder.fixed('slack.ask', { channel: this.#policy.channel, notice }, patience.ask(gate), {
            kind: 'notice.asked',
            data: { gate: gate.id },
          }),
        ),
      );
      open.message = message ?? null;
      return message;
    } catch (error) {
      if (isCancellation(error)) return undefined;
      throw error;
    } finally {
      this.#posting.delete(scope);
    }
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
        ...(payload.answers === undefined ? {} : { answers: payload.answers }),
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
