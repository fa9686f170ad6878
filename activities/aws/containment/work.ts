import type { ActionContext, Change, Mandate } from '../../../domain/action.ts';
import { sha256 } from '../../../domain/json.ts';
import type { Account } from '../accounts.ts';
import type { Item, State } from './items.ts';
import type { Snapshot } from './snapshot.ts';

/** What `plan` shows and `apply` reports of an item. */
export function changeOf(item: Item, before: State, after: State | undefined): Change {
  return {
    verb: before === null ? 'create' : after === null ? 'delete' : 'update',
    object: item.object,
    ...(before === null ? {} : { before: sha256(before) }),
    ...(after === undefined || after === null ? {} : { after: sha256(after) }),
    summary: item.summary,
  };
}

export interface Work {
  action: string;
  account: Account;
  context: ActionContext;
  mandate: Pick<Mandate, 'incident' | 'authority' | 'base'>;
  base: Pick<Snapshot, 'states'>;
}
