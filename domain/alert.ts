import type { EvidenceRef } from './evidence.ts';
import type { Json } from './json.ts';

export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

/**
 * An alert after its detector's own format has been left behind. Every string in it but `source`, `owner` and
 * `receivedAt` was chosen by whoever could trigger the detector: treat all of it as an attacker's.
 */
export interface Alert {
  /** Which door it came through: `falco`, or the configured name of a generic source. */
  source: string;
  /** The detector's own id of the event, or the digest of the raw body where it has none. Copies share it. */
  id: string;
  rule: string;
  severity: Severity;
  summary: string;
  /** Cluster name as configured in Firebreak. From the token when that is bound to a cluster. */
  cluster: string;
  namespace: string;
  pod: string;
  container: string;
  image: string;
  /** The detector's fields, JSON-safe: integers beyond 2^53 are strings. */
  fields: { [name: string]: Json };
  /** RFC 3339 UTC: when the detector saw it, and when the gateway took it in. */
  detectedAt: string;
  receivedAt: string;
  /** Person id of the owner of the token it came with: the requester of the incident it opens. */
  owner: string;
  /** The body byte for byte. */
  raw: EvidenceRef;
}
