import type { ActionSignature } from '../../domain/action.ts';
import type { Digest, Json, JsonObject } from '../../domain/json.ts';

/** A CEL expression, checked when the playbook was compiled. */
export interface Expression {
  cel: string;
}

/**
 * A value with expressions in it, in a form that needs no parsing at run time: plain JSON, an expression (a string that was wholly
 * `${{ … }}` keeps the expression's type), a text with expressions inside, or a list or map of these.
 */
export type Template =
  | { literal: Json }
  | Expression
  | { concat: Template[] }
  | { list: Template[] }
  | { map: { [key: string]: Template } };

/** One kind of step so far; each later kind is a further member with its own `kind`. */
export interface ActionStep {
  kind: 'action';
  id: string;
  uses: string;
  with: Template;
  /** Absent: always. A step whose condition is false is skipped, and counts as done for `needs`. */
  if?: Expression;
  /** Resolved: the ids this step waits for. Without `needs` in the source: the step written before it. */
  needs: string[];
  approve?: { from: string[]; count: number; withinMs: number; otherwise: 'escalate' | 'deny' };
  hold?: { forMs: number; then: 'escalate' };
  /** `never`: a later failure leaves it as it is. The only value a containment may have. */
  undo: 'never' | 'on-failure';
}
export type Step = ActionStep;

export interface InputDeclaration {
  type: 'string' | 'integer' | 'number' | 'boolean';
  description?: string;
  default?: Json;
}

/** A playbook that has been read, checked and resolved: what an incident carries. Its digest covers all of it. */
export interface Playbook {
  schema: 'firebreak/playbook/v1';
  id: string;
  name: string;
  version: number;
  description: string;
  inputs: { [name: string]: InputDeclaration };
  steps: Step[];
  /** The actions it uses as they were when it was compiled: effect, timing and retries are frozen with it. */
  actions: { [name: string]: ActionSignature };
}

/** Where a playbook came from; recorded, not hashed. */
export interface CompiledPlaybook {
  playbook: Playbook;
  digest: Digest;
  file: string;
}

/** What expressions can see. */
export interface Scope {
  inputs: JsonObject;
  alert: JsonObject;
  incident: JsonObject;
  /** Per step id: `{ status, verdict, outputs }`. */
  steps: JsonObject;
}
