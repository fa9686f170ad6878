/** As much of a ledger entry as is read. */
export interface Entry {
  at: string;
  kind: string;
  data: { [key: string]: unknown };
}

/** Milliseconds since the alert was sent, or the playbook was run; absent when it did not happen. */
export interface Times {
  opened?: number;
  /** The first question. */
  asked?: number;
  /** The first word of a person. */
  answered?: number;
  /** The last containment is in place, as verified or evaluated. */
  contained?: number;
  /** The last evidence is stored. */
  evidence?: number;
  closed?: number;
}

/** When a step was last carried out. Milliseconds since the epoch; undefined when it was not. */
export function appliedAt(entries: readonly Entry[], step: string): number | undefined {
  const found = entries.findLast(({ kind, data }) => kind === 'step.applied' && data['step'] === step);
  return found === undefined ? undefined : Date.parse(found.at);
}

/** When what a step does was first seen in place, in milliseconds since the epoch, and the verdict: measured, or evaluated. */
export function provenAt(
  entries: readonly Entry[],
  step: string,
): { at: number; verdict: string } | undefined {
  const found = entries.find(
    ({ kind, data }) => kind === 'step.verified' && data['step'] === step && data['state'] === 'in-place',
  );
  return found === undefined
    ? undefined
    : { at: Date.parse(found.at), verdict: String(found.data['verdict']) };
}

/** What a rehearsal took, by the ledger's own clock. */
export function timesOf(entries: readonly Entry[], began: number): Times {
  const held = new Set(
    entries.filter(({ kind }) => kind === 'hold.acquired').map(({ data }) => data['step']),
  );
  const tests: { [name in keyof Times]-?: (entry: Entry) => boolean } = {
    opened: ({ kind }) => kind === 'incident.opened',
    asked: ({ kind }) => kind === 'gate.opened',
    answered: ({ kind }) => kind === 'decision.taken',
    contained: ({ kind, data }) =>
      kind === 'step.verified' && data['state'] === 'in-place' && held.has(data['step']),
    evidence: ({ kind, data }) =>
      kind === 'step.applied' &&
      Array.isArray(data['artefacts']) &&
      data['artefacts'].length > 0 &&
      !held.has(data['step']),
    closed: ({ kind }) => kind === 'incident.closed',
  };
  const times: Times = {};
  for (const name of ['opened', 'asked', 'answered', 'contained', 'evidence', 'closed'] as const) {
    const isLast = name === 'contained' || name === 'evidence';
    const found = isLast ? entries.findLast(tests[name]) : entries.find(tests[name]);
    if (found !== undefined) times[name] = Date.parse(found.at) - began;
  }
  return times;
}
