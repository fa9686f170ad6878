import type { ActionContext } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import type { NetworkPolicy } from '../network-policy.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { holdSelector, isAsDesired, mark, meaningDigest, quarantinePolicyName } from './marks.ts';
import { listPolicies } from './policies.ts';
import { changeOf, find, type Tally } from './write.ts';

const ROUNDS = 10;
/** After so many lost races the write goes without precondition: it cannot lose, and what it overwrites is not copied. */
const CAREFUL_ROUNDS = 4;

export interface DenyTarget {
  namespace: string;
  uid: string;
}

export interface DenyWork extends Tally, DenyTarget {
  context: ActionContext;
  cluster: Cluster;
  /** Stores what the base does not have, before it is overwritten. */
  keepCopies: (policies: readonly KubernetesObject[]) => Promise<void>;
  /** UIDs of the base's policies: turned into the deny first, since their release is known to the kit. */
  inBase: ReadonlySet<string>;
}

/** Denies everything both ways for every pod. It is additive: it works once no other policy allows. */
export function denyAll({ namespace, uid }: DenyTarget, name = quarantinePolicyName): KubernetesObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, ...mark(uid) },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  };
}

/** Whether a policy is our deny-all and nothing else, under whatever name. */
export function isDeny(policy: KubernetesObject, target: DenyTarget): boolean {
  return isAsDesired(policy, denyAll(target, policy.metadata.name));
}

/**
 * Makes the deny stand whatever a tenant has put in its place: a foreign object of its name is overwritten, and where no object may be added (a quota that was filled up) an
 * existing policy is turned into it. Answers whether it stands: a tenant may win every race until the freeze holds, and none after it.
 */
export async function ensureDeny(work: DenyWork): Promise<boolean> {
  const { context, cluster, namespace } = work;
  const desired = denyAll(work);
  for (let round = 0; round < ROUNDS; round++) {
    const location = { ...resources.networkPolicies, namespace, name: quarantinePolicyName };
    const actual = await find(cluster, location, context.signal);
    if ((actual !== undefined && isDeny(actual, work)) || (await standsElsewhere(work, actual))) {
      work.already++;
      return true;
    }
    try {
      if (actual !== undefined) {
        if (await turnIntoDeny(work, actual, round < CAREFUL_ROUNDS)) return true;
        continue;
      }
      await context.beforeWrite(`create networkpolicies/${quarantinePolicyName}`);
      const { name: _, ...collection } = location;
      const created = await cluster.create(collection, desired, { signal: context.signal });
      work.changes.push(changeOf('create', created, `networkpolicies/${quarantinePolicyName} created`));
      await context.checkpoint(`created networkpolicies/${quarantinePolicyName}`);
      return true;
    } catch (error) {
      if (actual === undefined && isKubernetesError(error, 'forbidden', 'refused')) {
        if (await adopt(work)) return true;
        throw error;
      }
      // Somebody was quicker. But a missing namespace answers a creation with 404, and will again.
      const raced =
        isKubernetesError(error, 'drift') || (actual !== undefined && isKubernetesError(error, 'gone'));
      if (!raced) throw error;
    }
  }
  return false;
}

async function standsElsewhere(work: DenyWork, actual: KubernetesObject | undefined): Promise<boolean> {
  if (actual !== undefined) return false;
  const { cluster, context, namespace } = work;
  const marked = await listPolicies(cluster, namespace, context.signal, holdSelector);
  return marked.some((policy) => isDeny(policy, work));
}

/** Turns one of the policies that are there into the deny: an update needs no room. The base's come first, and among them those that allow. */
async function adopt(work: DenyWork): Promise<boolean> {
  const { cluster, context, namespace, inBase } = work;
  const rank = (policy: NetworkPolicy) => (inBase.has(policy.metadata.uid ?? '') ? 0 : 1);
  const candidates = (await listPolicies(cluster, namespace, context.signal))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => rank(a) - rank(b));
  for (const candidate of candidates) {
    try {
      if (await turnIntoDeny(work, candidate, true)) return true;
    } catch (error) {
      if (isKubernetesError(error, 'forbidden')) return false;
      if (!isKubernetesError(error, 'drift', 'gone')) throw error;
    }
  }
  return false;
}

/** Overwrites a policy with the deny: finalizers, owners and rules go. False when it was on its way out, and is gone with them. */
async function turnIntoDeny(work: DenyWork, actual: KubernetesObject, careful: boolean): Promise<boolean> {
  const { context, cluster, namespace } = work;
  const { name, uid, resourceVersion } = actual.metadata;
  const what = `networkpolicies/${name}`;
  await work.keepCopies([actual]);
  await context.beforeWrite(`take over ${what}`);
  const desired = denyAll(work, name);
  const metadata = { ...desired.metadata, ...(careful ? { uid, resourceVersion } : {}) };
  const replaced = await cluster.replace(
    { ...resources.networkPolicies, namespace, name },
    { ...desired, metadata },
    { signal: context.signal },
  );
  if (replaced.metadata.deletionTimestamp !== undefined) return false;
  work.changes.push({
    ...changeOf('update', replaced, `${what} was taken over: it denies everything now`),
    before: meaningDigest(actual),
  });
  await context.checkpoint(`took over ${what}`);
  return true;
}
