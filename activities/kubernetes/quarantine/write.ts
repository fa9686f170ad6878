import type { ActionContext, Change } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resourceName, type KubernetesObject, type Location } from '../resources.ts';
import { drift } from './failures.ts';
import { isAsDesired, isMarked, meaningDigest } from './marks.ts';

/** Others may change an object between our read and our write; each round reads again. */
const ROUNDS = 5;

/** What a verb has done so far. */
export interface Tally {
  changes: Change[];
  already: number;
}

export function changeOf(verb: Change['verb'], object: KubernetesObject, summary: string): Change {
  const { name, namespace, uid } = object.metadata;
  return {
    verb,
    object: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
    },
    ...(verb === 'delete' ? { before: meaningDigest(object) } : { after: meaningDigest(object) }),
    summary,
  };
}

export async function find<T extends KubernetesObject>(
  cluster: Cluster,
  location: Location,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await cluster.get<T>(location, { signal });
  } catch (error) {
    if (isKubernetesError(error, 'gone')) return undefined;
    throw error;
  }
}

/**
 * Brings one of our objects to what it should be. Absent: created. As desired: left. Ours but altered, as by an attacker in the window before the freeze: put right.
 * Anybody else's under our name: drift.
 */
export async function ensure(
  context: ActionContext,
  cluster: Cluster,
  location: Location & { name: string },
  desired: KubernetesObject,
  uid: string,
  tally: Tally,
  /** A predecessor of ours that may be replaced although it bears another hold's mark. */
  mayReplace: (actual: KubernetesObject) => boolean = (actual) => isMarked(actual, uid),
): Promise<KubernetesObject> {
  const what = `${resourceName(location)}/${location.name}`;
  const { name: _, ...collection } = location;
  const { signal } = context;
  for (let round = 0; round < ROUNDS; round++) {
    const actual = await find(cluster, location, signal);
    try {
      if (actual === undefined) {
        await context.beforeWrite(`create ${what}`);
        const created = await cluster.create(collection, desired, { signal });
        tally.changes.push(changeOf('create', created, `${what} created`));
        await context.checkpoint(`created ${what}`);
        return created;
      }
      if (isAsDesired(actual, desired)) {
        tally.already++;
        return actual;
      }
      if (!mayReplace(actual)) throw drift(what, "exists, and does not bear this hold's mark");
      await context.beforeWrite(`repair ${what}`);
      const { resourceVersion } = actual.metadata;
      const metadata = { ...desired.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const replaced = await cluster.replace(location, { ...desired, metadata }, { signal });
      // It was on its way out, and is gone now that its finalizers are.
      if (replaced.metadata.deletionTimestamp !== undefined) continue;
      tally.changes.push({
        ...changeOf('update', replaced, `${what} had been altered, and was put right`),
        before: meaningDigest(actual),
      });
      await context.checkpoint(`repaired ${what}`);
      return replaced;
    } catch (error) {
      // Somebody was quicker, most likely another worker at the same work.
      if (!isKubernetesError(error, 'drift', 'gone')) throw error;
      // A missing namespace answers a creation with 404, and will again.
      if (actual === undefined && isKubernetesError(error, 'gone')) throw error;
    }
  }
  throw drift(what, `was changed by others ${ROUNDS} times while it was being written`);
}

/** Promise.all that lets the others finish: a write in flight must not be left to happen after a failure was reported. */
export async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
