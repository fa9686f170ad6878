import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { drift } from '../quarantine/failures.ts';
import { meaningDigest } from '../quarantine/marks.ts';
import { changeOf, find, type Tally } from '../quarantine/write.ts';
import { accountAt, completion, contradictions, lacking, type ServiceAccount } from './account.ts';

const ROUNDS = 20;
const POLL_MS = 100;

/** What both halves write with, and where they tell of it. */
export interface Work {
  context: ActionContext;
  cluster: Cluster;
  tally: Tally;
}

/**
 * Deletes the account if it is still the one with this UID and means what was approved. Its finalizers go after the deletion: from then on nobody can
 * add another, and with none it is gone at once, where it would stay good for a minute.
 */
export async function deleteAccount(
  { context, cluster, tally }: Work,
  approved: ServiceAccount,
): Promise<void> {
  const { name, namespace = '', uid = '' } = approved.metadata;
  const what = `serviceaccounts/${name}`;
  const location = accountAt(namespace, name);
  for (let round = 0; round < ROUNDS; round++) {
    const actual = await find<ServiceAccount>(cluster, location, context.signal);
    if (actual === undefined || actual.metadata.uid !== uid) return;
    try {
      if (actual.metadata.deletionTimestamp === undefined) {
        if (meaningDigest(actual) !== meaningDigest(approved))
          throw drift(what, 'was changed since it was approved');
        const { resourceVersion = '' } = actual.metadata;
        await context.beforeWrite(`delete ${what}`);
        await cluster.delete(location, {
          signal: context.signal,
          preconditions: { uid, resourceVersion },
        });
        tally.changes.push(changeOf('delete', actual, 'deleted: every token issued for it dies'));
        await context.checkpoint(`deleted ${what}`);
      } else {
        await context.beforeWrite(`unfinalize ${what}`);
        await cluster.patch(location, { metadata: { uid, finalizers: null } }, { signal: context.signal });
        await context.checkpoint(`unfinalized ${what}`);
      }
    } catch (error) {
      // Changed or gone between read and write: the next round tells.
      if (!isKubernetesError(error, 'drift', 'gone')) throw error;
    }
  }
  throw drift(what, `was written by others ${ROUNDS} times while it was being deleted`);
}

/**
 * Makes the account again, or completes what has its name: a controller makes `default` bare at once, and GitOps may have been quicker.
 * @throws Drift when what has its name contradicts the snapshot: it is not overwritten
 */
export async function recreateAccount(
  { context, cluster, tally }: Work,
  wanted: ServiceAccount,
  previousUid: string,
): Promise<ServiceAccount> {
  const { name, namespace = '' } = wanted.metadata;
  const what = `serviceaccounts/${name}`;
  const location = accountAt(namespace, name);
  const { name: _, ...collection } = location;
  let written = false;
  for (let round = 0; round < ROUNDS; round++) {
    const actual = await find<ServiceAccount>(cluster, location, context.signal);
    try {
      if (actual === undefined) {
        await context.beforeWrite(`create ${what}`);
        const created = await cluster.create<ServiceAccount>(collection, wanted, { signal: context.signal });
        written = true;
        tally.changes.push(changeOf('create', created, 'made again as it was'));
        await context.checkpoint(`created ${what}`);
      } else if (actual.metadata.uid === previousUid || actual.metadata.deletionTimestamp !== undefined) {
        await context.checkpoint(`await the end of ${what}`);
        await sleep(POLL_MS, undefined, { signal: context.signal });
      } else {
        const against = contradictions(actual, wanted);
        if (against.length > 0)
          throw drift(what, `was made again by somebody else, otherwise than it was: ${against.join(', ')}`);
        const missing = lacking(actual, wanted);
        if (missing.length === 0) {
          if (!written) tally.already++;
          return actual;
        }
        await context.beforeWrite(`complete ${what}`);
        const completed = await cluster.patch<ServiceAccount>(location, completion(actual, wanted), {
          signal: context.signal,
        });
        written = true;
        tally.changes.push({
          ...changeOf('update', completed, `completed to what it was: ${missing.join(', ')}`),
          before: meaningDigest(actual),
        });
        await context.checkpoint(`completed ${what}`);
      }
    } catch (error) {
      if (!isKubernetesError(error, 'drift', 'gone')) throw error;
      // The namespace itself is gone.
      if (actual === undefined && isKubernetesError(error, 'gone')) throw error;
    }
  }
  throw drift(what, `was written by others ${ROUNDS} times while it was being made again`);
}
