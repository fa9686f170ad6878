import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Claim, Mandate, Undone } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import type { NetworkPolicy } from '../network-policy.ts';
import { resourceName, resources, type KubernetesObject, type Location } from '../resources.ts';
import { lateRemovalPrefix } from './apply.ts';
import { denyAll, freeze } from './freeze.ts';
import {
  freezeName,
  isAsDesired,
  isMarked,
  kitName,
  kitNamespace,
  meaning,
  meaningDigest,
  quarantinePolicyName,
} from './marks.ts';
import { livingOwners } from './owners.ts';
import { probeConnection } from './probe.ts';
import { listPolicies, loadSnapshot, toRestore, type Snapshot } from './snapshot.ts';
import { findNamespace, mandatedTarget, whoAmI } from './target.ts';
import { changeOf, find, settled, type Tally } from './write.ts';

const LIFTED_WITHIN_MS = 30_000;
const POLL_MS = 100;

interface Work extends Tally, Pick<Undone, 'conflicts' | 'notRestored'> {
  context: ActionContext;
  cluster: Cluster;
  namespace: string;
  uid: string;
}

/**
 * Puts back what was removed, then takes away the deny, the freeze and the kit: in reverse, so that the namespace stays frozen until its policies are whole.
 * Whatever somebody else has changed is reported and kept. Safe to run again after a kill at any point.
 */
export async function undo(
  cluster: Cluster,
  responderGroup: string,
  context: ActionContext,
  mandate: Mandate<{ cluster: string; namespace: string }>,
): Promise<Undone> {
  const { name: namespace, uid } = mandatedTarget(mandate);
  const work: Work = {
    context,
    cluster,
    namespace,
    uid,
    changes: [],
    already: 0,
    conflicts: [],
    notRestored: [],
  };
  const [current, base, engine] = await Promise.all([
    findNamespace(cluster, namespace, context.signal),
    loadSnapshot(context, mandate.base),
    whoAmI(cluster, context.signal),
  ]);
  const there = current?.metadata.uid === uid && current.metadata.deletionTimestamp === undefined;
  if (there) {
    await settled(toRestore(base).map((policy) => restore(work, policy)));
    await dismiss(
      work,
      { ...resources.networkPolicies, namespace, name: quarantinePolicyName },
      denyAll({ namespace, uid }),
    );
  } else {
    const why =
      current === undefined
        ? 'it does not exist any more'
        : 'it is being deleted, or another one has its name';
    work.conflicts.push({ object: `namespaces/${namespace}`, why: `${why}: nothing was put back into it` });
  }
  const name = freezeName(uid);
  const [policy, binding] = freeze({ namespace, uid }, { engine, responderGroup });
  // The binding first: a policy without one refuses nothing.
  await dismiss(work, { ...resources.validatingAdmissionPolicyBindings, name }, binding);
  await dismiss(work, { ...resources.validatingAdmissionPolicies, name }, policy);
  // While something is left to be settled, the way out by hand stays.
  if (work.conflicts.length === 0) await dismissKit(work);
  await nameLateRemovals(work, mandate.incident);
  const { changes, already, conflicts, notRestored } = work;
  return { changes, already, conflicts, notRestored, claims: there ? await measure(work, base) : [] };
}

async function restore(work: Work, policy: NetworkPolicy): Promise<void> {
  const { context, cluster, namespace } = work;
  const { name } = policy.metadata;
  const what = `networkpolicies/${name}`;
  const location = { ...resources.networkPolicies, namespace, name };
  const found = await find(cluster, location, context.signal);
  if (found !== undefined) return judgeFound(work, what, found, policy);
  const object = meaning(policy);
  const { kept, dropped } = await livingOwners(
    cluster,
    namespace,
    policy.metadata.ownerReferences ?? [],
    context.signal,
  );
  for (const { kind, name } of dropped) {
    work.notRestored.push(
      `${what}: its owner ${kind}/${name} is gone, or may not be read; with it the policy would be collected`,
    );
  }
  const { ownerReferences: _, ...metadata } = object.metadata;
  const wanted = {
    ...object,
    metadata: { ...metadata, name, ...(kept.length === 0 ? {} : { ownerReferences: kept }) },
  };
  await context.beforeWrite(`restore ${what}`);
  try {
    const created = await cluster.create({ ...resources.networkPolicies, namespace }, wanted, {
      signal: context.signal,
    });
    work.changes.push(changeOf('create', created, `${what} put back`));
    await context.checkpoint(`restored ${what}`);
  } catch (error) {
    if (!isKubernetesError(error, 'drift')) throw error;
    const other = await find(cluster, location, context.signal);
    if (other === undefined) throw error;
    judgeFound(work, what, other, policy);
  }
}

/** Owners that were dropped make no conflict: a policy that was put back earlier has to be known again. */
function judgeFound(work: Work, what: string, found: KubernetesObject, wanted: KubernetesObject): void {
  if (meaningDigest(withoutOwners(found)) === meaningDigest(withoutOwners(wanted))) work.already++;
  else
    work.conflicts.push({ object: what, why: 'somebody has made another one under its name: kept as it is' });
}

function withoutOwners(object: KubernetesObject): KubernetesObject {
  const { ownerReferences: _, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, name: object.metadata.name } };
}

/** Deletes one of our objects, as it was read; anything else in its place is a conflict. */
async function dismiss(
  work: Work,
  location: Location & { name: string },
  ours: KubernetesObject,
): Promise<void> {
  const { context, cluster, uid } = work;
  const what = `${resourceName(location)}/${location.name}`;
  const actual = await find(cluster, location, context.signal);
  if (actual === undefined || actual.metadata.deletionTimestamp !== undefined) {
    work.already++;
  } else if (!isMarked(actual, uid)) {
    work.conflicts.push({ object: what, why: "it does not bear this hold's mark: kept as it is" });
  } else if (!isAsDesired(actual, ours)) {
    work.conflicts.push({ object: what, why: 'somebody has altered it: kept as it is' });
  } else {
    await remove(work, location, actual);
  }
}

/** The kit's text belongs to the base, so its mark is what is asked for. */
async function dismissKit(work: Work): Promise<void> {
  const location = { ...resources.configMaps, namespace: kitNamespace, name: kitName(work.namespace) };
  const actual = await find(work.cluster, location, work.context.signal);
  if (actual !== undefined && isMarked(actual, work.uid)) await remove(work, location, actual);
  else work.already++;
}

async function remove(
  work: Work,
  location: Location & { name: string },
  actual: KubernetesObject,
): Promise<void> {
  const { context, cluster } = work;
  const what = `${resourceName(location)}/${location.name}`;
  const { uid, resourceVersion } = actual.metadata;
  await context.beforeWrite(`delete ${what}`);
  try {
    await cluster.delete(location, {
      signal: context.signal,
      preconditions: {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    });
    work.changes.push(changeOf('delete', actual, `${what} removed`));
  } catch (error) {
    if (isKubernetesError(error, 'gone')) work.already++;
    else if (isKubernetesError(error, 'drift'))
      work.conflicts.push({ object: what, why: 'somebody altered it just now: kept as it is' });
    else throw error;
  }
  await context.checkpoint(`deleted ${what}`);
}

async function nameLateRemovals(work: Work, incident: string): Promise<void> {
  const prefix = lateRemovalPrefix(work.uid);
  for (const { name, ref } of await work.context.evidence.index(incident)) {
    if (name.startsWith(prefix)) {
      work.notRestored.push(
        `networkpolicies/${name.slice(prefix.length)}: it was not in the base snapshot; kept as evidence ${ref.digest}`,
      );
    }
  }
}

/** What holds after the release. */
async function measure(work: Work, base: Snapshot): Promise<Claim[]> {
  const { context, cluster, namespace, uid } = work;
  const wanted = toRestore(base);
  const byName = new Map(
    (await listPolicies(cluster, namespace, context.signal)).map((policy) => [policy.metadata.name, policy]),
  );
  const differing = wanted
    .filter((policy) => {
      const actual = byName.get(policy.metadata.name);
      return (
        actual === undefined || meaningDigest(withoutOwners(actual)) !== meaningDigest(withoutOwners(policy))
      );
    })
    .map(({ metadata }) => metadata.name);
  const restored: Claim = {
    claim: `every removed NetworkPolicy of ${namespace} is as it was`,
    verdict: differing.length === 0 ? 'verified' : 'failed',
    detail:
      differing.length === 0
        ? `${wanted.length} compared with the base snapshot`
        : `differing: ${differing.slice(0, 10).join(', ')}`,
  };
  return [restored, await measureLift(context, cluster, namespace, freezeName(uid))];
}

/** The API server forgets a policy with a delay, as it learns it with one. */
async function measureLift(
  context: ActionContext,
  cluster: Cluster,
  namespace: string,
  freezeOf: string,
): Promise<Claim> {
  const claim = `exec in namespace ${namespace} is not refused by Firebreak any more`;
  const began = performance.now();
  for (;;) {
    const { outcome, detail } = await probeConnection(cluster, freezeOf, namespace, 'exec', context.signal);
    if (outcome === 'passed') return { claim, verdict: 'verified', detail };
    if (outcome === 'unclear') return { claim, verdict: 'unverifiable', detail };
    if (performance.now() - began > LIFTED_WITHIN_MS) return { claim, verdict: 'failed', detail };
    await context.checkpoint('await lift');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}
