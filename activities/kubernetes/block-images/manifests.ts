import type { Applied, Mandate } from '../../../domain/action.ts';
import { EvidenceStoreFull } from '../../../domain/evidence.ts';
import { FirebreakError } from '../../../domain/errors.ts';
import { KubernetesError } from '../errors.ts';
import type { ImagePolicy } from '../../images/policy.ts';
import { actionName, type BlockInput } from './contract.ts';
import { kyvernoPolicy } from './manifests/kyverno.ts';
import { sigstorePolicies } from './manifests/policy-controller.ts';
import type { KubernetesObject } from '../resources.ts';
import type { Work } from './target.ts';

/** The image policy in force; undefined where none is configured. */
export type PolicyReader = () => Promise<ImagePolicy | undefined>;

/** Verifiers that a cluster may have, by an API group that they serve. */
const verifiers: {
  group: string;
  file: string;
  make: (policy: ImagePolicy, namespaces: readonly string[]) => KubernetesObject[];
}[] = [
  { group: 'policy.sigstore.dev', file: 'policy-controller.json', make: sigstorePolicies },
  { group: 'kyverno.io', file: 'kyverno.json', make: kyvernoPolicy },
];

/**
 * Writes what the image policy says of signatures for the verifiers that the cluster has, as evidence. Nothing applies them: they can stop a cluster, and
 * say less than the image policy does.
 */
export async function keepManifests(
  { cluster, context, rule }: Work,
  { incident, step }: Mandate<BlockInput>,
  imagePolicy: PolicyReader,
): Promise<Pick<Applied, 'artefacts' | 'unavailable'> & { count: number }> {
  const artefacts: Applied['artefacts'] = [];
  let count = 0;
  try {
    const served = new Set((await cluster.groups({ signal: context.signal })).map(({ name }) => name));
    const wanted = verifiers.filter(({ group }) => served.has(group));
    if (wanted.length === 0) return { artefacts, unavailable: [], count };
    const policy = await imagePolicy();
    if (policy === undefined) {
      const why = 'no image policy is configured: set images.policy in firebreak.yaml';
      return { artefacts, unavailable: [{ what: "manifests for the cluster's verifier", why }], count };
    }
    for (const { file, make } of wanted) {
      const items = make(policy, rule.namespaces);
      const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2);
      const ref = await context.evidence.put(text, 'application/json');
      await context.evidence.record([
        {
          ref,
          name: `${step}/${file}`,
          incident,
          collector: `firebreak/${actionName}`,
          source: `cluster ${cluster.name}`,
          at: context.now().toISOString(),
        },
      ]);
      artefacts.push(ref);
      count += items.length;
    }
    return { artefacts, unavailable: [], count };
  } catch (error) {
    // A policy that cannot be read is no reason not to block.
    if (!(
      error instanceof EvidenceStoreFull ||
      error instanceof FirebreakError ||
      error instanceof KubernetesError
    ))
      throw error;
    return {
      artefacts,
      unavailable: [{ what: "manifests for the cluster's verifier", why: error.message }],
      count,
    };
  }
}
