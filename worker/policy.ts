import type { Policy } from '../domain/incident.ts';
import type { PublicKey } from '../domain/signature.ts';
import type { Directory } from '../gateway/people.ts';
import type { Configuration } from './config/load.ts';

/** The policy that incidents opened from now on freeze. */
export function policyOf(configuration: Configuration, directory: Directory, gatewayKey: PublicKey): Policy {
  const { approvals, guardrails, holdMs, slack } = configuration;
  return {
    people: directory.people(),
    gatewayKeys: [gatewayKey],
    guardrails,
    approval: approvals.default,
    release: approvals.release,
    escalation: approvals.escalation,
    channel: slack?.channel ?? '',
    holdMs,
  };
}
