import type { ActionContext, Claim } from '../../../domain/action.ts';
import { inParallel } from './in-parallel.ts';
import type { Manifest } from './manifest.ts';

/** Reads every artefact of a manifest back; the store compares its bytes with its digest. */
export async function checkArtefacts(
  context: Pick<ActionContext, 'evidence' | 'signal'>,
  { artefacts }: Manifest,
): Promise<Claim> {
  const wrong: string[] = [];
  // Few at once: each is in memory whole.
  await inParallel(artefacts, 4, async ({ name, digest }) => {
    context.signal.throwIfAborted();
    try {
      await context.evidence.get({ digest });
    } catch {
      // Absent, altered or unreadable: either way it is no evidence now, and the claim says which one.
      wrong.push(name);
    }
  });
  if (wrong.length === 0) {
    return {
      claim: `${artefacts.length} artefacts are stored and match their hashes`,
      verdict: 'verified',
      detail: 'each was read back and hashed',
    };
  }
  const named = wrong.toSorted().slice(0, 5).join(', ');
  return {
    claim: `${artefacts.length} artefacts are stored and match their hashes`,
    verdict: 'failed',
    detail: `${wrong.length} are absent or altered: ${named}${wrong.length > 5 ? ' …' : ''}`,
  };
}
