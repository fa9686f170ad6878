import type { Alert, Severity } from './alert.ts';
import type { Applied, Limit, Undone, Verification } from './action.ts';
import type { Gate, Mode, Opening } from './decision.ts';
import type { Approval, Person } from './person.ts';
import type { GuardrailPolicy } from './guardrails.ts';
import type { Digest, JsonObject } from './json.ts';
import type { PublicKey, Signed } from './signature.ts';

/** Frozen when the incident opens: a running incident is judged by the rules it began under. */
export interface Policy {
  people: Person[];
  /** Keys whose signature a decision, command or opening must carry. */
  gatewayKeys: PublicKey[];
  guardrails: GuardrailPolicy;
  /** Used for a changing step whose playbook says nothing, and for releases. */
  approval: Approval;
  release: Approval;
  /** Groups that are called when an approval times out, a step fails or a hold expires; they may then decide as well. */
  escalation: string[];
  /** Slack channel id; empty when Slack is not configured. */
  channel: string;
  /** Hold of a containment whose playbook names none. */
  holdMs: number;
}

/** All that an incident will ever need; P is the resolved playbook of language/run. */
export interface IncidentInput<P = unknown> {
  incident: string;
  /** What alerts about the same thing share; the workflow's id is derived from it. */
  key: string;
  /** Incident id of the closed incident with the same key, when there is one. */
  predecessor?: string;
  title: string;
  severity: Severity;
  mode: Mode;
  alert: Alert | null;
  playbook: P;
  playbookDigest: Digest;
  /** The playbook's file and Git commit when the incident opened. Recorded; nothing depends on it. */
  source?: { file: string; commit?: { id: string; modified: boolean } };
  inputs: JsonObject;
  policy: Policy;
  opening: Signed<Opening>;
  /** Person id: the token's owner for a detector's incident, the person who ran a playbook otherwise. */
  requester: string;
}

export type IncidentStatus =
  'planning' | 'awaiting-approval' | 'acting' | 'holding' | 'taken-over' | 'releasing' | 'closed';

/** How a closed incident ended. */
export type Outcome =
  | 'released'
  | 'completed'
  | 'denied'
  | 'expired'
  | 'refused'
  | 'failed'
  | 'simulated'
  | 'released-outside'
  | 'cancelled';

/**
 * How a step stands. `held`: it contains, until a person releases it; `failed` with `holdUntil`: it may stand in part, and is held as well.
 */
export type StepStatus =
  | 'waiting'
  | 'running'
  | 'skipped'
  | 'simulated'
  | 'done'
  | 'held'
  | 'failed'
  | 'refused'
  | 'denied'
  | 'released'
  /** A later failure undid it. */
  | 'undone'
  /** Stopped by a responder or by its timeout, before it could end by itself. */
  | 'cancelled';

export interface StepView {
  /** Its address: its id, after the loops and children around it, `each[3]/deny`. */
  id: string;
  /** The action, or for another kind of step that kind: `foreach`. */
  action: string;
  /** Absent for an action. */
  kind?: string;
  status: StepStatus;
  why?: string;
  notCovered: Limit[];
  applied?: Pick<Applied, 'already' | 'measures' | 'unavailable' | 'byHand'> & { changes: number };
  verification?: Verification;
  undone?: Undone;
  holdUntil?: string;
}

/** An open question, as anybody may see it. */
export interface GateView {
  gate: Gate;
  digest: Digest;
  /** What the person who decides is told in Slack as well. At most 50 changes; `changeCount` has all. */
  consequences: {
    ifApproved: string[];
    ifDenied: string[];
    changes: string[];
    changeCount: number;
    undo: string;
  };
  decisions: { person: string; verdict: 'approve' | 'deny'; at: string }[];
  escalated: boolean;
}

/** What `GET /v1/incidents/{id}` and the `status` query answer. */
export interface IncidentView {
  incident: string;
  predecessor?: string;
  title: string;
  severity: Severity;
  mode: Mode;
  status: IncidentStatus;
  outcome?: Outcome;
  playbook: { id: string; name: string; version: number; digest: Digest };
  source?: IncidentInput['source'];
  /** What the playbook yielded, once it has ended well. */
  outputs?: JsonObject;
  requester: string;
  openedAt: string;
  closedAt?: string;
  /** Alerts that joined, the first included. */
  alerts: number;
  steps: StepView[];
  /** Steps of loops that ended well and are counted only; absent when none are left out. */
  stepsOmitted?: number;
  /** Questions that are open now. */
  gates: GateView[];
  ledger: { count: number; head: Digest };
}
