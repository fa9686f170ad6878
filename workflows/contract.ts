/**
 * The shape of an incident as others see it: names and arguments of its workflow, Updates, Signals, Queries and activities. No logic, so that the gateway,
 * the worker and the auditor can share it without loading the workflow.
 */
import type { Alert } from '../domain/alert.ts';
import type { Applied, Limit, Mandate, Plan, Undone, Verification } from '../domain/action.ts';
import type { Command, Decision, Gate, Warrant } from '../domain/decision.ts';
import type { EvidenceRef } from '../domain/evidence.ts';
import type { IncidentInput, IncidentView, Outcome, StepStatus, StepView } from '../domain/incident.ts';
import type { Digest, JsonObject } from '../domain/json.ts';
import type { LedgerEntry } from '../domain/ledger.ts';
import type { Approval } from '../domain/person.ts';
import type { Signed } from '../domain/signature.ts';
import type { Playbook } from '../language/run/playbook.ts';

export const incidentWorkflow = 'incident';
export const holdsWorkflow = 'holds';

/** Update: a signed answer to an open gate. Its id is `<gate>/<person>/<verdict>`, the account in Slack and the digest of the answers, so that a redelivery is one decision. */
export const decideUpdate = 'decide';
/** Update: a signed request (release, takeover, handback). Its id is the command's nonce. */
export const commandUpdate = 'command';
/** Signal: further alerts of the same key, batched. */
export const alertsSignal = 'alerts';
/** Memo, `true` from the moment an incident is being sealed: alerts that are signalled later belong to its successor. */
export const closingMemo = 'closing';
/** Query: an IncidentView. */
export const statusQuery = 'status';

export interface IncidentArguments extends IncidentInput<Playbook> {
  /** Present in every run but the first: what the run before hands on. */
  carried?: Carried;
  /** Events after which a run continues as new; the server's suggestion when absent. Tests make it small. */
  continueAfter?: number;
}

/** All that one run of an incident hands on to the next. */
export interface Carried {
  /** Runs before this one. */
  runs: number;
  openedAt: string;
  ledger: { head: Digest; count: number; unstored: LedgerEntry[] };
  alerts: { known: string[]; copies: number; unlisted: number };
  /** The interpreter's own state. */
  interpreter: JsonObject;
  steps: CarriedStep[];
  stepsOmitted: number;
  gates: { open: CarriedGate[]; thread: MessageRef };
  releases: number;
  unanswered: boolean;
  /** A responder cancelled it with `hold`: it stays open. */
  kept: boolean;
  /** Epoch milliseconds of the next reminder that it is kept open while it holds nothing; absent when none is due. */
  remindKeptAt?: number;
  /** A cancel that undoes, while it waits for the playbook to end. */
  cancelUndo?: Signed<Command>;
  /** Absent when no playbook of it has any. */
  phases?: CarriedPhase[];
}

/** One step's record: its view, and what a release, an undo or an answer to come will need. */
export interface CarriedStep {
  view: StepView;
  action?: string;
  input?: JsonObject;
  /** The plan whose question is open. */
  plan?: Plan;
  title?: string;
  undoText?: string;
  mandate?: Mandate;
  warrant?: Warrant;
  hold?: { request: HoldRequest; forMs: number; escalateAt: number };
  /** Questions it has asked, and the one that is open. */
  asked: number;
  asking?: string;
  /** A change of its stands that a later failure undoes. */
  undoable?: boolean;
  /** Whose leave its undo takes; absent when the change was approved with it. */
  undoApproval?: Approval;
  /** Questions it has asked about that. */
  undosAsked?: number;
  /** The status under which its end is in the ledger, while the interpreter has not acted upon it. */
  noted?: StepStatus;
}

/** An open question. */
export interface CarriedGate {
  gate: Gate;
  digest: Digest;
  decisions: { person: string; verdict: 'approve' | 'deny'; at: string }[];
  escalated: boolean;
  signed: Signed<Decision>[];
  question: Omit<GateNotice, 'gate' | 'digest' | 'deciders' | 'escalation' | 'requesterName'>;
  /** Epoch milliseconds. */
  escalateAt: number;
  /** Where it was asked; absent until then. */
  message?: MessageRef;
}
/** How a question was closed. */
export type Answer =
  | { answer: 'approved'; gate: Gate; decisions: Signed<Decision>[] }
  | { answer: 'denied' | 'expired' | 'superseded'; gate: Gate; why: string };

/** A phase, as one run hands it on to the next. */
export interface CarriedPhase {
  id: string;
  /** How often it was asked about: its steps may be tried again. */
  times: number;
  /** Addresses of the steps that the question is about. */
  asked: string[];
  /** Addresses of its steps that have not ended. */
  left: string[];
  /** Id of the question, from when it is asked. */
  gate?: string;
  answer?: Answer;
  /** There is nothing to wait for any more: it was answered, or there was nothing to ask. */
  over: boolean;
}
export type DecideArguments = Signed<Decision>;
export type CommandArguments = Signed<Command>;
export type AlertsArguments = Alert[];
export type StatusResult = IncidentView;

/** What a validator says when it refuses: the ApplicationFailure's `type`. */
export const refusedType = 'Refused';

/** `incident/<16 hex digits of the key's digest>`: Temporal lets one run of an id be open at a time, so a key has one open incident. */
export function incidentWorkflowId(key: Digest): string {
  return `incident/${key.slice('sha256:'.length, 'sha256:'.length + 16)}`;
}

/** An incident's id names its workflow (`inc-<16 hex>-<6 base32>`), so that nothing needs to be looked up to reach it. */
export function workflowIdOf(incident: string): string | undefined {
  const match = /^inc-([0-9a-f]{16})-[a-z2-7]{6}$/.exec(incident);
  return match === null ? undefined : `incident/${match[1]}`;
}

export function holdsWorkflowId(cluster: string): string {
  return `holds/${cluster}`;
}

/**
 * Every activity of an incident carries the ledger entries that are not known to be stored yet, its own intent last, and stores them before
 * it does anything. Its id is `<verb>/<seq>/<hash>` of that last entry.
 */
export interface Recorded {
  entries: LedgerEntry[];
}

/** Activities named `<action>.<verb>`, e.g. `kubernetes.quarantine-namespace.apply`. */
export interface VerbActivities {
  plan: (request: Recorded & { incident: string; step: string; input: JsonObject }) => Promise<Plan>;
  apply: (request: Recorded & { mandate: Mandate; warrant: Warrant }) => Promise<Applied>;
  verify: (request: Recorded & { mandate: Mandate }) => Promise<Verification>;
  undo: (request: Recorded & { mandate: Mandate; warrant: Warrant }) => Promise<Undone>;
}

/** What a person reads when asked or told. Texts from the alert are raw: whoever renders them escapes them. */
export interface GateNotice {
  gate: Gate;
  digest: Digest;
  title: string;
  severity: string;
  playbook: Pick<Playbook, 'id' | 'name' | 'version' | 'owner' | 'runbook' | 'references'>;
  alert: Pick<
    Alert,
    'source' | 'rule' | 'summary' | 'cluster' | 'namespace' | 'pod' | 'image' | 'detectedAt'
  > | null;
  alerts: number;
  ifApproved: string[];
  ifDenied: string[];
  changes: string[];
  changeCount: number;
  notCovered: Limit[];
  undo: string;
  /** Display names of those who may decide. */
  deciders: string[];
  /** Groups that may decide as well once it escalates. */
  escalation: string[];
  requesterName: string;
}

/** How a gate stands, to update its message in place. */
export interface GateState {
  state: 'open' | 'escalated' | 'approved' | 'denied' | 'expired' | 'superseded';
  decisions: {
    person: string;
    name: string;
    verdict: 'approve' | 'deny';
    reason?: string;
    /** A form as it was filled in. */
    answers?: JsonObject;
    at: string;
  }[];
}

/** Where a message was posted; null when Slack is not configured. */
export type MessageRef = { channel: string; ts: string } | null;

export interface NoticeActivities {
  /** Posts the question; posted twice it is still one message. */
  'slack.ask'(request: Recorded & { channel: string; notice: GateNotice }): Promise<MessageRef>;
  /** Brings the question's message up to date. */
  'slack.update'(
    request: Recorded & { message: MessageRef; notice: GateNotice; state: GateState },
  ): Promise<void>;
  /**
   * Tells the channel what happened, in the thread of `message` when there is one; `mention` names groups to call. `dedupe` is unique in the
   * incident: told twice it is still one message.
   */
  'slack.tell'(
    request: Recorded & {
      channel: string;
      message: MessageRef;
      incident: string;
      dedupe: string;
      title: string;
      lines: string[];
      level: 'info' | 'good' | 'warning' | 'danger';
      mention: string[];
      /** Shows a button that asks for this incident's release. */
      offerRelease: boolean;
      /** Shows a button that cancels this incident's playbook. */
      offerCancel?: boolean;
    },
  ): Promise<MessageRef>;
}

/** Which target, for whom and until when. */
export interface HoldRequest {
  cluster: string;
  /** The action's hold key: what it is that is held, e.g. `namespace/<uid>/quarantine`. */
  target: string;
  incident: string;
  step: string;
}

/** What the holds workflow knows of one target. */
export interface HeldTarget {
  base: EvidenceRef;
  holders: { incident: string; step: string; expiresAt: string }[];
  /** The incident that is restoring it now. */
  restoring?: string;
}

/** The holds workflow's input; it continues as new with what it knows. */
export interface HoldsArguments {
  cluster: string;
  targets: { [target: string]: HeldTarget };
  /** Updates in one run; tests make it small. */
  maxUpdates?: number;
}

export const acquireUpdate = 'acquire';
export const letGoUpdate = 'let-go';
export const settleUpdate = 'settle';
export const holdsQuery = 'targets';

/** The base is the first holder's, whoever asks. */
export interface Acquired {
  base: EvidenceRef;
  first: boolean;
}

export interface LetGo {
  last: boolean;
  base: EvidenceRef;
  others: string[];
  /** Incidents whose holds ended with it: they are over, and never let go. */
  ended: string[];
}

export interface HoldActivities {
  /** Answers the base snapshot: the first holder's, taken once. Waits while another incident restores the target. */
  'holds.acquire'(
    request: Recorded & { hold: HoldRequest; base: EvidenceRef; expiresAt: string },
  ): Promise<Acquired>;
  /**
   * `last`: nobody else holds it, and it is this incident's to restore; then `holds.settle` must follow. `base`: what the incident would restore, in
   * case that the holds were lost.
   */
  'holds.let-go'(request: Recorded & { hold: HoldRequest; base: EvidenceRef }): Promise<LetGo>;
  /** After a restore: `restored` ends the hold, otherwise it stays with this incident. */
  'holds.settle'(request: Recorded & { hold: HoldRequest; restored: boolean }): Promise<void>;
}

export interface LedgerActivities {
  /** Stores entries that nothing else carried. */
  'ledger.record'(request: Recorded & { incident: string }): Promise<void>;
  /** Closes the chain: signs the last entry's hash and number, and the digest of the workflow bundle. Runs last; the last entry is its own. */
  'ledger.seal'(
    request: Recorded & { incident: string; outcome: Outcome; view: IncidentView },
  ): Promise<void>;
}

export type FixedActivities = NoticeActivities & HoldActivities & LedgerActivities;

/** What `ledger.seal` signs. */
export interface Seal {
  type: 'firebreak/seal/v1';
  incident: string;
  head: Digest;
  count: number;
  outcome: Outcome;
  /** SHA-256 of the workflow bundle that the worker ran. */
  workflowBundle: Digest;
  /** Keys that signed the decisions: whoever trusts the seal trusts these. */
  gatewayKeys: IncidentInput['policy']['gatewayKeys'];
  workflowId: string;
  runId: string;
  at: string;
}

/** What the exporter signs once a history is closed. */
export interface HistorySeal {
  type: 'firebreak/history/v1';
  incident: string;
  workflowId: string;
  runId: string;
  /** SHA-256 of the history file's bytes. */
  history: Digest;
  events: number;
  at: string;
}
