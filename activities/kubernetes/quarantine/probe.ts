import type { Cluster } from '../client.ts';
import { KubernetesError } from '../errors.ts';
import { resources } from '../resources.ts';
import { probePod, probeUser } from './marks.ts';

/** What became of a request that a freeze should refuse. */
export type Probed = { outcome: 'denied' | 'passed' | 'unclear'; detail: string };

const as = { user: probeUser };

/** Whether the freeze of this name is what refuses a request. A refusal by anything else proves nothing. */
async function probe(freeze: string, request: () => Promise<unknown>): Promise<Probed> {
  try {
    await request();
    return { outcome: 'passed', detail: 'a dry run was accepted' };
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    if (error.message.includes(`ValidatingAdmissionPolicy '${freeze}'`)) {
      return { outcome: 'denied', detail: `a dry run was refused by ${freeze}` };
    }
    return { outcome: 'unclear', detail: `${error.reason}: ${error.message}` };
  }
}

/** Admission judges a connection before the pod is looked up, so a pod that does not exist will do: "not found" means admitted. */
export async function probeConnection(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  subresource: 'exec' | 'attach' | 'portforward',
  signal: AbortSignal,
): Promise<Probed> {
  const query: { [name: string]: string } =
    subresource === 'portforward'
      ? {}
      : { stdout: 'true', ...(subresource === 'exec' ? { command: 'true' } : {}) };
  const location = { ...resources.pods, namespace, name: probePod, subresource };
  const probed = await probe(freeze, () => cluster.connect(location, query, { signal, as }));
  if (probed.outcome === 'unclear' && probed.detail.startsWith('NotFound')) {
    return { outcome: 'passed', detail: 'admission let it through to the lookup of the pod' };
  }
  return probed;
}

export function probePolicy(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  signal: AbortSignal,
): Promise<Probed> {
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'firebreak-probe', namespace },
    spec: { podSelector: {}, policyTypes: ['Ingress'] },
  };
  return probe(freeze, () =>
    cluster.create({ ...resources.networkPolicies, namespace }, policy, { signal, as, dryRun: true }),
  );
}

/** Within the strictest pod security standard, so that nothing else refuses it first. */
export function probePodCreation(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  signal: AbortSignal,
  image = 'firebreak.invalid/probe',
): Promise<Probed> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: probePod, namespace },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'probe',
          image,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
  return probe(freeze, () =>
    cluster.create({ ...resources.pods, namespace }, pod, { signal, as, dryRun: true }),
  );
}

export function probePodDeletion(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Probed> {
  return probe(freeze, () =>
    cluster.delete({ ...resources.pods, namespace, name }, { signal, as, dryRun: true }),
  );
}

export function probeEphemeralContainer(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  pod: { name: string; existing: unknown[] },
  signal: AbortSignal,
): Promise<Probed> {
  const ephemeralContainers = [
    ...pod.existing,
    { name: 'firebreak-probe', image: 'firebreak.invalid/probe' },
  ];
  const location = { ...resources.pods, namespace, name: pod.name, subresource: 'ephemeralcontainers' };
  return probe(freeze, () =>
    cluster.patch(location, { spec: { ephemeralContainers } }, { signal, as, dryRun: true }),
  );
}

export function probeDeployment(
  cluster: Cluster,
  freeze: string,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Probed> {
  const patch = { metadata: { annotations: { 'firebreak.dev/probe': 'true' } } };
  return probe(freeze, () =>
    cluster.patch({ ...resources.deployments, namespace, name }, patch, { signal, as, dryRun: true }),
  );
}
