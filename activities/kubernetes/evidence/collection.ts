import type { Readable } from 'node:stream';
import type { ActionContext } from '../../../domain/action.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import type { EvidenceRecord, EvidenceRef } from '../../../domain/evidence.ts';
import { truncate } from '../../../domain/safe-text.ts';
import { KubernetesError } from '../errors.ts';

/** Something that could not be had. */
export interface Missing {
  what: string;
  why: string;
  /** Nothing is wrong: a container that never restarted has no earlier log. */
  expected: boolean;
}

/**
 * One run of collecting: every artefact with its origin, and everything that could not be had. Only a cancelled activity makes it throw: a forbidden
 * read, a full store and the deadline are findings.
 */
export interface Collection {
  /** Aborts at the deadline, and when the activity is cancelled. */
  readonly signal: AbortSignal;
  readonly records: EvidenceRecord[];
  readonly missing: Missing[];
  /** Reads and stores one artefact; undefined when it could not be had. */
  collect(
    name: string,
    source: string,
    mediaType: string,
    read: () => Promise<Readable | string>,
  ): Promise<EvidenceRef | undefined>;
  /** Runs a read whose result is no artefact by itself. */
  attempt<T>(what: string, read: () => Promise<T>): Promise<T | undefined>;
  miss(what: string, why: string, expected?: boolean): undefined;
  /** Writes what was collected since the last time into the index. */
  flush(): Promise<void>;
}

export function startCollection(
  context: Pick<ActionContext, 'evidence' | 'signal' | 'now'>,
  origin: { incident: string; collector: string },
  deadlineMs: number,
): Collection {
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = AbortSignal.any([context.signal, deadline]);
  const records: EvidenceRecord[] = [];
  const missing: Missing[] = [];
  let flushed = 0;
  let full = false;

  const miss: Collection['miss'] = (what, why, expected = false) => {
    missing.push({ what, why: truncate(why), expected });
    return undefined;
  };

  const attempt: Collection['attempt'] = async (what, read) => {
    context.signal.throwIfAborted();
    if (deadline.aborted) return miss(what, 'deadline');
    try {
      return await read();
    } catch (error) {
      context.signal.throwIfAborted();
      if (deadline.aborted) return miss(what, 'deadline');
      return miss(what, whyNot(error));
    }
  };

  return {
    signal,
    records,
    missing,
    miss,
    attempt,
    collect: async (name, source, mediaType, read) => {
      // A full store takes nothing more: what would not fit is not read.
      if (full) return miss(name, storeFull);
      return await attempt(name, async () => {
        const content = await read();
        try {
          const ref = await context.evidence.put(content, mediaType);
          records.push({ ref, name, source, ...origin, at: context.now().toISOString() });
          return ref;
        } catch (error) {
          if (isStoreFull(error)) full = true;
          throw error;
        } finally {
          if (typeof content !== 'string') content.destroy();
        }
      });
    },
    flush: async () => {
      const added = records.slice(flushed);
      flushed = records.length;
      try {
        await context.evidence.record(added);
      } catch (error) {
        if (!isStoreFull(error)) throw error;
        miss(`the index lines of ${added.length} artefacts`, storeFull);
      }
    },
  };
}

export const storeFull = 'the evidence store is full';

/** By name: the error may come from another realm, or a store of another make. */
export function isStoreFull(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'EvidenceStoreFull';
}

/** The finding that an error is. @throws the error itself when it is none: a fault of ours must not pass for a missing log. */
function whyNot(error: unknown): string {
  if (isStoreFull(error)) return storeFull;
  if (error instanceof KubernetesError || error instanceof FirebreakError) return error.message;
  throw error;
}
