import type { Mandate, Target } from '../../../domain/action.ts';
import { builtInProtected, isProtected } from '../../../domain/guardrails.ts';
import type { Cluster } from '../client.ts';
import { isKubernetesError } from '../errors.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { refused, targetGone } from './failures.ts';

interface Namespace extends KubernetesObject {
  status?: { phase?: string };
}

/** The namespace as it is now. @throws TargetGone when it is missing or on its way out. */
export async function readNamespace(cluster: Cluster, name: string, signal: AbortSignal): Promise<Namespace> {
  const namespace = await findNamespace(cluster, name, signal);
  if (namespace === undefined) throw targetGone(name, `does not exist in cluster ${cluster.name}`);
  if (namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating') {
    // Its author may have given its pods days to end.
    throw targetGone(
      name,
      `in cluster ${cluster.name} is being deleted: no policy can be added to it any more, and pods with a long grace period go on running; end them, or cut off their nodes`,
    );
  }
  return namespace;
}

export async function findNamespace(
  cluster: Cluster,
  name: string,
  signal: AbortSignal,
): Promise<Namespace | undefined> {
  try {
    return await cluster.get<Namespace>({ ...resources.namespaces, name }, { signal });
  } catch (error) {
    if (isKubernetesError(error, 'gone')) return undefined;
    throw error;
  }
}

/** The one namespace of a mandate. @throws Refused when the authority is not for what the input says, or the namespace is protected. */
export function mandatedTarget({
  authority,
  input,
}: Mandate<{ cluster: string; namespace: string }>): Target {
  const [target, ...more] = authority.targets;
  if (
    target === undefined ||
    more.length > 0 ||
    target.kind !== 'Namespace' ||
    target.cluster !== input.cluster ||
    target.name !== input.namespace
  ) {
    throw refused(`the authority is not for namespace ${input.namespace} of cluster ${input.cluster}`);
  }
  return target;
}

/** Checked again at the moment of change, above every approval. */
export function refuseProtected(namespace: string): void {
  if (isProtected(namespace, builtInProtected))
    throw refused(`namespace ${namespace} is protected by Firebreak itself`);
}

/** The user that the API takes us for. */
export async function whoAmI(cluster: Cluster, signal: AbortSignal): Promise<string> {
  const review = await cluster.create<KubernetesObject & { status: { userInfo: { username: string } } }>(
    resources.selfSubjectReviews,
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    { signal },
  );
  return review.status.userInfo.username;
}
