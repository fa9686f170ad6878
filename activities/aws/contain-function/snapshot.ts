import { z } from 'zod';
import type { ActionContext } from '../../../domain/action.ts';
import type { EvidenceRef } from '../../../domain/evidence.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { Item } from '../containment/items.ts';

const shape = z.object({
  v: z.literal(1),
  account: z.string(),
  /** RFC 3339 UTC. */
  takenAt: z.string(),
  function: z.object({ arn: z.string(), role: z.string() }),
  /** The unique id of the role, where it is contained too. */
  roleId: z.string().optional(),
  /** By an item's key: a number, `Enabled` or `Disabled`, the exact text of a policy; null where there was none. */
  states: z.record(z.string(), z.string().nullable()),
  /** For people: nothing of it is changed. No value of an environment variable. */
  seen: z.record(z.string(), z.json()),
});

/** What of a function and its role a containment may change, exactly as it was. */
export type Snapshot = z.infer<typeof shape>;

export async function takeSnapshot(
  context: ActionContext,
  of: Pick<Snapshot, 'account' | 'function' | 'roleId'> & { seen: JsonObject },
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
