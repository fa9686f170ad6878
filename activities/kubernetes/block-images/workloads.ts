import type { Cluster } from '../client.ts';
import { inParallel } from '../evidence/in-parallel.ts';
import { resources, type KubernetesObject, type Resource } from '../resources.ts';
import { controllerOf, type PodTemplate } from '../workload/kinds.ts';
import { isProtected, builtInProtected } from '../../../domain/guardrails.ts';
import { listed, type Listed } from './running.ts';
import { refusalOfSpec, type Refusal, type Rule } from './rule.ts';

/** What makes pods, as far as it is read. */
export interface Maker extends KubernetesObject {
  spec?: {
    replicas?: number;
    paused?: boolean;
    template?: PodTemplate;
    jobTemplate?: { spec?: { template?: PodTemplate } };
  };
  status?: { conditions?: { type: string; status: string }[] };
}

/** A workload whose current template is refused. */
export interface Blocked {
  namespace: string;
  kind: string;
  name: string;
  why: Refusal;
}

const kinds: Resource[] = [
  resources.deployments,
  resources.statefulSets,
  resources.daemonSets,
  resources.cronJobs,
  resources.jobs,
  resources.replicaSets,
  { group: '', version: 'v1', resource: 'replicationcontrollers' },
];
/** Kinds that are judged themselves: what they keep is not judged as well. */
const judged = new Set(['Deployment', 'CronJob']);
const AT_ONCE = 8;

/** Every workload that could not start its pods again under a rule, in order of their names. */
export async function findBlocked(
  cluster: Cluster,
  rule: Rule,
  signal: AbortSignal,
): Promise<Listed<Blocked>> {
  const places: (string | undefined)[] = rule.deny.length > 0 ? [undefined] : [...rule.namespaces];
  const asked = kinds.flatMap((kind) =>
    places.map((namespace) => ({ ...kind, ...(namespace === undefined ? {} : { namespace }) })),
  );
  const items: Blocked[] = [];
  const missing: string[] = [];
  await inParallel(asked, AT_ONCE, async (location) => {
    const found = await listed<Maker>(cluster, location, signal);
    if (found.missing !== undefined) missing.push(found.missing);
    items.push(...found.items.flatMap((maker) => judge(maker, rule)));
  });
  items.sort((one, other) => (labelOf(one) < labelOf(other) ? -1 : 1));
  return { items, ...(missing[0] === undefined ? {} : { missing: missing[0] }) };
}

/** `shop/Deployment/web`. */
export function labelOf({ namespace, kind, name }: Omit<Blocked, 'why'>): string {
  return `${namespace}/${kind}/${name}`;
}

export function templateOfMaker({ kind, spec }: Maker): PodTemplate {
  return (kind === 'CronJob' ? spec?.jobTemplate?.spec?.template : spec?.template) ?? {};
}

function judge(maker: Maker, rule: Rule): Blocked[] {
  const { kind, metadata, spec, status } = maker;
  const { namespace = '', name } = metadata;
  if (isProtected(namespace, builtInProtected) || judged.has(controllerOf(maker)?.kind ?? '')) return [];
  if (kind === 'ReplicaSet' && spec?.replicas === 0) return [];
  const isOver = status?.conditions?.some(
    (one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True',
  );
  if (kind === 'Job' && isOver === true) return [];
  const why = refusalOfSpec(templateOfMaker(maker).spec ?? {}, namespace, rule);
  return why === undefined ? [] : [{ namespace, kind, name, why }];
}
