import {
  worst,
  type ActionContext,
  type Claim,
  type Limit,
  type Mandate,
  type Verification,
} from '../../../domain/action.ts';
import type { Cluster } from '../client.ts';
import { allowsAnything, isolation, type NetworkPolicy } from '../network-policy.ts';
import { resources, type KubernetesObject } from '../resources.ts';
import { denyAll, isDeny } from './deny.ts';
import { freeze } from './freeze.ts';
import { hostNetworked, type Pod } from './limits.ts';
import { findOtherPolicies } from './other-policies.ts';
import { freezeName, isAsDesired, quarantinePolicyName } from './marks.ts';
import {
  probeConnection,
  probeDeployment,
  probeEphemeralContainer,
  probePodCreation,
  probePodDeletion,
  probePolicy,
  type Probed,
} from './probe.ts';
import { listPolicies } from './policies.ts';
import { findNamespace, mandatedTarget, whoAmI } from './target.ts';
import { find } from './write.ts';

/** Measures the freeze by dry runs, and computes the network from what the API says now. */
export async function verify(
  cluster: Cluster,
  responderGroup: string,
  context: ActionContext,
  mandate: Mandate<{ cluster: string; namespace: string }>,
): Promise<Verification> {
  const { name: namespace, uid } = mandatedTarget(mandate);
  const { signal } = context;
  const current = await findNamespace(cluster, namespace, signal);
  if (current?.metadata.uid !== uid) {
    const detail =
      current === undefined ? 'the namespace does not exist any more' : 'another namespace has its name now';
    return {
      state: 'absent',
      verdict: 'failed',
      claims: [{ claim: `namespace ${namespace} is there`, verdict: 'failed', detail }],
    };
  }
  const name = freezeName(uid);
  const [policies, pods, deployments, policy, binding, engine, others] = await Promise.all([
    listPolicies(cluster, namespace, signal),
    cluster.list<Pod>({ ...resources.pods, namespace }, { signal }),
    cluster.list({ ...resources.deployments, namespace }, { signal }),
    find(cluster, { ...resources.validatingAdmissionPolicies, name }, signal),
    find(cluster, { ...resources.validatingAdmissionPolicyBindings, name }, signal),
    whoAmI(cluster, signal),
    findOtherPolicies(cluster, namespace, signal),
  ]);
  const [wantedPolicy, wantedBinding] = freeze({ namespace, uid }, { engine, responderGroup });
  const deny =
    policies.find((policy) => isDeny(policy, { namespace, uid })) ??
    policies.find(({ metadata }) => metadata.name === quarantinePolicyName);
  const denyName = deny?.metadata.name ?? quarantinePolicyName;
  const parts: [string, KubernetesObject | undefined, KubernetesObject][] = [
    [`networkpolicies/${denyName}`, deny, denyAll({ namespace, uid }, denyName)],
    [`validatingadmissionpolicies/${name}`, policy, wantedPolicy],
    [`validatingadmissionpolicybindings/${name}`, binding, wantedBinding],
  ];
  const allows = policies.filter(allowsAnything);
  const claims = [
    ...parts.map(([what, actual, wanted]) => inPlace(what, actual, wanted)),
    ...networkClaims(namespace, pods.items, policies, allows, others),
    ...(await admissionClaims(cluster, namespace, name, pods.items, deployments.items, signal)),
  ];
  const standing = parts.filter(
    ([, actual, wanted]) => actual !== undefined && isAsDesired(actual, wanted),
  ).length;
  const nothing = parts.every(([, actual]) => actual === undefined);
  const state =
    standing === parts.length && allows.length === 0 ? 'in-place' : nothing ? 'absent' : 'partial';
  return { state, verdict: worst(claims), claims };
}

function inPlace(what: string, actual: KubernetesObject | undefined, wanted: KubernetesObject): Claim {
  const claim = `${what} stands as Firebreak made it`;
  if (actual === undefined) return { claim, verdict: 'failed', detail: 'it does not exist' };
  return isAsDesired(actual, wanted)
    ? { claim, verdict: 'verified', detail: 'read from the API' }
    : { claim, verdict: 'failed', detail: 'it has been altered, or is being deleted' };
}

function networkClaims(
  namespace: string,
  pods: readonly Pod[],
  policies: readonly NetworkPolicy[],
  allows: readonly NetworkPolicy[],
  others: readonly Limit[],
): Claim[] {
  const overruling = others.filter(({ count }) => count !== 0);
  const onHost = new Set(hostNetworked(pods));
  const judged = pods.filter((pod) => !onHost.has(pod));
  const effective = judged.map((pod) => ({
    name: pod.metadata.name,
    verdict: isolation(pod.metadata.labels ?? {}, policies),
  }));
  const beside =
    onHost.size === 0
      ? ''
      : `; ${onHost.size} pods on the host network are not covered: ${names([...onHost].map(({ metadata }) => metadata.name))}`;
  const claims = (['Ingress', 'Egress'] as const).map((direction): Claim => {
    const open = effective.filter(
      ({ verdict }) => !verdict[direction].isolated || verdict[direction].allows.length > 0,
    );
    const claim = `no new connection ${direction === 'Ingress' ? 'into' : 'out of'} pods of ${namespace}`;
    if (open.length === 0 && overruling.length > 0) {
      const what = overruling.map(({ code, count }) => `${code} (${count ?? 'not counted'})`).join(', ');
      return {
        claim,
        verdict: 'unverifiable',
        detail: `NetworkPolicies allow nothing, but policies of other kinds may overrule them: ${what}${beside}`,
      };
    }
    return open.length === 0
      ? {
          claim,
          verdict: 'evaluated',
          detail: `computed from the policies of ${judged.length} pods; no packet was sent${beside}`,
        }
      : {
          claim,
          verdict: 'failed',
          detail: `still open for ${open.length} of ${judged.length} pods: ${names(open.map(({ name }) => name))}${beside}`,
        };
  });
  // A pod that starts later is bound by these as well, so the policies are judged even where no pod is.
  const claim = `no NetworkPolicy in ${namespace} allows anything`;
  claims.push(
    allows.length === 0
      ? { claim, verdict: 'evaluated', detail: `computed from ${policies.length} policies` }
      : { claim, verdict: 'failed', detail: names(allows.map(({ metadata }) => metadata.name)) },
  );
  return claims;
}

async function admissionClaims(
  cluster: Cluster,
  namespace: string,
  freezeOf: string,
  pods: readonly Pod[],
  deployments: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<Claim[]> {
  const pod = pods.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  const deployment = deployments[0];
  const probes: [string, Promise<Probed>][] = (['exec', 'attach', 'portforward'] as const).map(
    (subresource) => [
      subresource === 'portforward' ? 'port-forward' : subresource,
      probeConnection(cluster, freezeOf, namespace, subresource, signal),
    ],
  );
  probes.push(['creation of pods', probePodCreation(cluster, freezeOf, namespace, signal)]);
  probes.push(['creation of NetworkPolicies', probePolicy(cluster, freezeOf, namespace, signal)]);
  // What needs an object to be tried on is claimed only where there is one.
  if (pod !== undefined) {
    const { name } = pod.metadata;
    const existing = pod.spec?.ephemeralContainers ?? [];
    probes.push(['deletion of pods', probePodDeletion(cluster, freezeOf, namespace, name, signal)]);
    probes.push([
      'ephemeral containers',
      probeEphemeralContainer(cluster, freezeOf, namespace, { name, existing }, signal),
    ]);
  }
  if (deployment !== undefined) {
    const { name } = deployment.metadata;
    probes.push(['change of Deployments', probeDeployment(cluster, freezeOf, namespace, name, signal)]);
  }
  return Promise.all(
    probes.map(async ([what, probing]): Promise<Claim> => {
      const { outcome, detail } = await probing;
      const verdict = ({ denied: 'verified', passed: 'failed', unclear: 'unverifiable' } as const)[outcome];
      return { claim: `${what} in namespace ${namespace}: refused`, verdict, detail };
    }),
  );
}

function names(all: readonly string[]): string {
  const more = all.length > 10 ? ` and ${all.length - 10} more` : '';
  return `${all.slice(0, 10).join(', ')}${more}`;
}
