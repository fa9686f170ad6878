import { FirebreakError } from '../../domain/errors.ts';
import { digest } from '../../domain/json.ts';
import { trustOf, type ImagePolicy } from './policy.ts';
import type { NamedTrust } from './signatures/verifications.ts';

/** The policy that holds now, and what signatures are verified against under it. */
export interface PolicyInForce extends NamedTrust {
  policy: ImagePolicy;
}

/**
 * Asked at each assessment: a policy that changes in the midst of an incident counts at once.
 * @throws FirebreakError FB3811 to FB3814, FB3820, FB3821: nothing is then assessed
 */
export type PolicySource = () => Promise<PolicyInForce>;

/** @param trustedRoot as trustOf takes it. @throws as trustOf does */
export function inForce(policy: ImagePolicy, trustedRoot?: string): PolicyInForce {
  return {
    policy,
    trust: trustOf(policy, trustedRoot),
    digest: digest({ keys: policy.keys, trustedRoot: policy.trustedRoot ?? null }),
  };
}

/** Where no policy is configured. */
export const noPolicy: PolicySource = () =>
  Promise.reject(
    new FirebreakError(
      'FB3820',
      'no image can be judged without a policy: set images.policy in firebreak.yaml',
    ),
  );
