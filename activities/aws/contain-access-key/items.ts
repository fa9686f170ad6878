import { denyEverything, denySessionsBefore } from '../containment/documents.ts';
import { inlinePolicy, keyStatus, type Item } from '../containment/items.ts';
import type { Place } from '../containment/principal.ts';

/** Named by the key: each of a user's two keys has its own hold, and neither's release may lift the other's. */
export function sessionPolicyName(accessKeyId: string): string {
  return `firebreak-sessions-${accessKeyId}`;
}

export function denyPolicyName(accessKeyId: string): string {
  return `firebreak-deny-${accessKeyId}`;
}

/** What is set, in this order: the key first, so that no new session comes, then its sessions, then the user where that is compromised. */
export function itemsOf(
  place: Place,
  user: string,
  { accessKeyId, userCompromised }: { accessKeyId: string; userCompromised: boolean },
  cutOff: string,
): Item[] {
  const principal = { kind: 'user' as const, name: user };
  const items = [
    keyStatus(place, user, accessKeyId),
    inlinePolicy(place, principal, {
      name: sessionPolicyName(accessKeyId),
      document: denySessionsBefore(cutOff),
      summary: "denies everything to the user's temporary credentials that were issued before",
    }),
  ];
  if (!userCompromised) return items;
  return [
    ...items,
    inlinePolicy(place, principal, {
      name: denyPolicyName(accessKeyId),
      document: denyEverything,
      summary: 'denies the user everything: every key, every session, the console',
    }),
  ];
}
