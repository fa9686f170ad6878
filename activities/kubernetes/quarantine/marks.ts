import { digest, type Digest } from '../../../domain/json.ts';
import type { KubernetesObject, ObjectMeta } from '../resources.ts';

/** The user that measures whether the freeze holds; it may make dry runs only. */
export const probeUser = 'firebreak:probe';
/** The only pod that the probe may name in exec, attach and port-forward. It need not exist. */
export const probePod = 'firebreak-probe';
/** Where release kits are kept. */
export const kitNamespace = 'firebreak';

export const quarantinePolicyName = 'firebreak-quarantine';
const holdAnnotation = 'firebreak.dev/hold';
const managedBy = 'app.kubernetes.io/managed-by';

/** Narrows a list to what may bear a mark; the annotation says whose. */
export const holdSelector = `${managedBy}=firebreak`;

/** Cluster-scoped, so named by the namespace's UID: a namesake made later has another freeze. */
export function freezeName(namespaceUid: string): string {
  return `firebreak-freeze-${namespaceUid.slice(0, 13)}`;
}

export function kitName(namespace: string): string {
  return `release-${namespace}`;
}

/** The mark of everything Firebreak makes for a hold. Not an incident's: several may share the hold. */
export function mark(namespaceUid: string): Pick<ObjectMeta, 'labels' | 'annotations'> {
  return { labels: { [managedBy]: 'firebreak' }, annotations: { [holdAnnotation]: namespaceUid } };
}

export function isMarked({ metadata }: KubernetesObject, namespaceUid: string): boolean {
  return (
    metadata.labels?.[managedBy] === 'firebreak' && metadata.annotations?.[holdAnnotation] === namespaceUid
  );
}

/** Whose mark an object bears; empty for none. */
export function holdOfMark({ metadata }: KubernetesObject): string {
  return metadata.annotations?.[holdAnnotation] ?? '';
}

/** What people wrote in an object, without what the server adds: two objects with equal ones are semantically equal. */
export function meaning(object: KubernetesObject): KubernetesObject {
  const { metadata, status: _, ...rest } = object;
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata;
  const kept = { name, namespace, labels, annotations, finalizers, ownerReferences };
  const entries = Object.entries(kept).filter(
    ([, value]) => value !== undefined && Object.keys(value).length > 0,
  );
  return { ...rest, metadata: { name, ...Object.fromEntries(entries) } };
}

export function meaningDigest(object: KubernetesObject): Digest {
  return digest(meaning(object));
}

/** Whether an object of ours says what it should: no more (an owner that would take it away), no less. */
export function isAsDesired(actual: KubernetesObject, desired: KubernetesObject): boolean {
  return actual.metadata.deletionTimestamp === undefined && meaningDigest(actual) === meaningDigest(desired);
}
