import { denyEverything, denySessionsBefore } from '../containment/documents.ts';
import { inlinePolicy, type Item } from '../containment/items.ts';
import { principalName, type Place } from '../containment/principal.ts';
import {
  provisionedConcurrency,
  provisionedIn,
  provisionedQualifiers,
  reservedConcurrency,
  type SetByUs,
} from './concurrency.ts';
import type { LambdaFunction } from './function.ts';
import { eventSourceMapping, mappingsIn, mappingsOf } from './mappings.ts';

export type RoleWish = 'keep' | 'deny-sessions' | 'deny';

/** What is set on the function, in this order: sources first, so that no queue sends into throttling what it then counts as failed. */
export async function functionItems(
  place: Place,
  target: LambdaFunction,
  setByUs: SetByUs = () => false,
  known: readonly string[] = [],
): Promise<Item[]> {
  const [mappings, qualifiers] = await Promise.all([
    mappingsOf(place, target),
    provisionedQualifiers(place, target),
  ]);
  const uuids = new Set([...mappings.map(({ uuid }) => uuid), ...mappingsIn(known)]);
  const provisioned = new Set([...qualifiers, ...provisionedIn(known)]);
  return [
    ...[...uuids].toSorted().map((uuid) => eventSourceMapping(place, uuid, setByUs)),
    ...[...provisioned].toSorted().map((one) => provisionedConcurrency(place, target, one, setByUs)),
    reservedConcurrency(place, target, setByUs),
  ];
}

/** One policy a function, so that functions which share a role are released one by one. */
export function policyName(region: string, { name }: Pick<LambdaFunction, 'name'>): string {
  return `firebreak-function-${region}-${name}`;
}

/** Any cut-off: a plan and a release do not set one. */
const anyCutOff = '1970-01-01T00:00:00Z';

/** What is set on its role: after the function is stopped, so that no session is issued anew. */
export function roleItem(
  place: Place,
  target: Pick<LambdaFunction, 'name' | 'role'>,
  wish: Exclude<RoleWish, 'keep'>,
  cutOff = anyCutOff,
): Item {
  const { name } = principalName(target.role);
  return inlinePolicy(
    place,
    { kind: 'role', name },
    {
      name: policyName(place.account.region, target),
      document: wish === 'deny' ? denyEverything : denySessionsBefore(cutOff),
      summary:
        wish === 'deny'
          ? 'denies the role everything: every session, old or new'
          : 'denies the role everything in each session that was issued before',
    },
  );
}
