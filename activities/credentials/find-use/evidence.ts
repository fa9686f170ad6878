import { z } from 'zod';
import type { ActionContext, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceRef } from '../../../domain/evidence.ts';
import { canonical } from '../../../domain/json.ts';
import type { FindUseInput } from './contract.ts';
import type { Record } from './summary.ts';
import type { FrozenWindow } from './window.ts';

/** The name of a step's list in the incident's index. */
export function recordName(step: string): string {
  return `credential-use/${step}/uses.json`;
}

/** Keeps the full list; undefined when the store is full. */
export async function keepRecord(
  context: ActionContext,
  { incident, step }: Pick<Mandate, 'incident' | 'step'>,
  record: Record,
  source: string,
): Promise<EvidenceRef | undefined> {
  try {
    const ref = await context.evidence.put(canonical(record), 'application/json');
    await context.evidence.record([
      {
        ref,
        name: recordName(step),
        incident,
        collector: 'firebreak/credentials.find-use',
        source,
        at: context.now().toISOString(),
      },
    ]);
    return ref;
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    return undefined;
  }
}

/** What verify needs of a record. */
const recordShape = z.object({
  until: z.iso.datetime(),
  uses: z.array(z.object({ id: z.string(), at: z.iso.datetime() })),
  unavailable: z.array(z.object({ what: z.string(), why: z.string() })),
});
export type ReadRecord = z.infer<typeof recordShape>;

/**
 * The list that this step kept last; undefined when it kept none.
 * @throws when it is absent or altered
 */
export async function readRecord(
  { evidence }: Pick<ActionContext, 'evidence'>,
  { incident, step }: Pick<Mandate, 'incident' | 'step'>,
): Promise<ReadRecord | undefined> {
  const kept = (await evidence.index(incident)).findLast(({ name }) => name === recordName(step));
  if (kept === undefined) return undefined;
  return recordShape.parse(JSON.parse(Buffer.from(await evidence.get(kept.ref)).toString('utf8')));
}

const windowShape = z.strictObject({ since: z.iso.datetime(), until: z.iso.datetime().exactOptional() });

/** The window that the plan froze. @throws when its snapshot is absent or altered */
export async function frozenWindowOf(
  { evidence }: Pick<ActionContext, 'evidence'>,
  { base }: Pick<Mandate<FindUseInput>, 'base'>,
): Promise<FrozenWindow> {
  return windowShape.parse(JSON.parse(Buffer.from(await evidence.get(base)).toString('utf8')));
}
