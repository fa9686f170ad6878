import { setTimeout as sleep } from 'node:timers/promises';
import type { Applied, Mandate } from '../../../domain/action.ts';
import { drift, targetGone } from '../quarantine/failures.ts';
import { boundApplied } from '../quarantine/report.ts';
import { findNamespace } from '../quarantine/target.ts';
import { ensure, type Tally } from '../quarantine/write.ts';
import { resources } from '../resources.ts';
import { MAX_NAMED, type BlockInput } from './contract.ts';
import { notEffective } from './failures.ts';
import { keepManifests, type PolicyReader } from './manifests.ts';
import { blockObjects, policyName } from './policy.ts';
import { tryAll } from './probe.ts';
import { replaceRunning } from './replace.ts';
import { findRunning, nameOf } from './running.ts';
import type { Work } from './target.ts';
import { findBlocked, labelOf } from './workloads.ts';

const EFFECTIVE_WITHIN_MS = 30_000;
/** Where something else refuses every probe first, a policy that stands this long is taken to be known to the API server. */
const MASKED_FOR_MS = 5_000;
const POLL_MS = 100;

/** Blocks, waits until it takes effect, and replaces what it was asked to. Safe to run again after a kill at any point. */
export async function apply(
  work: Work,
  mandate: Mandate<BlockInput>,
  imagePolicy: PolicyReader,
): Promise<Applied> {
  const { cluster, context, rule, hold, responderGroup } = work;
  const { signal } = context;
  await checkTargets(work);
  const name = policyName(work);
  const [policy, binding] = blockObjects({ hold, rule, responderGroup });
  const tally: Tally = { changes: [], already: 0 };
  const { validatingAdmissionPolicies: policies, validatingAdmissionPolicyBindings: bindings } = resources;
  // The policy first: a binding to nothing is no refusal, but the API server tells of it.
  await ensure(context, cluster, { ...policies, name }, policy, hold, tally);
  await ensure(context, cluster, { ...bindings, name }, binding, hold, tally);
  const effectiveMs = await awaitEffect(work, name);

  const before = await findRunning(cluster, rule, signal);
  const replaced = mandate.input.replace ? await replaceRunning(work, before.items) : undefined;
  const running = replaced === undefined ? before : await findRunning(cluster, rule, signal);
  const blocked = await findBlocked(cluster, rule, signal);
  const manifests = await keepManifests(work, mandate, imagePolicy);
  const left = replaced?.left ?? [];
  return boundApplied(context, {
    changes: [...tally.changes, ...(replaced?.changes ?? [])],
    already: tally.already,
    measures: { effectiveMs, running: running.items.length, replaced: replaced?.gone ?? 0 },
    outputs: {
      policy: name,
      denied: rule.deny.length,
      allowed: rule.namespaces.length === 0 ? 0 : rule.allow.length,
      running: running.items.slice(0, MAX_NAMED).map(nameOf),
      runningCount: running.items.length,
      blocked: blocked.items.slice(0, MAX_NAMED).map(labelOf),
      replaced: replaced?.gone ?? 0,
      notReplaced: left.slice(0, MAX_NAMED),
      manifests: manifests.count,
    },
    artefacts: manifests.artefacts,
    byHand: `kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy ${name}`,
    unavailable: [
      ...manifests.unavailable,
      ...missing('pods that run a denied digest', running.missing),
      ...missing('workloads that cannot start pods', blocked.missing),
      ...(left.length === 0
        ? []
        : [{ what: `replacement of ${left.length} pods`, why: left.slice(0, 10).join('; ') }]),
    ],
  });
}

function missing(what: string, why: string | undefined): Applied['unavailable'] {
  return why === undefined ? [] : [{ what, why }];
}

/** @throws TargetGone when a covered namespace is another one than was approved, or the cluster is */
async function checkTargets({ cluster, context, targets }: Work): Promise<void> {
  await Promise.all(
    targets.map(async ({ kind, name, uid }) => {
      const namespace = kind === 'Cluster' ? 'kube-system' : name;
      const found = await findNamespace(cluster, namespace, context.signal);
      if (found === undefined) throw targetGone(namespace, `does not exist in cluster ${cluster.name}`);
      if (found.metadata.uid === uid) return;
      if (kind === 'Cluster') throw drift(`cluster ${name}`, 'is another one than was approved');
      throw targetGone(name, 'is another one than was approved (its UID differs)');
    }),
  );
}

/** Milliseconds until every dry run that should be refused was. */
async function awaitEffect(work: Work, name: string): Promise<number> {
  const began = performance.now();
  for (;;) {
    const tried = (await tryAll(work)).filter(({ refused }) => refused);
    const elapsed = performance.now() - began;
    const open = tried.filter(({ outcome }) => outcome === 'passed' || outcome === 'unclear');
    const shown = tried.some(({ outcome }) => outcome === 'denied');
    if (open.length === 0 && (shown || elapsed > MASKED_FOR_MS)) return Math.round(elapsed);
    if (elapsed > EFFECTIVE_WITHIN_MS) {
      const [first] = open;
      throw notEffective(name, EFFECTIVE_WITHIN_MS, `${first?.namespace ?? ''}: ${first?.detail ?? ''}`);
    }
    await work.context.checkpoint('await effect');
    await sleep(POLL_MS, undefined, { signal: work.context.signal });
  }
}
