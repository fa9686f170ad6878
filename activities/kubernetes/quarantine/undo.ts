import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Claim, Mandate, Undone } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import type { NetworkPolicy } from '../network-policy.ts';
import { resourceName, resources, type KubernetesObject, type Location } from '../resources.ts';
import { removedAfterBase } from './custody.ts';
import { denyAll, isDeny } from './deny.ts';
import { freeze } from './freeze.ts';
import {
  freezeName,
  holdSelector,
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
import { listPolicies } from './policies.ts';
import { boundUndone } from './report.ts';
import { loadSnapshot, toRestore, type Snapshot } from './snapshot.ts';
import { findNamespace, mandatedTarget, whoAmI } from './target.ts';
import { changeOf, find, type Tally } from './write.ts';

const LIFTED_WITHIN_MS = 30_000;
const POLL_MS = 100;
const AT_ONCE = 16;
const ROOM_WITHIN_MS = 10_000;

interface Work extends Tally, Pick<Undone, 'conflicts' | 'notRestored'> {
  /** What the cluster did not take back at first, and why. */
  refused: Map<NetworkPolicy, string>;
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
    refused: new Map(),
  };
  const [current, base, engine] = await Promise.all([
    findNamespace(cluster, namespace, context.signal),
    loadSnapshot(context, mandate.base),
    whoAmI(cluster, context.signal),
  ]);
  const there = current?.metadata.uid === uid && current.metadata.deletionTimestamp === undefined;
  if (there) {
    await restorePolicies(work, base);
    await restoreRefused(work);
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
  await nameLateRemovals(work, mandate, base);
  const { changes, already, conflicts, notRestored } = work;
  const claims = there ? await measure(work, base) : [];
  return boundUndone({ changes, already, conflicts, notRestored, claims });
}

/** The deny goes last, and what was turned into it becomes in one write what it was: there is no moment in between when a pod is open to more than before. */
async function restorePolicies(work: Work, base: Snapshot): Promise<void> {
  const { context, cluster, namespace, uid } = work;
  const denies = new Set(
    (await listPolicies(cluster, namespace, context.signal, holdSelector))
      .filter((policy) => isDeny(policy, work))
      .map(({ metadata }) => metadata.name),
  );
  const wanted = new Map(toRestore(base).map((policy) => [policy.metadata.name, policy]));
  await inParallel(
    [...wanted.values()].filter(({ metadata }) => !denies.has(metadata.name)),
    AT_ONCE,
    (policy) => restore(work, policy),
  );
  const before = new Map(base.networkPolicies.map((policy) => [policy.metadata.name, policy]));
  // Ours is looked for even when it does not stand as it should.
  for (const name of new Set([...denies, quarantinePolicyName])) {
    const policy = wanted.get(name) ?? (denies.has(name) ? before.get(name) : undefined);
    if (policy !== undefined && !isDeny(policy, work)) {
      if (denies.has(name)) await restore(work, policy);
    } else {
      await dismiss(
        work,
        { ...resources.networkPolicies, namespace, name },
        denyAll({ namespace, uid }, name),
      );
    }
  }
}

/** A quota may have room for the last policies only once the deny is gone, and has been counted again. */
async function restoreRefused(work: Work): Promise<void> {
  const began = performance.now();
  while (work.refused.size > 0 && performance.now() - began < ROOM_WITHIN_MS) {
    await work.context.checkpoint('await room');
    await sleep(POLL_MS, undefined, { signal: work.context.signal });
    const again = [...work.refused.keys()];
    work.refused.clear();
    await inParallel(again, AT_ONCE, (policy) => restore(work, policy));
  }
  for (const [{ metadata }, why] of work.refused)
    work.conflicts.push({
      object: `networkpolicies/${metadata.name}`,
      why: `the cluster does not take it back: ${why}`,
    });
}

async function restore(work: Work, policy: NetworkPolicy): Promise<void> {
  const { context, cluster, namespace } = work;
  const { name } = policy.metadata;
  const what = `networkpolicies/${name}`;
  const location = { ...resources.networkPolicies, namespace, name };
  const found = await find(cluster, location, context.signal);
  if (found !== undefined && !isDeny(found, work)) return judgeFound(work, what, found, policy);
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
    if (found === undefined) {
      const created = await cluster.create({ ...resources.networkPolicies, namespace }, wanted, {
        signal: context.signal,
      });
      work.changes.push(changeOf('create', created, `${what} put back`));
    } else {
      const { uid, resourceVersion } = found.metadata;
      const body = { ...wanted, metadata: { ...wanted.metadata, uid, resourceVersion } };
      const replaced = await cluster.replace(location, body, { signal: context.signal });
      work.changes.push({
        ...changeOf('update', replaced, `${what} is again what it was before it was turned into the deny`),
        before: meaningDigest(found),
      });
    }
    await context.checkpoint(`restored ${what}`);
  } catch (error) {
    if (isKubernetesError(error, 'forbidden', 'refused')) {
      work.refused.set(policy, error.message);
      return;
    }
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

async function nameLateRemovals(
  work: Work,
  mandate: Pick<Mandate, 'authority' | 'base'>,
  base: Snapshot,
): Promise<void> {
  const before = new Set(base.networkPolicies.map(({ metadata }) => metadata.name));
  for (const { name, ref } of await removedAfterBase(work.context, mandate)) {
    const why = before.has(name)
      ? 'this form of it came after the base snapshot'
      : 'it was not in the base snapshot';
    work.notRestored.push(`networkpolicies/${name}: ${why}; kept as evidence ${ref.digest}`);
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
