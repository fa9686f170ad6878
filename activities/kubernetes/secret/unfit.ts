import { FirebreakError } from '../../../domain/errors.ts';
import type { RotateInput } from './contract.ts';
import { labelOf, type KubernetesSecret } from './target.ts';

/** Types whose values something else makes, with what to do instead. */
const foreignTypes: { [type: string]: string } = {
  'kubernetes.io/service-account-token': 'use kubernetes.revoke-service-account-tokens',
  'bootstrap.kubernetes.io/token': 'delete it, and make another with kubeadm',
  'helm.sh/release.v1': 'it is the state of a Helm release',
};

/** Types whose values have a form that no random text has. */
const formedTypes = [
  'kubernetes.io/tls',
  'kubernetes.io/dockerconfigjson',
  'kubernetes.io/dockercfg',
  'kubernetes.io/ssh-auth',
];

/** Labels and annotations of what brings values from elsewhere, and would bring the old one back. */
const bringers: { [key: string]: string } = {
  'secrets-store.csi.k8s.io/managed': 'the Secrets Store CSI driver',
  'reconcile.external-secrets.io/managed': 'External Secrets',
  'cert-manager.io/certificate-name': 'cert-manager',
};

/** @throws FB3227 for a Secret that must not be rotated here, with the reason and what to do instead. */
export function refuseUnfit(secret: KubernetesSecret, input: RotateInput): void {
  const problem = unfit(secret, input);
  if (problem !== undefined)
    throw new FirebreakError('FB3227', `${labelOf(input)} cannot be rotated here: ${problem}`);
}

function unfit({ metadata, type = 'Opaque', immutable, data = {} }: KubernetesSecret, input: RotateInput) {
  const foreign = foreignTypes[type];
  if (foreign !== undefined) return `its type is ${type}; ${foreign}`;
  if (immutable === true)
    return 'it is immutable, and deleting it to make it again could lose its other keys; make one of another name, and have the workloads use that';
  if (!Object.hasOwn(data, input.key))
    return `it has no key ${input.key}; with.key can be ${Object.keys(data).toSorted().slice(0, 20).join(', ') || 'none, for it is empty'}`;
  if (input.from === undefined && formedTypes.includes(type))
    return `a generated text is no value of a Secret of type ${type}; name the secret that holds the new one in with.from`;
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller !== undefined)
    return `${controller.kind} ${controller.name} writes it, and would put the old value back; rotate the value at its source`;
  const marks = { ...metadata.labels, ...metadata.annotations };
  const bringer = Object.entries(bringers).find(([key]) => Object.hasOwn(marks, key));
  return bringer === undefined
    ? undefined
    : `${bringer[1]} writes it, and would put the old value back; rotate the value at its source`;
}
