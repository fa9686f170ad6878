import type { ActionContext, Plan, Undone } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import { canonical } from '../../../domain/json.ts';

/** Small documents without which nothing can be undone or checked: kept even when the store is full. */
function store(context: Pick<ActionContext, 'evidence'>, value: unknown): Promise<EvidenceRef> {
  return context.evidence.put(canonical(value), 'application/json', { essential: true });
}

/** The plan with what it holds stored: its snapshot, and all of it. */
export async function planned(
  context: Pick<ActionContext, 'evidence'>,
  plan: Omit<Plan, 'snapshot' | 'full' | 'changeCount'>,
  snapshot: unknown,
): Promise<Plan> {
  const whole = {
    ...plan,
    changeCount: plan.changes.length,
    snapshot: await store(context, snapshot),
  };
  return { ...whole, changes: plan.changes.slice(0, 50), full: await store(context, whole) };
}

/** The undo of what cannot be undone. */
export function cannotBeUndone(why: string): () => Promise<Undone> {
  return () =>
    Promise.resolve({
      changes: [],
      already: 0,
      conflicts: [],
      notRestored: [],
      claims: [{ claim: 'nothing was put back', verdict: 'unverifiable', detail: why }],
    });
}
