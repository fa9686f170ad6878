import type { ActionContext, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { digest } from '../../../domain/json.ts';
import type { Item } from '../containment/items.ts';

const prefix = 'set-by-firebreak/';

/** One index for all who share a hold: what one of them set, the last of them puts back. */
function indexOf({ authority, base }: Pick<Mandate, 'authority' | 'base'>): string {
  const key = digest([authority.targets[0]?.name ?? '', base.digest]);
  return `function-${key.slice('sha256:'.length, 'sha256:'.length + 32)}`;
}

/** The keys of what was set under this hold: a concurrency and a mapping bear no mark that would tell ours from somebody else's. */
export async function keysSet(
  context: ActionContext,
  mandate: Pick<Mandate, 'authority' | 'base'>,
): Promise<Set<string>> {
  const records = await context.evidence.index(indexOf(mandate));
  return new Set(
    records.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name.slice(prefix.length)),
  );
}

/** An item that says, before it is set, that it is we who set it. A full store is no obstacle to a containment: its release then leaves the item as it is. */
export function remembered(
  item: Item,
  context: ActionContext,
  mandate: Pick<Mandate, 'incident' | 'authority' | 'base'>,
  of: { action: string; account: string },
): Item {
  return {
    ...item,
    async set() {
      try {
        await context.evidence.record([
          {
            ref: mandate.base,
            name: `${prefix}${item.key}`,
            incident: indexOf(mandate),
            collector: of.action,
            source: of.account,
            at: context.now().toISOString(),
          },
        ]);
      } catch (error) {
        if (!(error instanceof EvidenceStoreFull)) throw error;
      }
      await item.set();
    },
  };
}
