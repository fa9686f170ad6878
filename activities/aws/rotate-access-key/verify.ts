import {
  worst,
  type ActionContext,
  type Claim,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import { consumersClaims } from './consumers.ts';
import type { Input } from './input.ts';
import { listKeys, type Key } from './keys.ts';
import { provesAllowed, provesRefused } from './prove.ts';
import { openWorld, readPrevious, readStored, type RotateOptions, type World } from './world.ts';

/** Measures with both keys: what is kept is tried, never shown. */
export async function verify(
  options: RotateOptions,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const world = await openWorld(options, context, mandate);
  const [keys, stored] = await Promise.all([listKeys(world.place, world.user.name), readStored(world)]);
  const { id: oldId } = world.base.old;
  const old = keys.find(({ id }) => id === oldId);
  const others = keys.filter(({ id }) => id !== oldId);
  const fresh = others.find(({ id }) => id === stored?.key?.accessKeyId);
  const where = world.store.describe(world.path);
  const claims: Claim[] = [
    {
      claim: `${where} holds the one new key of user ${world.user.name}`,
      verdict: fresh !== undefined && others.length === 1 ? 'verified' : 'failed',
      detail: heldDetail(fresh, others),
    },
    await refusal(world, old),
  ];
  if (fresh !== undefined && stored?.key !== undefined) claims.push(await provesAllowed(world, stored.key));
  if (world.mandate.input.check === 'none') claims.push(unproven(world));
  if (fresh !== undefined) claims.push(...(await consumersClaims(world)));
  const isOldOff = old?.status !== 'Active';
  const state =
    fresh?.status === 'Active' && isOldOff
      ? 'in-place'
      : fresh === undefined && !isOldOff
        ? 'absent'
        : 'partial';
  return { state, verdict: worst(claims), claims };
}

function heldDetail(fresh: Key | undefined, others: readonly Key[]): string {
  const ids = others.map(({ id, status }) => `${id} (${status})`).join(', ');
  return fresh === undefined
    ? `it holds none of the user's other keys: ${ids === '' ? 'there is none' : ids}`
    : `key ${fresh.id}, ${fresh.status}, read from the store and from IAM`;
}

async function refusal(world: World, old: Key | undefined): Promise<Claim> {
  const { id } = world.base.old;
  const previous = await readPrevious(world);
  if (previous?.key.accessKeyId === id) return provesRefused(world, previous.key);
  return {
    claim: `key ${id} is refused`,
    verdict: old?.status === 'Active' ? 'failed' : 'evaluated',
    detail: `IAM says that it is ${old?.status ?? 'gone'}; its value is not known, so that it could not be tried`,
  };
}

function unproven({ user }: World): Claim {
  return {
    claim: `user ${user.name} is allowed its work with the new key`,
    verdict: 'unverifiable',
    detail: 'no check was given; a call that IAM need not authorise proves no right',
  };
}
