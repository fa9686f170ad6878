import type { Approval } from './person.ts';
import type { Authority } from './action.ts';
import type { Severity } from './alert.ts';
import { digest, type Digest, type Json, type JsonObject } from './json.ts';
import type { Signed } from './signature.ts';

export const modes = ['simulate', 'approve', 'automatic'] as const;
export type Mode = (typeof modes)[number];

/** A typed value that a person fills in. */
export interface FormField {
  type: 'string' | 'integer' | 'number' | 'boolean';
  title: string;
  default?: Json;
  /** Of a text: its allowed values. */
  oneOf?: string[];
  /** Of a number its value, of a text its length. */
  min?: number;
  max?: number;
}

/**
 * What a person is asked to authorise. Its digest is what a decision binds: one use (the gate's id is used once in an incident), expiring.
 */
export interface Gate {
  incident: string;
  /** Unique in the incident: `quarantine`, `quarantine#2` when asked again, `release`. */
  id: string;
  /**
   * `undo`: to undo a change whose undo is an authority of its own. `proceed`: only whether to go on; `answer`: to fill in a form, which the
   * requester may do as well.
   */
  purpose: 'contain' | 'change' | 'undo' | 'release' | 'proceed' | 'answer';
  authorities: Authority[];
  /** Whether a later failure undoes the change: approved with it, and carried out without asking again. */
  undo?: 'on-failure';
  /** What is asked, when that is no action. */
  question?: string;
  /** What is to be filled in. */
  form?: { [field: string]: FormField };
  /** What a release or an undo restores, by digest; absent for others. */
  base?: Digest[];
  hold?: { forMs: number };
  approval: Approval;
  /** Person id; never a valid approver. */
  requester: string;
  /** RFC 3339 UTC: the last moment at which a decision counts, escalation included. */
  expiresAt: string;
}

/** What an approver signs for: `sha256` of the gate's canonical JSON. */
export function gateDigest(gate: Gate): Digest {
  return digest(gate);
}

/** One person's word on one gate. Signed by the gateway, which authenticated the person. */
export interface Decision {
  type: 'firebreak/decision/v1';
  incident: string;
  gate: string;
  digest: Digest;
  verdict: 'approve' | 'deny';
  person: string;
  /** Required for a denial; plain text, at most 500 characters. */
  reason?: string;
  /** The form as filled in; only for a gate that has one, and then with every field. */
  answers?: JsonObject;
  via: 'slack' | 'api';
  /** RFC 3339 UTC. */
  at: string;
}

/** What becomes of a playbook that a responder cancels: nothing more begins in any case, and no containment is let go of. */
export const cancellations = [
  /** What runs is stopped at its next boundary; what was applied stays. */
  'stop',
  /** As `stop`; then reversible changes are undone, newest first, and a release of the containments is asked for. */
  'undo',
  /** What runs is finished; all stays applied, and the incident open until a person cancels it with `stop` or `undo`, or releases. */
  'hold',
] as const;
export type Cancellation = (typeof cancellations)[number];

/** One person's request that is not an answer to a gate. */
export interface Command {
  type: 'firebreak/command/v1';
  incident: string;
  command: 'release' | 'takeover' | 'handback' | 'cancel';
  /** Of a cancel. */
  then?: Cancellation;
  person: string;
  reason: string;
  via: 'slack' | 'api';
  at: string;
  /** Distinguishes two requests of one person; the Update's id. */
  nonce: string;
}

/** The gateway's word that an incident was opened through it, with this playbook in this mode. `apply` refuses without. */
export interface Opening {
  type: 'firebreak/opening/v1';
  incident: string;
  playbook: Digest;
  inputs: Digest;
  mode: Mode;
  severity: Severity;
  requester: string;
  /** Where the alert was seen: automatic mode reaches nowhere else. Absent when a person opened it. */
  about?: { cluster: string; namespace: string };
  /** Who must agree to each step, by its path in the playbook, and to a release: a history cannot ask for less. */
  approvals: { [step: string]: Approval };
  release: Approval;
  at: string;
}

/** What an activity checks, by itself, before it changes anything: a history that somebody wrote by hand changes nothing. */
export interface Warrant {
  opening: Signed<Opening>;
  /** Absent when the step runs in automatic mode. */
  gate?: Gate;
  decisions: Signed<Decision>[];
  /** For a release: who asked for it. */
  request?: Signed<Command>;
  /** True when the guardrails let this step run without a person: the opening must say `automatic`. */
  automatic: boolean;
}
