import type { z } from 'zod';
import type { ActionContext, Mandate } from '../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceRef } from '../../domain/evidence.ts';
import { canonical } from '../../domain/json.ts';

/** A list that a step keeps whole, of which its outputs have a part. */
export interface Kept {
  /** In the incident's index: `images/<step>/verdicts.json`. */
  name: string;
  /** `firebreak/images.verify` */
  collector: string;
  /** Where it was read. */
  source: string;
}

type Step = Pick<Mandate, 'incident' | 'step'>;

/** Keeps the full list; undefined when the store is full. */
export async function keepRecord(
  context: ActionContext,
  { incident }: Step,
  kept: Kept,
  record: unknown,
): Promise<EvidenceRef | undefined> {
  try {
    const ref = await context.evidence.put(canonical(record), 'application/json');
    await context.evidence.record([{ ref, ...kept, incident, at: context.now().toISOString() }]);
    return ref;
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    return undefined;
  }
}

/**
 * What this step kept last under a name.
 * @returns `absent`: it kept none, for the store was full; `altered`: it cannot be read as what it was
 */
export async function readRecord<T>(
  { evidence }: Pick<ActionContext, 'evidence'>,
  { incident }: Step,
  name: string,
  shape: z.ZodType<T>,
): Promise<T | 'absent' | 'altered'> {
  const kept = (await evidence.index(incident)).findLast((one) => one.name === name);
  if (kept === undefined) return 'absent';
  try {
    return shape.parse(JSON.parse(Buffer.from(await evidence.get(kept.ref)).toString('utf8')));
  } catch {
    // Gone, of another hash, or none of ours: either way it is no evidence now.
    return 'altered';
  }
}
