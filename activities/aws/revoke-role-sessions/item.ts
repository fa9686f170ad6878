import { denySessionsBefore } from '../containment/documents.ts';
import { inlinePolicy, type Item } from '../containment/items.ts';
import type { Place } from '../containment/principal.ts';

export const policyName = 'firebreak-revoke-sessions';

/** The denial of the role's sessions from before `cutOff`. */
export function itemOf(place: Place, role: string, cutOff: string): Item {
  return inlinePolicy(
    place,
    { kind: 'role', name: role },
    {
      name: policyName,
      document: denySessionsBefore(cutOff),
      summary: "denies everything to the role's sessions that were issued before",
    },
  );
}
