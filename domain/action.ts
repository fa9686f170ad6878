import type { z } from 'zod';
import type { EvidenceRef, EvidenceStore } from './evidence.ts';
import type { Digest, JsonObject } from './json.ts';
import type { Permission } from './permission.ts';

/** What an action does to the world, mildest first. Approval, retries and undo follow from it. */
export const effects = ['read', 'contain', 'reversible', 'irreversible'] as const;
export type Effect = (typeof effects)[number];

/** A thing by identity: a namesake with another UID is another thing. */
export interface Target {
  kind: string;
  /** Where it is: a cluster by its configured name, or another system as `placeOf` names it. Holds are kept by it. */
  cluster: string;
  namespace?: string;
  name: string;
  /** What no namesake has: a Kubernetes UID, the unique id of an IAM principal, the number of a repository. */
  uid: string;
}

/** Systems other than clusters, by the part of the configuration that names them. */
export type System = 'aws' | 'forge' | 'registry' | 'metrics';

/** How targets, facts and holds name a system that is no cluster: `aws:production`. No cluster's name holds a colon. */
export function placeOf(system: System, name: string): string {
  return `${system}:${name}`;
}

/**
 * What a person approves: bound by digest, recomputed before it applies. Holds what is authorised (identity, rule, caps), never what was merely
 * observed, so that an attacker who churns objects cannot starve an approval.
 */
export interface Authority {
  action: string;
  targets: Target[];
  /** The rule in one sentence, e.g. "remove every NetworkPolicy in this namespace that allows traffic, at most 200". */
  rule: string;
  caps: { [name: string]: number };
  undo: 'restore' | 'none';
  /** For recovery and irreversible steps: the exact change is bound, and drift is refused. */
  exact?: Digest;
}

/** One change to one object as planned or as made. Secret-looking values appear only as hashes. */
export interface Change {
  verb: 'create' | 'update' | 'delete';
  object: { apiVersion: string; kind: string; namespace?: string; name: string; uid?: string };
  /** Canonical digests of the object before and after; absent where there is none. */
  before?: Digest;
  after?: Digest;
  /** One line for a person. */
  summary: string;
}

/** Something that a containment does not cover. Said in the plan, in Slack and in the report. */
export interface Limit {
  /** Stable, kebab-case: `host-network`, `open-connections` … */
  code: string;
  text: string;
  /** Objects it concerns here and now, `pods/web-1`; at most 20 named, `count` has all. */
  objects?: string[];
  count?: number;
}

/** A statement about the world and how well it is known. */
export const verdicts = ['verified', 'evaluated', 'unverifiable', 'failed'] as const;
export type Verdict = (typeof verdicts)[number];

export interface Claim {
  /** `exec is refused in namespace shop`. */
  claim: string;
  verdict: Verdict;
  /** What was measured or computed, in a line. */
  detail: string;
}

/** Facts that the pure guardrails judge; read from the world by `plan`. */
export interface TargetFacts {
  /** As in Target. */
  cluster: string;
  /** Empty for what lies in none. */
  namespace: string;
  /** What guardrails know it by when it lies in no namespace: an ARN, `repository/acme/shop`, `robot/deployer`. */
  principal?: string;
  /** Why this target holds up the cluster, the account or Firebreak itself; empty when nothing found does. */
  supports: string[];
  pods: number;
  environment: string;
}

export interface Plan {
  action: string;
  authority: Authority;
  facts: TargetFacts[];
  /** What was seen, shown beside the authority. At most 50 changes here, `changeCount` has all; `full` holds everything. */
  changes: Change[];
  changeCount: number;
  notCovered: Limit[];
  undo: { kind: 'restore' | 'none'; text: string };
  /** In words, for a person who has ten seconds. Detector text in it is escaped by whoever renders it. */
  description: { title: string; ifApproved: string[]; ifDenied: string[] };
  /** The API's objects as they are before any change: the base of the undo. */
  snapshot: EvidenceRef;
  /** The target bears our mark already: this snapshot is no base for an undo, the first holder's is. */
  alreadyHeld?: boolean;
  /** The whole plan as JSON. */
  full: EvidenceRef;
}

/** What every verb but `plan` is given. */
export interface Mandate<I = JsonObject> {
  incident: string;
  step: string;
  input: I;
  authority: Authority;
  /** The snapshot of the first holder of the target: what `undo` restores. */
  base: EvidenceRef;
}

export interface Applied {
  changes: Change[];
  /** How many were found done already, with our mark: a retry, or another incident's hold. */
  already: number;
  /** The measurements an auditor asks for, e.g. milliseconds until the freeze took effect. */
  measures: { [name: string]: number };
  /** Available to later steps as `steps.<id>.outputs`. Small: large values go to the evidence store. */
  outputs: JsonObject;
  artefacts: EvidenceRef[];
  /** How a person undoes it without Firebreak, in one line; said wherever the containment is. */
  byHand?: string;
  /** Whatever could not be had, and why. */
  unavailable: { what: string; why: string }[];
}

export interface Verification {
  /** Whether what was applied stands in the world now: `absent` after somebody else's release. */
  state: 'in-place' | 'partial' | 'absent';
  /** The worst of the claims: failed, then unverifiable, then evaluated, then verified. */
  verdict: Verdict;
  claims: Claim[];
}

export interface Undone {
  changes: Change[];
  already: number;
  /** A third party's edit, kept as it is. */
  conflicts: { object: string; why: string }[];
  /** Appeared after the base snapshot and was removed; kept in evidence, not put back. */
  notRestored: string[];
  claims: Claim[];
}

/** What an activity lends to a verb. */
export interface ActionContext {
  evidence: EvidenceStore;
  /** Aborts when the activity is cancelled or its deadline has passed. */
  signal: AbortSignal;
  now(): Date;
  /**
   * Marks a boundary inside a verb: heartbeats with the name, and throws when the activity is cancelled. Crash tests kill the worker at these.
   * Call it after and before each write to the world.
   */
  checkpoint(name: string): Promise<void>;
  /** As `checkpoint`, and throws FB3001 when the kill switch is on. Call it right before each write. */
  beforeWrite(name: string): Promise<void>;
  /**
   * For a write that must not be sent twice: stores, before it is sent, that it is about to be. Durable when it resolves. The first caller of a
   * name in this step is told so and may send it; whoever runs the step again gets what the first one stored, and must read the outcome instead.
   */
  intend(name: string, data: JsonObject): Promise<Intent>;
}

/** What `intend` found or stored. `data` holds no secret. */
export interface Intent {
  first: boolean;
  data: JsonObject;
  /** When it was stored. RFC 3339 UTC. */
  at: string;
}

/** What of an input is known before a playbook runs: its literal fields. */
export interface KnownInput {
  known: JsonObject;
  /** Fields that an expression gives. */
  open: readonly string[];
}

/** The contract: five verbs (`plan` carries `describe` as its `description`), an input schema, an effect and its permissions. */
export interface Action<I extends JsonObject = JsonObject> {
  name: string;
  title: string;
  /** One paragraph for the reference page. */
  summary: string;
  effect: Effect;
  /** Strict: unknown keys are refused. Built outside workflows only. */
  input: z.ZodType<I>;
  /** JSON Schema of what `steps.<id>.outputs` holds. */
  outputs: JsonObject;
  permissions: Permission[];
  /**
   * For least privilege: what stands for a resource of `permissions` on AWS, as it is written there, once some fields are known. One that is not named
   * stays as it is; one with an empty list is not needed.
   */
  narrow?(input: KnownInput): { [resource: string]: string[] };
  /** What it never covers, whatever the cluster looks like. */
  notCovered: Limit[];
  /** Milliseconds a verb may take in one attempt, and attempts; a retry of `apply` and `undo` must be safe. */
  timing: {
    planMs: number;
    applyMs: number;
    verifyMs: number;
    undoMs: number;
    heartbeatMs: number;
    attempts: number;
  };
  /** Whether its targets are held until a person releases them. Incidents share a hold by action and target. */
  holds: boolean;
  /** What the compiler judges the order of steps by: it destroys pods, or it collects the evidence that they hold. */
  evidence?: 'destroys' | 'collects';
  /** Its undo brings back what the change was made against, such as a suspect image: people are asked for it by itself. */
  undoApproval?: 'own';
  plan(context: ActionContext, request: { incident: string; step: string; input: I }): Promise<Plan>;
  apply(context: ActionContext, mandate: Mandate<I>): Promise<Applied>;
  verify(context: ActionContext, mandate: Mandate<I>): Promise<Verification>;
  undo(context: ActionContext, mandate: Mandate<I>): Promise<Undone>;
}

/** The entry of an action in the catalogue that the compiler is given: no code, so that it can be frozen in an incident's input. */
export interface ActionSignature {
  name: string;
  effect: Effect;
  timing: Action['timing'];
  holds: boolean;
  evidence?: 'destroys' | 'collects';
  undoApproval?: 'own';
  /** JSON Schema of the input and of the outputs. */
  input: JsonObject;
  outputs: JsonObject;
}

/** The worst verdict of some claims; `unverifiable` when there are none. */
export function worst(claims: readonly Claim[]): Verdict {
  let rank = -1;
  for (const { verdict } of claims) rank = Math.max(rank, verdicts.indexOf(verdict));
  return verdicts[rank] ?? 'unverifiable';
}
