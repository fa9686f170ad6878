import type { ActionContext, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceRef } from '../../../domain/evidence.ts';

const prefix = 'overwritten-after-base/';

/** One index for all who share a hold: each sees what the others overwrote. */
export function holdIndex({ authority, base }: Pick<Mandate, 'authority' | 'base'>): string {
  return `hold-${authority.targets[0]?.uid ?? ''}-${base.digest.slice('sha256:'.length, 'sha256:'.length + 16)}`;
}

/**
 * Stores what is about to be overwritten and is not in the base: somebody wrote it after the snapshot. A full store is no obstacle to a containment.
 * @returns why it could not be stored
 */
export async function keepLate(
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'authority' | 'base'>,
  late: { action: string; account: string; key: string; text: string },
): Promise<{ ref: EvidenceRef } | { why: string }> {
  try {
    const ref = await context.evidence.put(late.text, 'application/json');
    const at = context.now().toISOString();
    const line = { ref, name: `${prefix}${late.key}`, collector: late.action, source: late.account, at };
    await context.evidence.record([
      { ...line, incident: mandate.incident },
      { ...line, incident: holdIndex(mandate) },
    ]);
    return { ref };
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    return { why: error.message };
  }
}

/** What was overwritten under this hold and is in no base: by its key, with its evidence. */
export async function overwrittenLate(
  context: ActionContext,
  mandate: Pick<Mandate, 'authority' | 'base'>,
): Promise<string[]> {
  const records = await context.evidence.index(holdIndex(mandate));
  return records
    .filter(({ name }) => name.startsWith(prefix))
    .map(
      ({ name, ref }) => `${name.slice(prefix.length)} as it was before it was overwritten: ${ref.digest}`,
    );
}
