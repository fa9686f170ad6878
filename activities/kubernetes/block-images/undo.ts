import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, Undone } from '../../../domain/action.ts';
import { isKubernetesError } from '../errors.ts';
import { holdSelector, isAsDesired } from '../quarantine/marks.ts';
import { boundUndone } from '../quarantine/report.ts';
import { changeOf, type Tally } from '../quarantine/write.ts';
import { resourceName, resources, type KubernetesObject, type Resource } from '../resources.ts';
import { bindingOf, blockObjects, isOfHold, policyName, readRule } from './policy.ts';
import { tryAll, type Tried } from './probe.ts';
import type { Work } from './target.ts';

const LIFTED_WITHIN_MS = 30_000;
const POLL_MS = 100;
const { validatingAdmissionPolicies: policies, validatingAdmissionPolicyBindings: bindings } = resources;

/**
 * Takes away every block of the hold, also those of incidents that shared it: only the last one releases. What somebody has altered is kept and reported.
 * Safe to run again.
 */
export async function undo(work: Work): Promise<Undone> {
  const { cluster, context, hold, responderGroup } = work;
  const tally: Tally = { changes: [], already: 0 };
  const conflicts: Undone['conflicts'] = [];
  const ofHold = async (resource: Resource) => {
    const { items } = await cluster.list(resource, { signal: context.signal, labelSelector: holdSelector });
    return items.filter((object) => isOfHold(object, hold));
  };
  const [standing, bound] = await Promise.all([ofHold(policies), ofHold(bindings)]);
  if (standing.length + bound.length === 0) tally.already++;
  const removed = new Set<string>();
  // The binding first: a policy without one refuses nothing.
  for (const binding of bound) {
    const { name } = binding.metadata;
    const isOurs = isAsDesired(binding, bindingOf(name, hold));
    if (await dismiss(work, bindings, binding, isOurs, tally, conflicts)) removed.add(name);
  }
  for (const policy of standing) {
    const rule = readRule(policy, hold);
    const isOurs = rule !== undefined && isAsDesired(policy, blockObjects({ hold, rule, responderGroup })[0]);
    if (await dismiss(work, policies, policy, isOurs, tally, conflicts)) removed.add(policy.metadata.name);
  }
  const { changes, already } = tally;
  const claims = conflicts.length === 0 ? [await measureLift(work, removed)] : [];
  return boundUndone({ changes, already, conflicts, notRestored: [], claims });
}

/** Deletes one of our objects as it was read. Whether it is gone. */
async function dismiss(
  { cluster, context }: Work,
  resource: Resource,
  object: KubernetesObject,
  isOurs: boolean,
  tally: Tally,
  conflicts: Undone['conflicts'],
): Promise<boolean> {
  const { name, uid, resourceVersion, deletionTimestamp } = object.metadata;
  const what = `${resourceName(resource)}/${name}`;
  if (deletionTimestamp !== undefined) {
    tally.already++;
    return true;
  }
  if (!isOurs) {
    conflicts.push({ object: what, why: 'somebody has altered it: kept as it is' });
    return false;
  }
  await context.beforeWrite(`delete ${what}`);
  try {
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    await cluster.delete({ ...resource, name }, { signal: context.signal, preconditions });
    tally.changes.push(changeOf('delete', object, `${what} removed`));
  } catch (error) {
    if (isKubernetesError(error, 'gone')) tally.already++;
    else if (isKubernetesError(error, 'drift')) {
      conflicts.push({ object: what, why: 'somebody altered it just now: kept as it is' });
      return false;
    } else throw error;
  }
  await context.checkpoint(`deleted ${what}`);
  return true;
}

/** The API server forgets a policy with a delay, as it learns it with one. */
async function measureLift(work: Work, removed: ReadonlySet<string>): Promise<Claim> {
  const claim = 'no image is refused by what was removed any more';
  const names = [...removed, policyName(work)];
  const began = performance.now();
  for (;;) {
    const tried = (await tryAll(work)).filter(({ refused }) => refused);
    const denied = tried.find(({ detail }) => names.some((name) => detail.includes(name)));
    if (denied === undefined) return { claim, ...lifted(tried) };
    if (performance.now() - began > LIFTED_WITHIN_MS)
      return { claim, verdict: 'failed', detail: `${denied.namespace}: ${denied.detail}` };
    await work.context.checkpoint('await lift');
    await sleep(POLL_MS, undefined, { signal: work.context.signal });
  }
}

function lifted(tried: readonly Tried[]): Pick<Claim, 'verdict' | 'detail'> {
  const unclear = tried.find(({ outcome }) => outcome === 'unclear');
  if (unclear !== undefined) return { verdict: 'unverifiable', detail: unclear.detail };
  const masked = tried.find(({ outcome }) => outcome === 'masked');
  return masked === undefined
    ? { verdict: 'verified', detail: `${tried.length} dry runs were accepted` }
    : { verdict: 'evaluated', detail: `something else refuses them: ${masked.detail}` };
}
