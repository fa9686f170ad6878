import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { canonical, sha256 } from '../../../domain/json.ts';
import { isStoreFull } from './collection.ts';

/** Stores a value as JSON. A full store does not stop a reading: the digest still says what was seen. */
export async function keep(
  context: Pick<ActionContext, 'evidence'>,
  value: unknown,
): Promise<{ ref: EvidenceRef; stored: boolean }> {
  const text = canonical(value);
  try {
    return { ref: await context.evidence.put(text, 'application/json'), stored: true };
  } catch (error) {
    if (!isStoreFull(error)) throw error;
    const ref = { digest: sha256(text), size: Buffer.byteLength(text), mediaType: 'application/json' };
    return { ref, stored: false };
  }
}
