import type { ActionContext, Intent } from '../../domain/action.ts';
import type { EvidenceStore } from '../../domain/evidence.ts';

/** What was intended, by name: what the engine keeps on disk for each step. A test that runs a verb again hands over the same one. */
export type Intents = Map<string, Omit<Intent, 'first'>>;

export interface ContextOptions {
  atBoundary?: (name: string) => void | Promise<void>;
  intents?: Intents;
  now?: () => Date;
}

/** What an activity lends to a verb, with a hook at every boundary, whose names it keeps. */
export function contextOf(
  evidence: EvidenceStore,
  { atBoundary, intents = new Map(), now = () => new Date() }: ContextOptions = {},
): ActionContext & { boundaries: string[] } {
  const boundaries: string[] = [];
  const boundary = async (name: string) => {
    boundaries.push(name);
    await atBoundary?.(name);
  };
  return {
    evidence,
    signal: AbortSignal.timeout(120_000),
    now,
    checkpoint: boundary,
    beforeWrite: boundary,
    async intend(name, data) {
      const known = intents.get(name);
      if (known !== undefined) return { first: false, ...known };
      const intent = { data, at: now().toISOString() };
      intents.set(name, intent);
      await boundary(`intended ${name}`);
      return { first: true, ...intent };
    },
    boundaries,
  };
}

const refuse = () => Promise.reject(new Error('this action writes nothing'));

/** For an action that only reads: a write is an error. */
export function readingContext(evidence: EvidenceStore, now?: () => Date): ActionContext {
  return {
    ...contextOf(evidence, now === undefined ? {} : { now }),
    checkpoint: async () => undefined,
    beforeWrite: refuse,
    intend: refuse,
  };
}
