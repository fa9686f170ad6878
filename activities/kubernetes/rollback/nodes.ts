import type { Cluster } from '../client.ts';
import { selects, type LabelSelector } from '../network-policy.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import type { PodTemplate } from '../workload/kinds.ts';

interface Node extends KubernetesObject {
  status?: {
    nodeInfo?: { operatingSystem?: string; architecture?: string };
    conditions?: { type: string; status: string }[];
  };
}

interface Term {
  matchExpressions?: LabelSelector['matchExpressions'];
}

interface Placement {
  nodeName?: string;
  nodeSelector?: { [key: string]: string };
  affinity?: {
    nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: Term[] } };
  };
}

/** What nodes are, by their names: `linux/amd64`. Their variant is not reported. */
export type Platforms = ReadonlyMap<string, string>;

export async function readNodes(cluster: Cluster, signal: AbortSignal): Promise<Node[]> {
  return (await cluster.list<Node>(resources.nodes, { signal })).items;
}

export function platformsOf(nodes: readonly Node[]): Platforms {
  return new Map(nodes.map((node) => [node.metadata.name, platformOf(node)]));
}

export function isNodeReady({ status }: Node): boolean {
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
}

/** The platforms that pods of a template may come to, sorted. Taints count for nothing: rather one too many. undefined: no node fits. */
export function platformsFor(nodes: readonly Node[], template: PodTemplate): string[] | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the API validated it
  const placement = (template.spec ?? {}) as Placement;
  // A node that does not say what it is has not joined yet.
  const fitting = nodes
    .filter((node) => mayRun(node, placement))
    .map(platformOf)
    .filter((platform) => /^[^/]+\/[^/]+$/.test(platform));
  return fitting.length === 0 ? undefined : [...new Set(fitting)].toSorted();
}

function platformOf({ status }: Node): string {
  const { operatingSystem = '', architecture = '' } = status?.nodeInfo ?? {};
  return `${operatingSystem}/${architecture}`;
}

function mayRun({ metadata }: Node, { nodeName, nodeSelector = {}, affinity }: Placement): boolean {
  const { labels = {} } = metadata;
  if (nodeName !== undefined && nodeName !== '' && nodeName !== metadata.name) return false;
  if (selects({ matchLabels: nodeSelector }, labels) === false) return false;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  // What `selects` does not know (Gt, fields) counts as fitting.
  return (
    terms === undefined ||
    terms.some(({ matchExpressions = [] }) => selects({ matchExpressions }, labels) !== false)
  );
}
