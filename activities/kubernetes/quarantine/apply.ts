import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionContext, Applied, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull, type EvidenceRef } from '../../../domain/evidence.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { beyondAuthority, drift, notEffective, targetGone } from './failures.ts';
import { denyAll, freeze } from './freeze.ts';
import { freezeName, isAsDesired, kitName, kitNamespace, quarantinePolicyName } from './marks.ts';
import { probePolicy } from './probe.ts';
import { kitConfigMap, releaseCommand, releaseScript } from './release-kit.ts';
import { listPolicies, loadSnapshot, removable, toRestore, type Snapshot } from './snapshot.ts';
import { mandatedTarget, readNamespace, refuseProtected, whoAmI } from './target.ts';
import { changeOf, ensure, settled, type Tally } from './write.ts';

const FREEZE_WITHIN_MS = 30_000;
const POLL_MS = 100;
/** Lists until none is left. Once frozen nobody adds any, so a few rounds do. */
const ROUNDS = 20;
const MANAGED_BY = 'app.kubernetes.io/managed-by';

/** How removed policies that the base does not have are called in the chain of custody; `undo` names them again. */
export function lateRemovalPrefix(namespaceUid: string): string {
  return `quarantine/${namespaceUid}/removed-after-base/networkpolicies/`;
}

interface Work extends Tally {
  context: ActionContext;
  cluster: Cluster;
  mandate: Mandate<{ cluster: string; namespace: string }>;
  namespace: string;
  uid: string;
  base: Snapshot;
  artefacts: EvidenceRef[];
  unavailable: Applied['unavailable'];
}

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
  const work: Work = {
    context,
    cluster,
    mandate,
    namespace,
    uid,
    base,
    changes: [],
    already: 0,
    artefacts: [],
    unavailable: [],
  };

  await storeKit(work);
  const deny = denyAll({ namespace, uid });
  const ensureDeny = () =>
    ensure(
      context,
      cluster,
      { ...resources.networkPolicies, namespace, name: quarantinePolicyName },
      deny,
      uid,
      work,
    );
  const [policy, binding] = freeze({ namespace, uid }, { engine, responderGroup });
  const name = freezeName(uid);
  await settled([
    ensureDeny(),
    ensure(context, cluster, { ...resources.validatingAdmissionPolicies, name }, policy, uid, work),
    ensure(context, cluster, { ...resources.validatingAdmissionPolicyBindings, name }, binding, uid, work),
  ]);
  const freezeMs = await awaitFreeze(work);
  const removed = await removeAllows(work, async () => void (await ensureDeny()));
  return {
    changes: work.changes,
    already: work.already,
    measures: { freezeEffectiveMs: freezeMs, containedMs: Math.round(performance.now() - began) },
    outputs: {
      removedPolicies: removed,
      freeze: name,
      policy: quarantinePolicyName,
      kit: `${kitNamespace}/${kitName(namespace)}`,
    },
    artefacts: work.artefacts,
    byHand: releaseCommand(namespace),
    unavailable: work.unavailable,
  };
}

/** The way out comes before the first write. It must never be what keeps a containment from happening. */
async function storeKit(work: Work): Promise<void> {
  const { context, cluster, mandate, namespace, uid, base } = work;
  const source = {
    cluster: cluster.name,
    namespace,
    uid,
    removed: toRestore(base),
    base: mandate.base.digest,
  };
  const script = releaseScript(source);
  try {
    const ref = await context.evidence.put(script, 'application/x-sh');
    work.artefacts.push(ref);
    await context.evidence.record([
      {
        ref,
        name: `quarantine/${uid}/release.sh`,
        incident: mandate.incident,
        collector: 'kubernetes.quarantine-namespace',
        source: `cluster ${cluster.name}`,
        at: context.now().toISOString(),
      },
    ]);
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    work.unavailable.push({ what: 'release kit in the evidence store', why: error.message });
  }
  const { object, whole } = kitConfigMap(source, script);
  if (!whole)
    work.unavailable.push({
      what: 'release kit in the cluster',
      why: 'it is too large for a ConfigMap: only a pointer is stored',
    });
  try {
    const location = { ...resources.configMaps, namespace: kitNamespace, name: kitName(namespace) };
    // A kit of an earlier namespace of this name is of no use any more.
    const isKit = (actual: KubernetesObject) => actual.metadata.labels?.[MANAGED_BY] === 'firebreak';
    await ensure(context, cluster, location, object, uid, work, isKit);
  } catch (error) {
    if (!isKubernetesError(error, 'gone', 'forbidden')) throw error;
    work.unavailable.push({
      what: `release kit in the cluster's namespace ${kitNamespace}`,
      why: error.message,
    });
  }
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

/** Removes what still allows traffic, up to the cap; answers how many in all. */
async function removeAllows(work: Work, ensureDeny: () => Promise<void>): Promise<number> {
  const { context, cluster, mandate, namespace, uid, base } = work;
  const cap = mandate.authority.caps['policies'] ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    const policies = await listPolicies(cluster, namespace, context.signal);
    // Before the freeze took hold, anybody could have altered or removed it.
    const deny = policies.find(({ metadata }) => metadata.name === quarantinePolicyName);
    if (deny === undefined || !isAsDesired(deny, denyAll({ namespace, uid }))) await ensureDeny();
    const left = removable(policies, uid);
    const present = new Set(policies.map(({ metadata }) => metadata.uid));
    const gone = toRestore(base).filter(({ metadata }) => !present.has(metadata.uid)).length;
    if (left.length === 0) return gone;
    const late = work.changes.filter(({ summary }) => summary === LATE).length;
    const room = Math.max(0, cap - gone - late);
    await settled(left.slice(0, room).map((policy) => remove(work, policy)));
    if (left.length > room) {
      throw beyondAuthority(
        `${left.length - room} NetworkPolicies that allow traffic remain in ${namespace}: ${cap} were authorised, and ${cap} are removed`,
      );
    }
  }
  throw drift(
    `networkpolicies in ${namespace}`,
    `that allow traffic appeared again ${ROUNDS} times although the namespace is frozen`,
  );
}

const LATE = 'removed: it allowed traffic, and was not in the base snapshot';

async function remove(work: Work, policy: KubernetesObject): Promise<void> {
  const { context, cluster, namespace, base } = work;
  const { name, uid, resourceVersion, finalizers } = policy.metadata;
  const what = `networkpolicies/${name}`;
  const location = { ...resources.networkPolicies, namespace, name };
  const known = base.networkPolicies.some(
    ({ metadata }) => metadata.uid === uid && metadata.resourceVersion === resourceVersion,
  );
  if (!known) await keepCopy(work, policy);
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
    work.changes.push(changeOf('delete', policy, known ? 'removed: it allowed traffic' : LATE));
    await context.checkpoint(`deleted ${what}`);
  } catch (error) {
    // Gone, or changed since the list: the next list tells.
    if (!isKubernetesError(error, 'gone', 'drift')) throw error;
  }
}

/** What the base does not have is kept in evidence before it is removed. */
async function keepCopy(work: Work, policy: KubernetesObject): Promise<void> {
  const { context, cluster, mandate, uid } = work;
  try {
    const ref = await context.evidence.put(JSON.stringify(policy), 'application/json');
    work.artefacts.push(ref);
    await context.evidence.record([
      {
        ref,
        name: `${lateRemovalPrefix(uid)}${policy.metadata.name}`,
        incident: mandate.incident,
        collector: 'kubernetes.quarantine-namespace',
        source: `cluster ${cluster.name}`,
        at: context.now().toISOString(),
      },
    ]);
  } catch (error) {
    if (!(error instanceof EvidenceStoreFull)) throw error;
    work.unavailable.push({ what: `copy of networkpolicies/${policy.metadata.name}`, why: error.message });
  }
}
