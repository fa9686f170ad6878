import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { ActionSignature, Mandate, Plan } from '../domain/action.ts';
import { pathOfAddress } from '../domain/address.ts';
import type { Alert } from '../domain/alert.ts';
import type { Gate, Warrant } from '../domain/decision.ts';
import type { Policy, StepStatus, StepView } from '../domain/incident.ts';
import { jsonCopy, type JsonObject } from '../domain/json.ts';
import type { Approval } from '../domain/person.ts';
import type { Step } from '../language/run/playbook.ts';
import type { Answer, Carried, CarriedStep, HoldRequest, IncidentArguments } from './contract.ts';
import { Gates, type Question } from './gates.ts';
import type { Facts } from './interpreter/types.ts';
import { attempt, patience } from './patience.ts';
import { Phases } from './phases.ts';
import { Recorder, type Patience } from './recorder.ts';

/** A hold that this incident has. */
export interface Hold {
  request: HoldRequest;
  forMs: number;
  /** Epoch milliseconds of the next reminder that it still stands. */
  escalateAt: number;
}

/** What the workflow knows of one instance of a step. */
export interface StepRecord {
  view: StepView;
  input?: JsonObject;
  signature?: ActionSignature;
  /** Kept while its question is open. */
  plan?: Plan;
  title?: string;
  undoText?: string;
  mandate?: Mandate;
  warrant?: Warrant;
  hold?: Hold;
  /** Questions it has asked, and the id of the one that is open. */
  asked: number;
  asking?: string;
  /** A change of its stands that a later failure undoes. */
  undoable?: boolean;
  /** Whose leave its undo takes; absent when the change was approved with it. */
  undoApproval?: Approval;
  /** Questions it has asked about that. */
  undosAsked?: number;
  /** Why it is to end at its next boundary. */
  stopped?: string;
  /** The status under which its end is in the ledger, while the interpreter has not acted upon it. */
  noted?: StepStatus;
  /** In a loop: its good end is not told by itself. */
  quiet: boolean;
}

/** Steps of loops that are listed one by one once they have ended well; the others are counted. */
const maxListed = 100;
/** Bad ends of steps in loops that are told one by one. */
const maxTold = 20;

/** A change was stopped, by a takeover or for its step: it ended at one of its boundaries. */
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
  readonly phases: Phases;
  /** Steps whose undo is under way. */
  readonly undoing = new Set<StepRecord>();
  takenOver = false;
  releasing = false;
  closing = false;
  /** Whether a question went unanswered. */
  unanswered: boolean;
  /** A responder cancelled it with `hold`: it stays open until another cancel or a release. */
  kept: boolean;
  /** Epoch milliseconds of the next reminder that it is kept open, for when it holds nothing; Infinity when none is due. */
  remindKeptAt: number;
  /** Nothing more of the playbook begins: it has ended, or was stopped. */
  stopped = false;
  stepsOmitted: number;
  readonly #records: Map<string, StepRecord>;
  #mutations = new Map<CancellationScope, StepRecord>();
  #background = new Set<Promise<unknown>>();
  #listed = 0;
  #told = 0;

  constructor(input: IncidentArguments) {
    const { carried, playbook } = input;
    this.input = input;
    this.policy = input.policy;
    this.recorder = new Recorder(input.incident, carried?.ledger);
    this.gates = new Gates(this.recorder, input.policy, carried?.gates);
    this.phases = new Phases(carried?.phases);
    this.unanswered = carried?.unanswered ?? false;
    this.kept = carried?.kept ?? false;
    this.remindKeptAt = carried?.remindKeptAt ?? Infinity;
    this.stepsOmitted = carried?.stepsOmitted ?? 0;
    const records =
      carried?.steps.map((step) => this.#taken(step)) ??
      playbook.steps.map((step) => recordOf(step.id, step));
    this.#records = new Map(records.map((record) => [record.view.id, record]));
    this.#listed = records.filter(({ view }) => isInLoop(view.id)).length;
  }

  #taken({ action, ...rest }: CarriedStep): StepRecord {
    const signature = action === undefined ? undefined : this.input.playbook.actions[action];
    return { ...rest, quiet: isInLoop(rest.view.id), ...(signature === undefined ? {} : { signature }) };
  }

  /** In the order in which they began; those at the top of the playbook first. */
  get steps(): StepRecord[] {
    return [...this.#records.values()];
  }

  /** The record of an instance, begun with the first question about it. */
  record(address: string, step: Step): StepRecord {
    const known = this.#records.get(address);
    if (known !== undefined) return known;
    const record = recordOf(address, step);
    this.#records.set(address, record);
    return record;
  }

  find(address: string): StepRecord | undefined {
    return this.#records.get(address);
  }

  /** Drops what ended well in a loop and is not needed any more: there may be thousands. */
  retire(record: StepRecord): void {
    const { asking, hold, undoable, view } = record;
    if (asking === undefined) delete record.plan;
    const isNeeded = hold !== undefined || undoable === true || asking !== undefined;
    if (isNeeded || !isInLoop(view.id)) return;
    // A next run carries each record that is left: of what is over, only how it ended.
    for (const key of ['input', 'mandate', 'warrant', 'undoText'] as const) delete record[key];
    if (!['done', 'skipped', 'simulated'].includes(view.status)) return;
    this.#listed += 1;
    if (this.#listed <= maxListed) return;
    this.#records.delete(view.id);
    this.stepsOmitted += 1;
  }

  /** What the next run needs of each step. */
  carry(): Pick<Carried, 'steps' | 'stepsOmitted' | 'unanswered' | 'kept' | 'remindKeptAt' | 'phases'> {
    const phases = this.phases.carry();
    return {
      steps: this.steps.map((record) => {
        const { signature, ...rest } = record;
        const carried: CarriedStep & Partial<StepRecord> = rest;
        delete carried.quiet;
        delete carried.stopped;
        return signature === undefined ? carried : { ...carried, action: signature.name };
      }),
      stepsOmitted: this.stepsOmitted,
      unanswered: this.unanswered,
      kept: this.kept,
      ...(phases.length === 0 ? {} : { phases }),
      ...(this.remindKeptAt === Infinity ? {} : { remindKeptAt: this.remindKeptAt }),
    };
  }

  /** What the playbook's expressions see everywhere. */
  facts(): Facts {
    const { alert, incident, inputs, mode, requester, severity, title } = this.input;
    return {
      inputs,
      alert: alert === null ? {} : jsonCopy(alert),
      incident: { id: incident, title, severity, mode, requester },
    };
  }

  /** Steps whose target this incident holds, oldest first. */
  held(): StepRecord[] {
    return this.steps.filter(({ hold }) => hold !== undefined);
  }

  /** Steps whose changes stand and may be undone, newest first. */
  undoable(): StepRecord[] {
    return this.steps.filter(({ undoable }) => undoable === true).toReversed();
  }

  /** Asks people; the alert and the playbook are added to the question. */
  ask(gate: Gate, question: Omit<Question, 'severity' | 'playbook' | 'alert' | 'alerts'>): Promise<Answer> {
    const { alert, playbook, severity } = this.input;
    return this.gates.ask(gate, {
      ...question,
      severity,
      playbook: namedOf(playbook),
      alert: alert === null ? null : shown(alert),
      alerts: this.alerts,
    });
  }

  /** Distinct alerts that joined, the first included. */
  alerts = 0;

  /**
   * Whether a message offers to cancel: automatic mode asks nothing, so no question does. Not with the end of the last step, after which nothing is
   * left to cancel. `dedupe` begins with the address of the step that the message is about, if there is one.
   */
  #offersCancel(dedupe: string): boolean {
    if (this.kept || this.stopped) return this.kept;
    const { always = [], onFailure = [] } = this.input.playbook;
    const about = dedupe.slice(0, dedupe.lastIndexOf('/'));
    return (
      always.length + onFailure.length > 0 ||
      this.steps.some(({ view: { id, status } }) => id !== about && ['waiting', 'running'].includes(status))
    );
  }

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
          offerCancel: this.#offersCancel(dedupe),
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
    this.inBackground(this.tell(dedupe, title, lines, level, [], offerRelease));
  }

  /** Whether a bad end in a loop is still told; a loop may end badly a thousand times. */
  isWorthTelling({ quiet }: StepRecord): boolean {
    if (!quiet) return true;
    this.#told += 1;
    return this.#told <= maxTold;
  }

  /** Remembers what must be over before the ledger can be sealed. */
  inBackground(work: Promise<unknown>): void {
    const over = work.finally(() => this.#background.delete(over));
    this.#background.add(over);
  }

  /** Runs a change of the world so that it can be stopped. @throws Interrupted when it was */
  async mutate<T>(record: StepRecord, run: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.#mutations.set(scope, record);
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
    for (const scope of this.#mutations.keys()) scope.cancel();
  }

  /** Whether every undo under way only waits for people. */
  get onlyAsksToUndo(): boolean {
    return [...this.undoing].every(({ asking }) => asking !== undefined && this.gates.isOpen(asking));
  }

  /** Ends one step at its next boundary: its question is closed, its change is stopped. */
  stop(record: StepRecord, why: string): void {
    record.stopped = why;
    if (record.asking !== undefined) this.gates.withdraw(record.asking, why);
    for (const [scope, owner] of this.#mutations) if (owner === record) scope.cancel();
  }

  /** Waits for a handback, or until the step is stopped; returns at once when nobody has taken over. */
  async whileTakenOver(record?: StepRecord): Promise<void> {
    await condition(() => !this.takenOver || record?.stopped !== undefined);
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

function recordOf(address: string, step: Step): StepRecord {
  const { kind } = step;
  return {
    view: {
      id: address,
      action: kind === 'action' ? step.uses : kind,
      ...(kind === 'action' ? {} : { kind }),
      status: 'waiting',
      notCovered: [],
    },
    asked: 0,
    quiet: isInLoop(address),
  };
}

function isInLoop(address: string): boolean {
  return address !== pathOfAddress(address);
}

function namedOf({ id, name, version, owner, runbook, references }: IncidentArguments['playbook']) {
  return {
    id,
    name,
    version,
    ...(owner === undefined ? {} : { owner }),
    ...(runbook === undefined ? {} : { runbook }),
    ...(references === undefined ? {} : { references }),
  };
}

function shown(alert: Alert) {
  const { source, rule, summary, cluster, namespace, pod, image, detectedAt } = alert;
  return { source, rule, summary, cluster, namespace, pod, image, detectedAt };
}
