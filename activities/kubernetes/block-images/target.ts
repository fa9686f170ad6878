import type { ActionContext, Authority, Mandate, Target } from '../../../domain/action.ts';
import { digest, sha256 } from '../../../domain/json.ts';
import type { Cluster } from '../client.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import { refused } from '../quarantine/failures.ts';
import { readNamespace, refuseProtected } from '../quarantine/target.ts';
import type { BlockInput } from './contract.ts';
import { ruleOf, type Rule } from './rule.ts';

const AT_ONCE = 8;
/** Its UID is the cluster's: it cannot be deleted. */
const clusterNamespace = 'kube-system';

/** Every covered namespace by its UID, in order of their names; with none, the cluster. @throws FB3221 for one that is not there */
export async function findTargets(
  cluster: Cluster,
  { namespaces }: Rule,
  signal: AbortSignal,
): Promise<Target[]> {
  const uids = new Map<string, string>();
  const asked = namespaces.length === 0 ? [clusterNamespace] : [...namespaces];
  await inParallel(asked, AT_ONCE, async (name) => {
    uids.set(name, (await readNamespace(cluster, name, signal)).metadata.uid ?? '');
  });
  if (namespaces.length === 0)
    return [
      { kind: 'Cluster', cluster: cluster.name, name: cluster.name, uid: uids.get(clusterNamespace) ?? '' },
    ];
  return namespaces.map((name) => ({
    kind: 'Namespace',
    cluster: cluster.name,
    name,
    uid: uids.get(name) ?? '',
  }));
}

/** What marks the objects of all who hold the same targets. */
export function holdOf(targets: readonly Target[]): string {
  const uids = targets.map(({ uid }) => uid).toSorted();
  const [first = '', ...more] = uids;
  return more.length === 0 ? first : sha256(uids.join('+')).slice('sha256:'.length, 'sha256:'.length + 32);
}

/** How many pods may be evicted; absent when none may. */
export type Cap = number | undefined;

export function authorityOf(action: string, targets: Target[], rule: Rule, cap: Cap): Authority {
  return {
    action,
    targets,
    rule: sentence(rule, cap),
    caps: cap === undefined ? {} : { pods: cap },
    undo: 'restore',
  };
}

/** Binds the lists by their digest: a person who approves it has approved these, and no others. */
function sentence(rule: Rule, cap: Cap): string {
  const { namespaces, deny, allow } = rule;
  const parts: string[] = [];
  if (deny.length > 0)
    parts.push(`refuse ${deny.length} denied digests in every namespace that is not protected`);
  if (namespaces.length > 0)
    parts.push(
      allow.length === 0
        ? `let nothing new start in ${namespaces.join(', ')}`
        : `let only images start in ${namespaces.join(', ')} that are pinned to one of ${allow.length} digests`,
    );
  if (cap !== undefined)
    parts.push(
      `evict at most ${cap} pods there that run a denied digest, where their controller's template is acceptable`,
    );
  return `${parts.join('; ')} (lists: ${digest({ namespaces, deny, allow })})`;
}

/** What a mandate authorises. */
export interface Mandated {
  rule: Rule;
  targets: Target[];
  hold: string;
  /** Pods that may be evicted. */
  cap: Cap;
}

/** @throws Refused when the authority is not for what the input says, or a namespace is protected */
export function mandated({ authority, input }: Mandate<BlockInput>): Mandated {
  const rule = ruleOf(input);
  const { targets } = authority;
  const names = rule.namespaces.length === 0 ? [input.cluster] : rule.namespaces;
  const kind = rule.namespaces.length === 0 ? 'Cluster' : 'Namespace';
  const cap = input.replace ? (authority.caps['pods'] ?? 0) : undefined;
  const isFor =
    targets.length === names.length &&
    targets.every(
      (target, at) => target.kind === kind && target.cluster === input.cluster && target.name === names[at],
    ) &&
    authority.rule === sentence(rule, cap);
  if (!isFor) throw refused(`the authority is not for these lists in cluster ${input.cluster}`);
  for (const namespace of rule.namespaces) refuseProtected(namespace);
  return { rule, targets: [...targets], hold: holdOf(targets), cap };
}

/** What a verb of this action works with. */
export interface Work extends Mandated {
  cluster: Cluster;
  context: ActionContext;
  responderGroup: string;
}
