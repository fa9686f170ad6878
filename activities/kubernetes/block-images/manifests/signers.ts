import type { ImagePolicy, ImageRule } from '../../../images/policy.ts';

export type Signer = ImageRule['signedBy'][number];

/** Signers that a verifier may trust which knows no times: one that was revoked is none, whatever it signed before. */
export function trustedSigners(signers: readonly Signer[], policy: ImagePolicy): Signer[] {
  return signers.filter((signer) => {
    if ('key' in signer) return policy.keys[signer.key]?.revokedAt === undefined;
    return !policy.revokedIdentities.some(
      ({ identity, issuer }) => identity === signer.identity && issuer === signer.issuer,
    );
  });
}

/** The key of a signer in PEM. The policy was checked: each signer's key is in it. */
export function pemOf(name: string, policy: ImagePolicy): string {
  return policy.keys[name]?.pem ?? '';
}

/** Names as the verifiers write them out: Docker Hub's host has another one there. */
export function hubName(pattern: string): string {
  return pattern.startsWith('docker.io/') ? `index.${pattern}` : pattern;
}
