import type { ImagePolicy, ImageRule } from '../../../images/policy.ts';
import type { KubernetesObject } from '../../resources.ts';
import { pemOf, trustedSigners, type Signer } from './signers.ts';

/** Where identities of the public Sigstore are logged. */
const rekor = { url: 'https://rekor.sigstore.dev' };

/**
 * A ClusterPolicy of Kyverno (kyverno.io/v1) with a rule of `verifyImages` for each rule of the image policy, in the covered namespaces, or in all. Its `*` matches
 * slashes as well, so it may ask for signatures of more images than the image policy covers.
 */
export function kyvernoPolicy(policy: ImagePolicy, namespaces: readonly string[]): KubernetesObject[] {
  const resources = { kinds: ['Pod'], ...(namespaces.length === 0 ? {} : { namespaces }) };
  const rules = policy.images.map((rule, at) => ({
    name: `signed-${at}`,
    match: { any: [{ resources }] },
    verifyImages: [
      {
        imageReferences: rule.repositories.flatMap(references),
        mutateDigest: false,
        verifyDigest: true,
        required: true,
        attestors: attestors(rule.signedBy, policy),
        ...(rule.attestations.length === 0 ? {} : { attestations: attestations(rule, policy) }),
      },
    ],
  }));
  return [
    {
      apiVersion: 'kyverno.io/v1',
      kind: 'ClusterPolicy',
      metadata: { name: 'firebreak-signed-images' },
      spec: {
        validationFailureAction: 'Enforce',
        failurePolicy: 'Fail',
        background: false,
        webhookTimeoutSeconds: 30,
        rules,
      },
    },
  ];
}

function references(pattern: string): string[] {
  const name = pattern.replaceAll('**', '*');
  return [`${name}:*`, `${name}@*`];
}

/** Any one suffices. With none to trust, a rule that no image satisfies. */
function attestors(signers: readonly Signer[], policy: ImagePolicy): object[] {
  const entries = trustedSigners(signers, policy).map((signer) =>
    'key' in signer
      ? { keys: { publicKeys: pemOf(signer.key, policy) } }
      : { keyless: { subject: signer.identity, issuer: signer.issuer, rekor } },
  );
  const nobody = { keyless: { subject: 'nobody', issuer: 'https://firebreak.invalid', rekor } };
  return [{ count: 1, entries: entries.length === 0 ? [nobody] : entries }];
}

/** Of several predicate types any suffices by the image policy; Kyverno can ask only for each, so the first is asked for. */
function attestations({ attestations: all, signedBy }: ImageRule, policy: ImagePolicy): object[] {
  return all.flatMap(({ predicateTypes, signedBy: its, builder }) =>
    predicateTypes.slice(0, 1).map((type) => ({
      type,
      attestors: attestors(its ?? signedBy, policy),
      ...(builder === undefined ? {} : { conditions: [{ all: [builtBy(type, builder)] }] }),
    })),
  );
}

function builtBy(type: string, builder: string): object {
  const key = type.endsWith('/v1') ? '{{ runDetails.builder.id }}' : '{{ builder.id }}';
  return { key, operator: 'Equals', value: builder };
}
