import { denyEverything, denySessionsBefore } from '../containment/documents.ts';
import { inlinePolicy, keyStatus, type Item } from '../containment/items.ts';
import type { Place } from '../containment/principal.ts';

/** Named by the key: each of a user's two keys has its own hold, and neither's release may lift the other's. */
function sessionPolicyName(accessKeyId: string): string {
  return `firebreak-sessions-${accessKeyId}`;
}

function denyPolicyName(accessKeyId: string): string {
  return `firebreak-deny-${accessKeyId}`;
}

/** The one policy that is set. */
export function policyName({
  accessKeyId,
  userCompromised,
}: {
  accessKeyId: string;
  userCompromised: boolean;
}): string {
  return userCompromised ? denyPolicyName(accessKeyId) : sessionPolicyName(accessKeyId);
}

/** What is set, in this order: the key first, so that no new session comes, then its sessions, or all of the user, which takes those in. */
export function itemsOf(
  place: Place,
  user: string,
  { accessKeyId, userCompromised }: { accessKeyId: string; userCompromised: boolean },
  cutOff: string,
): Item[] {
  const principal = { kind: 'user' as const, name: user };
  const key = keyStatus(place, user, accessKeyId);
  const policy = userCompromised
    ? {
        name: denyPolicyName(accessKeyId),
        document: denyEverything,
        summary: 'denies the user everything: every key, every session, the console',
      }
    : {
        name: sessionPolicyName(accessKeyId),
        document: denySessionsBefore(cutOff),
        summary: "denies everything to the user's temporary credentials that were issued before",
      };
  return [key, inlinePolicy(place, principal, policy)];
}
