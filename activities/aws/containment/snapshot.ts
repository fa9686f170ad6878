import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import type { Item } from './items.ts';

const shape = z.object({
  v: z.literal(1),
  account: z.string(),
  /** RFC 3339 UTC. */
  takenAt: z.string(),
  principal: z.object({ kind: z.enum(['user', 'role']), name: z.string(), arn: z.string(), id: z.string() }),
  /** By an item's key: the exact text of a policy, or a key's status; null where there was none. */
  states: z.record(z.string(), z.string().nullable()),
});

/** What of IAM a containment may change, exactly as it was. */
export type Snapshot = z.infer<typeof shape>;

export async function takeSnapshot(
  context: ActionContext,
  of: Pick<Snapshot, 'account' | 'principal'>,
  items: readonly Item[],
): Promise<{ snapshot: Snapshot; ref: EvidenceRef }> {
  const states: Snapshot['states'] = {};
  for (const item of items) states[item.key] = await item.read();
  const snapshot: Snapshot = { v: 1, takenAt: context.now().toISOString(), ...of, states };
  const ref = await context.evidence.put(JSON.stringify(snapshot), 'application/json', { essential: true });
  return { snapshot, ref };
}

/** @throws when the evidence store does not have it, or has other bytes, or they are no snapshot */
export async function loadSnapshot(context: ActionContext, base: EvidenceRef): Promise<Snapshot> {
  const bytes = await context.evidence.get(base);
  return shape.parse(JSON.parse(new TextDecoder().decode(bytes)));
}
