import type { ActionContext, Limit, Plan, TargetFacts } from '../../../domain/action.ts';
import { builtInProtected, isProtected } from '../../../domain/guardrails.ts';
import type { Cluster } from '../client.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import { isAsDesired } from '../quarantine/marks.ts';
import { findSupports } from '../quarantine/surroundings.ts';
import { whoAmI } from '../quarantine/target.ts';
import { changeOf } from '../quarantine/write.ts';
import { named } from '../restart/left.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { actionName, type BlockInput } from './contract.ts';
import { alwaysNotCovered, limitOf } from './limits.ts';
import { blockObjects, isOfHold, policyName, ruleOfAny } from './policy.ts';
import { sort } from './replace.ts';
import { findRunning, nameOf, type Running } from './running.ts';
import { refusalOf, ruleOf, type Rule } from './rule.ts';
import { authorityOf, findTargets, holdOf } from './target.ts';
import { findBlocked, labelOf, type Blocked } from './workloads.ts';

const PLAN_MS = 25_000;
const AT_ONCE = 4;
/** Namespaces beside the covered ones of which is asked whether the cluster stands on them. */
const MAX_ASKED = 50;
/** Pods that a person is asked for, in steps with room: others may start while the approval is pending. */
const CAPS = [20, 200];
const MAX_CAP = 2_000;
/** What denies digests everywhere is no namespace to guardrails: `guardrails.protectedPrincipals` can name it. */
const everywhere = 'admission/images';

/** Reads only, all of it in parallel, within 25 s. */
export async function plan(
  cluster: Cluster,
  responderGroup: string,
  given: ActionContext,
  input: BlockInput,
): Promise<Plan> {
  const signal = AbortSignal.any([given.signal, AbortSignal.timeout(PLAN_MS)]);
  const context = { ...given, signal };
  const rule = ruleOf(input);
  const [targets, running, blocked, policies, bindings, engine] = await Promise.all([
    findTargets(cluster, rule, signal),
    findRunning(cluster, rule, signal),
    findBlocked(cluster, rule, signal),
    cluster.list(resources.validatingAdmissionPolicies, { signal }),
    cluster.list(resources.validatingAdmissionPolicyBindings, { signal }),
    whoAmI(cluster, signal),
  ]);
  const hold = holdOf(targets);
  const objects = blockObjects({ hold, rule, responderGroup });
  const evictable = input.replace ? await sort({ cluster, context, rule }, running.items) : undefined;
  const count = evictable?.replaceable.length ?? 0;
  const cap = input.replace ? (CAPS.find((step) => count <= step / 2) ?? MAX_CAP) : undefined;
  const authority = authorityOf(actionName, targets, rule, cap);
  const standing = [...policies.items, ...bindings.items].filter((one) => isOfHold(one, hold));
  const facts = await factsOf(cluster, rule, blocked.items, evictable?.replaceable ?? [], engine, signal);
  const changes = objects.map((object) => {
    const stands = standing.some((one) => one.kind === object.kind && isAsDesired(one, object));
    return changeOf('create', object, `${summaryOf(object)}${stands ? ' (stands already)' : ''}`);
  });
  const snapshot = {
    v: 1,
    cluster: cluster.name,
    takenAt: context.now().toISOString(),
    hold,
    rule,
    standing,
  };
  const put = (value: unknown) =>
    context.evidence.put(JSON.stringify(value), 'application/json', { essential: true });
  const whole = {
    action: actionName,
    authority,
    facts,
    changes,
    changeCount: changes.length,
    notCovered: [
      ...limits(rule, running.items, blocked.items, policies.items, hold),
      ...[running.missing, blocked.missing].flatMap((why) =>
        why === undefined
          ? []
          : [{ code: 'not-listed', text: `What runs, or could not start again, was not all listed: ${why}` }],
      ),
      ...alwaysNotCovered,
    ],
    undo: {
      kind: 'restore' as const,
      text: `${policyName({ hold, rule })} and its binding are removed; ${input.replace ? 'evicted pods stay replaced' : 'nothing else was changed'}`,
    },
    description: describe(cluster.name, responderGroup, rule, running.items, blocked.items, evictable),
    snapshot: await put(snapshot),
    ...(standing.length === 0 ? {} : { alreadyHeld: true }),
  };
  return { ...whole, full: await put({ ...whole, rule, running, blocked }) };
}

function summaryOf({ kind }: KubernetesObject): string {
  return kind.endsWith('Binding')
    ? 'puts that refusal into force'
    : 'refuses pods and templates that name what is denied, or what is not allowed where it holds';
}

/**
 * A covered namespace is judged like one that is quarantined. What is denied everywhere is judged by what it would keep from starting: a workload in a
 * namespace that the cluster stands on.
 */
async function factsOf(
  cluster: Cluster,
  rule: Rule,
  blocked: readonly Blocked[],
  evictable: readonly Running[],
  engine: string,
  signal: AbortSignal,
): Promise<TargetFacts[]> {
  const { name, environment } = cluster;
  const covered: TargetFacts[] = rule.namespaces.map((namespace) => ({
    cluster: name,
    namespace,
    supports: [],
    pods: evictable.filter((pod) => pod.namespace === namespace).length,
    environment,
  }));
  await inParallel(covered, AT_ONCE, async (fact) => {
    fact.supports = await findSupports(cluster, fact.namespace, engine, signal);
  });
  if (rule.deny.length === 0) return covered;
  const beside = [...new Set(blocked.map(({ namespace }) => namespace))].filter(
    (namespace) => !rule.namespaces.includes(namespace),
  );
  const supports: string[] = [];
  await inParallel(beside.slice(0, MAX_ASKED), AT_ONCE, async (namespace) => {
    const [reason] = await findSupports(cluster, namespace, engine, signal);
    if (reason === undefined) return;
    const what = blocked.filter((one) => one.namespace === namespace).map(labelOf);
    supports.push(
      `${named(what)} could not start again, in a namespace that holds up the cluster: ${reason}`,
    );
  });
  return [
    ...covered,
    {
      cluster: name,
      namespace: '',
      principal: everywhere,
      supports: supports.toSorted(),
      pods: 0,
      environment,
    },
  ];
}

function limits(
  rule: Rule,
  running: readonly Running[],
  blocked: readonly Blocked[],
  policies: readonly KubernetesObject[],
  hold: string,
): Limit[] {
  const own = policyName({ hold, rule });
  const others = policies.flatMap((policy) => {
    const other = policy.metadata.name === own ? undefined : ruleOfAny(policy);
    const isStricter =
      other !== undefined &&
      rule.namespaces.some((namespace) =>
        rule.allow.some((digest) => refusalOf(`any@${digest}`, namespace, other) !== undefined),
      );
    return isStricter ? [policy.metadata.name] : [];
  });
  const both = rule.allow.filter((digest) => rule.deny.includes(digest));
  return [
    ...limitOf(
      'cannot-restart',
      'Workloads whose template is refused now: they will not be able to start pods again, not after a crash of a node either, until they are rolled back.',
      blocked.map(labelOf),
    ),
    ...limitOf('running-denied', 'Pods that run a denied digest, and go on.', running.map(nameOf)),
    ...limitOf(
      'running-protected',
      'Pods with a denied digest in namespaces that Firebreak never touches.',
      running.filter(({ namespace }) => isProtected(namespace, builtInProtected)).map(nameOf),
    ),
    ...limitOf(
      'stricter-block',
      'Other blocks in force refuse digests that this one allows: an image must pass all of them, so release those first where it must start.',
      others,
    ),
    ...limitOf('denied-and-allowed', 'Digests on both lists: they are denied.', both),
  ];
}

function describe(
  cluster: string,
  responderGroup: string,
  { namespaces, deny, allow }: Rule,
  running: readonly Running[],
  blocked: readonly Blocked[],
  evictable: Awaited<ReturnType<typeof sort>> | undefined,
): Plan['description'] {
  const where = namespaces.join(', ');
  const ifApproved: string[] = [];
  if (deny.length > 0)
    ifApproved.push(
      `${deny.length} denied digests cannot start in any namespace that is not protected: ${named(deny)}.`,
    );
  if (namespaces.length > 0)
    ifApproved.push(
      allow.length === 0
        ? `NOTHING new can start in ${where}: no digest is allowed there.`
        : `In ${where} only images start that are pinned to one of ${allow.length} digests.`,
    );
  if (blocked.length > 0)
    ifApproved.push(
      `${blocked.length} workloads will NOT be able to start pods again: ${named(blocked.map(labelOf))}.`,
    );
  if (evictable !== undefined)
    ifApproved.push(
      `${evictable.replaceable.length} pods that run a denied digest are evicted, as PodDisruptionBudgets allow; ${evictable.unfit.length} are left.`,
    );
  ifApproved.push(
    evictable === undefined
      ? `${running.length} pods that run a denied digest go on; nothing is stopped.`
      : 'Their memory and logs are lost: collect evidence before.',
    `Controllers are not exempt; members of the group ${responderGroup} are, with pods that they make themselves.`,
  );
  const what = namespaces.length === 0 ? `${deny.length} image digests` : `images in ${named(namespaces)}`;
  return {
    title: `Block ${what} in ${cluster}`,
    ifApproved,
    ifDenied: ['Nothing changes: these images can be started, and restarted, by whoever may deploy.'],
  };
}
