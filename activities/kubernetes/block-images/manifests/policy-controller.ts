import { canonical, sha256 } from '../../../../domain/json.ts';
import type { ImagePolicy, ImageRule } from '../../../images/policy.ts';
import type { KubernetesObject } from '../../resources.ts';
import { hubName, pemOf, trustedSigners, type Signer } from './signers.ts';

/**
 * ClusterImagePolicies of sigstore/policy-controller (policy.sigstore.dev/v1beta1): an image must satisfy each one that its name matches, by one authority of it. So
 * there is one for the signatures of a rule, and one for each of its attestations: an authority that asks for attestations does not ask for a signature.
 * Denied digests are a policy that always fails.
 */
export function sigstorePolicies(policy: ImagePolicy): KubernetesObject[] {
  const made = policy.images.flatMap((rule) => {
    const images = rule.repositories.flatMap(globs);
    return [
      named('signed', { images, mode: 'enforce', authorities: authorities(rule.signedBy, policy) }),
      ...rule.attestations.map((attestation) =>
        named('attested', { images, mode: 'enforce', authorities: attesters(attestation, rule, policy) }),
      ),
    ];
  });
  const denied = policy.deniedDigests.map((digest) => ({ glob: `**@${digest}` }));
  if (denied.length === 0) return made;
  return [
    ...made,
    named('denied', { images: denied, mode: 'enforce', authorities: [never('its digest is denied')] }),
  ];
}

function named(what: string, spec: object): KubernetesObject {
  const hex = sha256(canonical(spec)).slice('sha256:'.length, 'sha256:'.length + 12);
  return {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: `firebreak-${what}-${hex}` },
    spec,
  };
}

/** Ours match a repository, theirs a whole reference. */
function globs(pattern: string): { glob: string }[] {
  const name = hubName(pattern);
  return [{ glob: `${name}:*` }, { glob: `${name}@*` }];
}

type Authority = { name: string } & ({ static: object } | { key: object } | { keyless: object });

function never(message: string): Authority {
  return { name: 'never', static: { action: 'fail', message } };
}

/** Of cosign v2 and of v3: an authority looks for one of them only, and for the first when it says nothing. */
const formats = ['legacy', 'bundle'];

/** Any one suffices. */
function authorities(signers: readonly Signer[], policy: ImagePolicy): Authority[] {
  const trusted = trustedSigners(signers, policy);
  if (trusted.length === 0) return [never('every signer of the image policy is revoked')];
  return trusted.flatMap((signer, at) =>
    formats.map((signatureFormat) => ({
      name: `signer-${at}-${signatureFormat}`,
      ...authorityOf(signer, policy),
      signatureFormat,
    })),
  );
}

function authorityOf(
  signer: Signer,
  policy: ImagePolicy,
): { key: object } | { keyless: object; ctlog: object } {
  if ('key' in signer) return { key: { data: pemOf(signer.key, policy) } };
  const identities = [{ issuer: signer.issuer, subject: signer.identity }];
  return {
    keyless: { url: 'https://fulcio.sigstore.dev', identities },
    ctlog: { url: 'https://rekor.sigstore.dev' },
  };
}

type Attestation = ImageRule['attestations'][number];

function attesters(
  { predicateTypes, signedBy, builder }: Attestation,
  rule: ImageRule,
  policy: ImagePolicy,
): object[] {
  const trusted = authorities(signedBy ?? rule.signedBy, policy);
  // Any of the types suffices, but an authority needs all that it names: one for each.
  return predicateTypes.flatMap((predicateType, type) =>
    trusted.map((authority) =>
      'static' in authority
        ? authority
        : {
            ...authority,
            name: `${authority.name}-${type}`,
            attestations: [
              {
                name: `attestation-${type}`,
                predicateType,
                ...(builder === undefined ? {} : { policy: builtBy(predicateType, builder) }),
              },
            ],
          },
    ),
  );
}

/** JSON is CUE. */
function builtBy(predicateType: string, id: string): object {
  const predicate = predicateType.endsWith('/v1') ? { runDetails: { builder: { id } } } : { builder: { id } };
  return { type: 'cue', data: JSON.stringify({ predicate }) };
}
