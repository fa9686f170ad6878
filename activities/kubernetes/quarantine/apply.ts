import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Applied } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { beyondAuthority, drift, notEffective, recoverable, targetGone } from './failures.ts';
import { custody, removedAfterBase } from './custody.ts';
import { ensureDeny, isDeny } from './deny.ts';
import { freeze } from './freeze.ts';
import { freezeName, kitName, kitNamespace } from './marks.ts';
import { listPolicies, removable } from './policies.ts';
import { probePolicy } from './probe.ts';
import { releaseCommand } from './release-kit.ts';
import { boundApplied } from './report.ts';
import { loadSnapshot, toRestore } from './snapshot.ts';
import { storeKit, type KitWork } from './store-kit.ts';
import { mandatedTarget, readNamespace, refuseProtected, whoAmI } from './target.ts';
import { changeOf, ensure, settled } from './write.ts';

const FREEZE_WITHIN_MS = 30_000;
const POLL_MS = 100;
const ROUNDS = 20;
/** Copied, then removed, at once: bounds what is in flight, and what is copied and still there after a kill. */
const BATCH = 200;

type Work = KitWork;

/** Contains: safe to run again after a kill at any point, and beside another worker that runs it too. */
export async function apply(
  cluster: Cluster,
  responderGroup: string,
  context: ActionContext,
  mandate: Work['mandate'],
): Promise<Applied> {
  const target = mandatedTarget(mandate);
  const { name: namespace, uid } = target;
  refuseProtected(namespace);
  const began = performance.now();
  const [current, base, engine] = await Promise.all([
    readNamespace(cluster, namespace, context.signal),
    loadSnapshot(context, mandate.base),
    whoAmI(cluster, context.signal),
  ]);
  if (current.metadata.uid !== uid)
    throw targetGone(namespace, 'is another one than was approved (its UID differs)');
  if (base.namespace.metadata.uid !== uid) throw drift('the base snapshot', 'is of another namespace');
  const held = custody(context, mandate, cluster.name, base);
  const work: Work = {
    context,
    cluster,
    mandate,
    namespace,
    uid,
    base,
    inBase: new Set(base.networkPolicies.map(({ metadata }) => metadata.uid ?? '')),
    custody: held,
    keepCopies: held.keep,
    changes: [],
    already: 0,
  };

  await storeKit(work);
  const [policy, binding] = freeze({ namespace, uid }, { engine, responderGroup });
  const name = freezeName(uid);
  const { validatingAdmissionPolicies: policies, validatingAdmissionPolicyBindings: bindings } = resources;
  const [denied, frozen] = await Promise.allSettled([
    ensureDeny(work),
    settled([
      ensure(context, cluster, { ...policies, name }, policy, uid, work),
      ensure(context, cluster, { ...bindings, name }, binding, uid, work),
    ]),
  ]);
  if (denied.status === 'rejected') throw denied.reason;
  const unfrozen = frozen.status === 'rejected' ? recoverable(frozen.reason) : undefined;
  // The network does not wait for the freeze: neither for one that is late, nor for one that cannot be had.
  const [early, late] = await Promise.allSettled([
    denied.value ? removeAllows(work) : undefined,
    unfrozen === undefined ? awaitFreeze(work) : undefined,
  ]);
  if (early.status === 'rejected') recoverable(early.reason);
  const notFrozen = unfrozen ?? (late.status === 'rejected' ? recoverable(late.reason) : undefined);
  const removed = await removeUntilNone(work).catch((error: unknown) => {
    recoverable(error);
    throw notFrozen ?? error;
  });
  if (notFrozen !== undefined) throw notFrozen;
  const { artefacts, unavailable } = held;
  return boundApplied(context, {
    changes: work.changes,
    already: work.already,
    measures: {
      freezeEffectiveMs: late.status === 'fulfilled' ? (late.value ?? 0) : 0,
      containedMs: Math.round(performance.now() - began),
    },
    outputs: {
      removedPolicies: removed.gone,
      freeze: name,
      policy: removed.deny,
      kit: `${kitNamespace}/${kitName(namespace)}`,
    },
    artefacts,
    byHand: releaseCommand(namespace),
    unavailable,
  });
}

/** Milliseconds until a dry run was refused by our policy. */
async function awaitFreeze({ context, cluster, namespace, uid }: Work): Promise<number> {
  const began = performance.now();
  for (;;) {
    const probed = await probePolicy(cluster, freezeName(uid), namespace, context.signal);
    const elapsed = performance.now() - began;
    if (probed.outcome === 'denied') return Math.round(elapsed);
    if (elapsed > FREEZE_WITHIN_MS) throw notEffective(freezeName(uid), FREEZE_WITHIN_MS, probed.detail);
    await context.checkpoint('await freeze');
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** One pass over all that allows traffic, within the cap. */
async function removeAllows(
  work: Work,
): Promise<{ deny?: string; clean: boolean; beyond: number; gone: number }> {
  const { context, cluster, mandate, namespace, base } = work;
  const cap = mandate.authority.caps['policies'] ?? 0;
  const policies = await listPolicies(cluster, namespace, context.signal);
  const left = removable(policies);
  const uids = new Set(policies.map(({ metadata }) => metadata.uid));
  const names = new Set(policies.map(({ metadata }) => metadata.name));
  const ours = removable(toRestore(base));
  const gone = ours.filter(({ metadata }) => !uids.has(metadata.uid)).length;
  const deny = policies.find((policy) => isDeny(policy, work))?.metadata.name;
  if (left.length === 0 && deny !== undefined) return { deny, clean: true, beyond: 0, gone };
  // A pod that no policy selects is open: nothing is removed before the deny stands.
  if (deny === undefined && !(await ensureDeny(work))) return { clean: false, beyond: 0, gone };
  for (const { metadata } of ours) names.add(metadata.name);
  // Earlier attempts and other incidents under this hold count: the record is written before the removal.
  const late = new Set(
    (await removedAfterBase(context, mandate)).map(({ name }) => name).filter((name) => !names.has(name)),
  );
  const within = left.slice(0, Math.max(0, cap - gone - late.size));
  for (let from = 0; from < within.length; from += BATCH) {
    const batch = within.slice(from, from + BATCH);
    await work.keepCopies(batch);
    await settled(batch.map((policy) => remove(work, policy)));
  }
  // Others may have been quicker: beyond is only what is left when nothing within is.
  return { clean: false, beyond: within.length === 0 ? left.length : 0, gone };
}

/** Removes until nothing allows traffic and the deny stands. Once frozen nobody undoes it, so a few rounds do. */
async function removeUntilNone(work: Work): Promise<{ gone: number; deny: string }> {
  const { namespace } = work;
  for (let round = 0; round < ROUNDS; round++) {
    const { deny, clean, beyond, gone } = await removeAllows(work);
    if (clean && deny !== undefined) return { gone, deny };
    if (beyond > 0) {
      const cap = work.mandate.authority.caps['policies'] ?? 0;
      throw beyondAuthority(
        `${beyond} NetworkPolicies that allow traffic remain in ${namespace}: ${cap} were authorised, and so many are removed`,
      );
    }
  }
  throw drift(
    `networkpolicies in ${namespace}`,
    `were written by others ${ROUNDS} times over, although the namespace should be frozen`,
  );
}

async function remove(work: Work, policy: KubernetesObject): Promise<void> {
  const { context, cluster, namespace } = work;
  const { name, uid, resourceVersion, finalizers } = policy.metadata;
  const what = `networkpolicies/${name}`;
  const location = { ...resources.networkPolicies, namespace, name };
  try {
    let version = resourceVersion;
    if (finalizers !== undefined && finalizers.length > 0) {
      // A finalizer would keep it, and what it allows, for as long as its author likes.
      await context.beforeWrite(`unfinalize ${what}`);
      const patch = { metadata: { finalizers: null, uid, resourceVersion } };
      version = (await cluster.patch(location, patch, { signal: context.signal })).metadata.resourceVersion;
      await context.checkpoint(`unfinalized ${what}`);
    }
    await context.beforeWrite(`delete ${what}`);
    await cluster.delete(location, {
      signal: context.signal,
      preconditions: {
        ...(uid === undefined ? {} : { uid }),
        ...(version === undefined ? {} : { resourceVersion: version }),
      },
    });
    work.changes.push(changeOf('delete', policy, 'removed: it allowed traffic'));
    await context.checkpoint(`deleted ${what}`);
  } catch (error) {
    // Gone, or changed since the list: the next list tells.
    if (!isKubernetesError(error, 'gone', 'drift')) throw error;
  }
}
