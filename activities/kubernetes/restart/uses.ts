import type { PodSpec, Volume } from '../workload/kinds.ts';

/** Whether a pod, or the pods of a template, use what is to be replaced. */
export type Uses = (spec: PodSpec) => boolean;

/** Pods that run as a ServiceAccount. A template does not say whether its token is mounted: the account, and webhooks, have a say too. */
export function usesServiceAccount(name: string): Uses {
  // The API server writes the default into pods; templates may leave it out.
  return ({ serviceAccountName = 'default' }) =>
    serviceAccountName === name || (serviceAccountName === '' && name === 'default');
}

/** Pods that take a Secret as environment, volume, projected volume or for pulling images. With `key`: unless they name other keys only. */
export function usesSecret(name: string, key?: string): Uses {
  const hasKey = (items: { key: string }[] | undefined) =>
    key === undefined || items === undefined || items.length === 0 || items.some((item) => item.key === key);
  const mounts = (volume: Volume): boolean =>
    (volume.secret?.secretName === name && hasKey(volume.secret.items)) ||
    (volume.projected?.sources ?? []).some(({ secret }) => secret?.name === name && hasKey(secret.items)) ||
    volume.csi?.nodePublishSecretRef?.name === name ||
    volume.azureFile?.secretName === name ||
    Object.values(volume).some((driver) => refersTo(driver, name));
  return ({ imagePullSecrets = [], volumes = [], ...spec }) => {
    const containers = [
      ...(spec.initContainers ?? []),
      ...(spec.containers ?? []),
      ...(spec.ephemeralContainers ?? []),
    ];
    return (
      imagePullSecrets.some((secret) => secret.name === name) ||
      volumes.some(mounts) ||
      containers.some(
        ({ env = [], envFrom = [] }) =>
          envFrom.some(({ secretRef }) => secretRef?.name === name) ||
          env.some(({ valueFrom }) => {
            const reference = valueFrom?.secretKeyRef;
            return reference?.name === name && (key === undefined || reference.key === key);
          }),
      )
    );
  };
}

/** CephFS, RBD, iSCSI, FlexVolume and others name theirs so. */
function refersTo(driver: unknown, name: string): boolean {
  if (typeof driver !== 'object' || driver === null || !('secretRef' in driver)) return false;
  const { secretRef } = driver;
  return (
    typeof secretRef === 'object' && secretRef !== null && 'name' in secretRef && secretRef.name === name
  );
}
