import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { FindUseInput } from './contract.ts';
import { frozenWindowOf, readRecord, type ReadRecord } from './evidence.ts';
import { readUses } from './read.ts';
import { soughtOf, type Systems } from './systems.ts';
import type { Use } from './use.ts';
import { readable } from './window.ts';

/**
 * Reads again. Uses that came after the list was read are told and fault nothing; ones that it should have had show that it is not complete. Nothing
 * here is `failed` but evidence that is gone or altered: an attacker who goes on must not stop the playbook.
 */
export async function verify(
  context: ActionContext,
  systems: Systems,
  mandate: Mandate<FindUseInput>,
): Promise<Verification> {
  const kept = await readKept(context, mandate);
  if ('claim' in kept) return { state: 'partial', verdict: kept.verdict, claims: [kept] };
  const sought = soughtOf(systems, mandate.input);
  const window = readable(await frozenWindowOf(context, mandate), context.now());
  const again = await readUses(context, mandate.incident, sought, window);
  const claims = [
    {
      claim: `${kept.uses.length} uses are in evidence`,
      verdict: 'verified' as const,
      detail: 'read back, and hashed',
    },
    completeness(kept, again.list()),
  ];
  const verdict = worst(claims);
  return { state: verdict === 'verified' ? 'in-place' : 'partial', verdict, claims };
}

async function readKept(context: ActionContext, mandate: Mandate<FindUseInput>): Promise<ReadRecord | Claim> {
  const claim = 'the list of uses is in evidence';
  try {
    const kept = await readRecord(context, mandate);
    return kept ?? { claim, verdict: 'unverifiable', detail: 'it was not kept: the evidence store is full' };
  } catch {
    // Absent, altered or unreadable: either way it is no evidence now.
    return { claim, verdict: 'failed', detail: 'it is absent or altered' };
  }
}

function completeness({ uses, until, unavailable }: ReadRecord, now: readonly Use[]): Claim {
  const known = new Set(uses.map(({ id }) => id));
  const fresh = now.filter(({ id }) => !known.has(id));
  const late = fresh.filter(({ at }) => Date.parse(at) <= Date.parse(until));
  const after = fresh.length - late.length;
  const more = after === 0 ? '' : `; ${after} more came after it: run the step again to list them`;
  const claim = `the list has every use up to ${until} that its system keeps`;
  if (late.length > 0)
    return {
      claim,
      verdict: 'unverifiable',
      detail: `${late.length} of that time showed up since: run the step again${more}`,
    };
  const [missing] = unavailable;
  if (missing !== undefined)
    return { claim, verdict: 'unverifiable', detail: `${missing.what}: ${missing.why}${more}` };
  return { claim, verdict: 'verified', detail: `read again, and nothing of that time was new${more}` };
}
