import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { ActionSignature, Mandate, Plan } from '../domain/action.ts';
import type { Alert } from '../domain/alert.ts';
import type { Gate } from '../domain/decision.ts';
import type { Policy, StepView } from '../domain/incident.ts';
import { jsonCopy, type JsonObject } from '../domain/json.ts';
import type { Scope } from '../language/run/playbook.ts';
import type { HoldRequest, IncidentArguments } from './contract.ts';
import { Gates, type Answer, type Question } from './gates.ts';
import { stepsScope, type Progress } from './interpreter/core.ts';
import { attempt, patience } from './patience.ts';
import { Recorder, type Patience } from './recorder.ts';

/** A hold that this incident has. */
export interface Hold {
  request: HoldRequest;
  forMs: number;
  /** Epoch milliseconds of the next reminder that it still stands. */
  escalateAt: number;
}

/** What the workflow knows of one step. */
export interface StepRecord {
  view: StepView;
  input?: JsonObject;
  signature?: ActionSignature;
  plan?: Plan;
  mandate?: Mandate;
  hold?: Hold;
}

/** A change was stopped by a takeover: it ended at one of its boundaries. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

type Level = 'info' | 'good' | 'warning' | 'danger';

/** Everything one incident knows while it runs, and the few things that all of its parts do. */
export class IncidentState {
  readonly input: IncidentArguments;
  readonly policy: Policy;
  readonly recorder: Recorder;
  readonly gates: Gates;
  readonly steps: StepRecord[];
  takenOver = false;
  releasing = false;
  closing = false;
  /** Whether a question went unanswered. */
  unanswered = false;
  #mutations = new Set<CancellationScope>();
  #background: Promise<unknown>[] = [];

  constructor(input: IncidentArguments) {
    this.input = input;
    this.policy = input.policy;
    this.recorder = new Recorder(input.incident);
    this.gates = new Gates(this.recorder, input.policy);
    this.steps = input.playbook.steps.map(({ id, uses }) => ({
      view: { id, action: uses, status: 'waiting', notCovered: [] },
    }));
  }

  /** @throws RangeError for a step that the playbook does not have */
  step(id: string): StepRecord {
    const record = this.steps.find(({ view }) => view.id === id);
    if (record === undefined) throw new RangeError(`no step ${id}`);
    return record;
  }

  /** Steps whose target this incident holds, oldest first. */
  held(): StepRecord[] {
    return this.steps.filter(({ hold }) => hold !== undefined);
  }

  /** Asks people; the alert and the playbook are added to the question. */
  ask(gate: Gate, question: Omit<Question, 'severity' | 'playbook' | 'alert' | 'alerts'>): Promise<Answer> {
    const { alert, playbook, severity } = this.input;
    return this.gates.ask(gate, {
      ...question,
      severity,
      playbook: { id: playbook.id, name: playbook.name, version: playbook.version },
      alert: alert === null ? null : shown(alert),
      alerts: this.alerts,
    });
  }

  /** Distinct alerts that joined, the first included. */
  alerts = 0;

  /** Tells the channel, and waits until it is said or given up. */
  async tell(
    dedupe: string,
    title: string,
    lines: string[],
    level: Level,
    mention: string[] = [],
    offerRelease = false,
    within: Patience = patience.notice,
  ): Promise<void> {
    await attempt(this.recorder, 'slack.tell', () =>
      this.recorder.fixed(
        'slack.tell',
        {
          channel: this.policy.channel,
          message: this.gates.thread,
          incident: this.recorder.incident,
          dedupe,
          title,
          lines,
          level,
          mention,
          offerRelease,
        },
        within,
        { kind: 'notice.told', data: { about: dedupe } },
      ),
    );
  }

  /** The last word. An alert that comes now waits for the successor, so it is not tried for long. */
  tellClosing(title: string, lines: string[], level: Level): Promise<void> {
    return this.tell('closed', title, lines, level, [], false, patience.lastNotice);
  }

  /** As `tell`, without holding up what comes next. */
  tellLater(dedupe: string, title: string, lines: string[], level: Level, offerRelease = false): void {
    this.#background.push(this.tell(dedupe, title, lines, level, [], offerRelease));
  }

  /** Runs a change of the world so that a takeover can stop it. @throws Interrupted when one did */
  async mutate<T>(run: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.#mutations.add(scope);
    try {
      return await scope.run(run);
    } catch (error) {
      // Only our own scope: a cancelled workflow is cancelled.
      if (isCancellation(error) && !CancellationScope.current().consideredCancelled) throw new Interrupted();
      throw error;
    } finally {
      this.#mutations.delete(scope);
    }
  }

  /** Waits until every change that was stopped has really ended. */
  async mutationsEnded(): Promise<void> {
    await condition(() => this.#mutations.size === 0);
  }

  /** Stops every change under way; each ends at its next boundary. */
  stopMutations(): void {
    for (const scope of this.#mutations) scope.cancel();
  }

  /** Waits for a handback; returns at once when nobody has taken over. */
  async whileTakenOver(): Promise<void> {
    await condition(() => !this.takenOver);
  }

  /** Ends a hold without restoring anything, because nothing of it stands. */
  async endHold(record: StepRecord, why: string): Promise<void> {
    const { hold, mandate } = record;
    if (hold === undefined || mandate === undefined) return;
    const data = { step: record.view.id, target: hold.request.target, why };
    const { last } = await this.recorder.fixed(
      'holds.let-go',
      { hold: hold.request, base: mandate.base },
      patience.own,
      {
        kind: 'hold.letting-go',
        data,
      },
    );
    if (last) {
      await this.recorder.fixed('holds.settle', { hold: hold.request, restored: true }, patience.own, {
        kind: 'hold.settling',
        data,
      });
    }
    delete record.hold;
    delete record.view.holdUntil;
    this.recorder.note('hold.ended', data);
  }

  /** Waits for messages that were sent beside the work. */
  async finishBackground(): Promise<void> {
    await Promise.all(this.gates.background);
    await Promise.all(this.#background);
  }
}

/** What expressions can see at this point. */
export function scopeOf(state: IncidentState, progress: Progress): Scope {
  const { input } = state;
  return {
    inputs: input.inputs,
    alert: input.alert === null ? {} : jsonCopy(input.alert),
    incident: {
      id: input.incident,
      title: input.title,
      severity: input.severity,
      mode: input.mode,
      requester: input.requester,
    },
    steps: stepsScope(progress),
  };
}

function shown(alert: Alert) {
  const { source, rule, summary, cluster, namespace, pod, image, detectedAt } = alert;
  return { source, rule, summary, cluster, namespace, pod, image, detectedAt };
}
