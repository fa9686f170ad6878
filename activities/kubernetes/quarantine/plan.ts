import type { ActionContext, Authority, Change, Plan } from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { allowances, type NetworkPolicy } from '../network-policy.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { truncate } from '../../../domain/safe-text.ts';
import { denyAll, isDeny } from './deny.ts';
import { freeze } from './freeze.ts';
import { findLimits, type Pod } from './limits.ts';
import { freezeName, isMarked, kitName, kitNamespace, meaningDigest, quarantinePolicyName } from './marks.ts';
import { listPolicies, removable } from './policies.ts';
import { storeSnapshot, type Snapshot } from './snapshot.ts';
import { findSupports } from './surroundings.ts';
import { readNamespace, whoAmI } from './target.ts';
import { changeOf, find } from './write.ts';

/**
 * How many removals a person is asked for: steps with room, so that whoever adds policies while the approval is pending neither changes what is asked nor gets
 * beyond it soon. What the freeze left standing beyond one step is well within the next plan's.
 */
const CAPS = [2_000, 20_000];
const MAX_CAP = 100_000;
const MAX_SHOWN = 50;
const PLAN_MS = 20_000;

/** Reads only, all of it in parallel, within 20 s. */
export async function plan(
  action: string,
  cluster: Cluster,
  responderGroup: string,
  context: ActionContext,
  name: string,
): Promise<Plan> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PLAN_MS)]);
  const [namespace, networkPolicies, pods, engine] = await Promise.all([
    readNamespace(cluster, name, signal),
    listPolicies(cluster, name, signal),
    cluster.list<Pod>({ ...resources.pods, namespace: name }, { signal }),
    whoAmI(cluster, signal),
  ]);
  const [supports, notCovered] = await Promise.all([
    findSupports(cluster, name, engine, signal),
    findLimits(cluster, name, pods.items, signal),
  ]);
  const uid = namespace.metadata.uid ?? '';
  const snapshot: Snapshot = {
    v: 1,
    cluster: cluster.name,
    takenAt: context.now().toISOString(),
    namespace,
    networkPolicies,
  };
  const target = { namespace: name, uid };
  const removed = removable(networkPolicies);
  const squatter = networkPolicies.find(
    (policy) => policy.metadata.name === quarantinePolicyName && !isDeny(policy, target),
  );
  const alreadyHeld = await isHeld(cluster, target, networkPolicies, signal);
  const cap = CAPS.find((step) => removed.length <= step / 2) ?? MAX_CAP;
  const changes: Change[] = [
    squatter === undefined
      ? changeOf('create', denyAll(target), 'denies all traffic of all pods, both ways')
      : takeover(squatter, denyAll(target)),
    ...freeze(target, { engine, responderGroup }).map((object) =>
      changeOf(
        'create',
        object,
        object.kind.endsWith('Binding')
          ? 'puts that refusal into force in this namespace alone'
          : 'refuses exec, attach, port-forward and writes in the namespace',
      ),
    ),
    ...removed.map(removal),
  ];
  const authority: Authority = {
    action,
    targets: [{ kind: 'Namespace', cluster: cluster.name, name, uid }],
    rule:
      `deny all traffic both ways, freeze admission, remove every NetworkPolicy in this namespace that allows traffic, at most ${cap}, ` +
      "and replace any policy that bears the quarantine's name; where no policy may be added, turn one into the deny",
    caps: { policies: cap },
    undo: 'restore',
  };
  const whole = {
    action,
    authority,
    facts: [
      {
        cluster: cluster.name,
        namespace: name,
        supports,
        pods: pods.items.length,
        environment: cluster.environment,
      },
    ],
    changeCount: changes.length,
    notCovered,
    undo: {
      kind: 'restore' as const,
      text: `the ${removed.length} removed NetworkPolicies are put back as they were, then the deny and the freeze are removed`,
    },
    description: {
      title: `Quarantine namespace ${name} in ${cluster.name}`,
      ifApproved: [
        `${pods.items.length} pods in ${name} lose all network traffic, in and out, DNS included.`,
        `${removed.length} NetworkPolicies that allow traffic are removed; they are stored, and put back at the release.`,
        `Nobody but the group ${responderGroup} can exec, deploy or delete in ${name}.`,
        'Nothing is stopped or deleted: pods keep running, and their memory and logs stay.',
      ],
      ifDenied: [`Nothing changes: pods in ${name} keep their network, and whoever has access keeps it.`],
    },
    snapshot: await storeSnapshot(context, snapshot),
    ...(alreadyHeld ? { alreadyHeld } : {}),
  };
  const full = await context.evidence.put(JSON.stringify({ ...whole, changes }), 'application/json', {
    essential: true,
  });
  return { ...whole, changes: changes.slice(0, MAX_SHOWN), full };
}

/** Judged by what no tenant can forge: else a mark in the namespace would cost every quarantine a second approval. */
async function isHeld(
  cluster: Cluster,
  { namespace, uid }: { namespace: string; uid: string },
  policies: readonly NetworkPolicy[],
  signal: AbortSignal,
): Promise<boolean> {
  const name = freezeName(uid);
  const [policy, binding, kit] = await Promise.all([
    find(cluster, { ...resources.validatingAdmissionPolicies, name }, signal),
    find(cluster, { ...resources.validatingAdmissionPolicyBindings, name }, signal),
    find(cluster, { ...resources.configMaps, namespace: kitNamespace, name: kitName(namespace) }, signal),
  ]);
  const marked = (object: KubernetesObject | undefined) => object !== undefined && isMarked(object, uid);
  // A kit may outlast its hold, when a release met conflicts.
  return (
    marked(policy) ||
    marked(binding) ||
    (marked(kit) && policies.some((each) => isDeny(each, { namespace, uid })))
  );
}

function takeover(squatter: NetworkPolicy, deny: KubernetesObject): Change {
  const summary =
    "bears the quarantine's name: replaced by the policy that denies all traffic of all pods; put back at the release";
  return {
    ...changeOf('update', squatter, summary),
    before: meaningDigest(squatter),
    after: meaningDigest(deny),
  };
}

/** One line and two digests: `after` is absent, for nothing stays. */
function removal(policy: NetworkPolicy): Change {
  const allows = allowances(policy);
  const more = allows.length > 3 ? ` and ${allows.length - 3} more` : '';
  return {
    ...changeOf(
      'delete',
      policy,
      truncate(`removes what it allows: ${allows.slice(0, 3).join('; ')}${more}`, 300),
    ),
    before: meaningDigest(policy),
  };
}
