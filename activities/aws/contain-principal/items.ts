import { denyEverything } from '../containment/documents.ts';
import { inlinePolicy, trustPolicy, type Item } from '../containment/items.ts';
import type { Place, PrincipalName } from '../containment/principal.ts';

export const policyName = 'firebreak-contain';

/** What is set, in this order: who has a session already is cut off first. */
export function itemsOf(place: Place, { kind, name }: PrincipalName): Item[] {
  const deny = inlinePolicy(
    place,
    { kind, name },
    {
      name: policyName,
      document: denyEverything,
      summary:
        kind === 'user'
          ? 'denies the user everything: every key, every session, the console'
          : 'denies the role everything: every session, old or new',
    },
  );
  return kind === 'user' ? [deny] : [deny, trustPolicy(place, name)];
}
