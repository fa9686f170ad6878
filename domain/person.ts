/** Somebody who may decide. Identity is `id`; the ways to reach it (Slack ids, tokens) are the gateway's alone. */
export interface Person {
  id: string;
  name: string;
  groups: string[];
}

/** How many persons of which groups must agree, by when, and what follows when they do not. */
export interface Approval {
  from: string[];
  /** Distinct persons, none of them the requester. */
  count: number;
  withinMs: number;
  /** After `withinMs`: `escalate` asks `escalation` for as long again, then refuses; `deny` refuses at once. */
  otherwise: 'escalate' | 'deny';
}
