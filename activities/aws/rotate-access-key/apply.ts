import type { ActionContext, Applied, Change, Mandate } from '../../../domain/action.ts';
import { restartConsumers } from './consumers.ts';
import { createAndStore } from './create.ts';
import { notProven } from './failures.ts';
import type { Input } from './input.ts';
import { listKeys, setStatus } from './keys.ts';
import { apiVersion, objectOf } from './plan.ts';
import { provesAllowed } from './prove.ts';
import { openWorld, type RotateOptions, type World } from './world.ts';

/** Makes, stores, proves, restarts consumers, and only then makes the old key Inactive. Safe to run again after a kill at any point. */
export async function apply(
  options: RotateOptions,
  context: ActionContext,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const began = performance.now();
  const world = await openWorld(options, context, mandate);
  const { user, base, store, path } = world;
  const { credential, already, orphans } = await createAndStore(world);
  const id = credential.accessKeyId;
  const proven = await provesAllowed(world, credential);
  if (proven.verdict !== 'verified') throw notProven(id, proven.detail);
  const provenMs = Math.round(performance.now() - began);
  const consumers = await restartConsumers(world);
  const deactivated = await deactivate(world);
  const where = store.describe(path);
  const made: Change[] = already
    ? []
    : [
        { verb: 'create', object: objectOf(user.name, id), summary: 'a new access key of the user' },
        {
          verb: base.stored ? 'update' : 'create',
          object: { apiVersion, kind: 'StoredSecret', name: where },
          summary: 'holds the new key',
        },
      ];
  const removed = orphans.map((orphan): Change => ({
    verb: 'delete',
    object: objectOf(user.name, orphan),
    summary:
      'made by an attempt that was cut off before it could keep it; its secret was lost, and it was never used',
  }));
  return {
    changes: [...removed, ...made, ...consumers.changes, ...deactivated],
    already: (already ? 2 : 0) + consumers.already + (deactivated.length === 0 ? 1 : 0),
    measures: { provenMs, rotatedMs: Math.round(performance.now() - began) },
    outputs: {
      oldKey: base.old.id,
      newKey: id,
      secret: mandate.input.secret,
      restarted: consumers.workloads,
    },
    artefacts: [],
    byHand: `aws iam update-access-key --user-name ${user.name} --access-key-id ${base.old.id} --status Active`,
    unavailable: consumers.unavailable,
  };
}

async function deactivate({ context, place, user, base }: World): Promise<Change[]> {
  const old = (await listKeys(place, user.name)).find(({ id }) => id === base.old.id);
  // Gone: somebody deleted it, which does all that was wanted.
  if (old?.status !== 'Active') return [];
  await context.beforeWrite(`deactivate ${old.id}`);
  await setStatus(place, user.name, old.id, 'Inactive');
  await context.checkpoint(`deactivated ${old.id}`);
  return [{ verb: 'update', object: objectOf(user.name, old.id), summary: 'was made Inactive' }];
}
