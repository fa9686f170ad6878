import type { KubernetesPermission, Verb } from '../../../domain/permission.ts';
import { supportsPermissions } from '../quarantine/surroundings.ts';
import { restartPermissions } from '../restart/permissions.ts';

const may = (verb: Verb, resources: string[], verbs: string[], why: string): KubernetesPermission => ({
  system: 'kubernetes',
  apiGroups: [''],
  resources,
  verbs,
  why,
  verb,
});

/** What the rotation asks of the cluster that holds the Secret; a store that the new value comes from asks for its own. */
export const permissions: KubernetesPermission[] = [
  may('plan', ['namespaces'], ['get'], 'nothing is rotated in a namespace that is being deleted'),
  may('plan', ['secrets'], ['get'], 'its type and keys, who writes it; the old value, to try it'),
  ...supportsPermissions,
  ...restartPermissions,
  may('apply', ['secrets'], ['patch'], 'the new value of one key'),
];
