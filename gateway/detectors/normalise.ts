import type { Alert } from '../../domain/alert.ts';
import type { EvidenceRef } from '../../domain/evidence.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { Problem } from '../problem.ts';

/** What an alert came with, beside its body. */
export interface Arrival {
  /** Person or service id of the token's owner. */
  owner: string;
  /** Cluster that the token is bound to. */
  cluster?: string;
  clusters: readonly string[];
  raw: EvidenceRef;
  receivedAt: Date;
}

/** What a detector's body says, not checked yet. Blank where it says nothing. */
export type Claims = Pick<
  Alert,
  'source' | 'id' | 'rule' | 'severity' | 'summary' | 'cluster' | 'namespace' | 'pod' | 'container' | 'image'
> & { detectedAt: string; fields: JsonObject };

/** RFC 1123 label: what a namespace's name can be. ASCII only, so that no look-alike passes. */
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** RFC 1123 subdomain: what a pod's name can be. */
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const longest = { id: 256, rule: 256, summary: 2_000, image: 512, text: 1_024, name: 256 };
const mostFields = 200;
const fieldsBudget = 32 * 1024;

/**
 * Makes an alert of what a detector said: names checked, texts bounded and well-formed.
 * @throws Problem FB1202 (namespace missing), FB1203 (namespace not a name), FB1204 (cluster unknown), FB1208 (a time that is none)
 */
export function normalise(claims: Claims, arrival: Arrival): Alert {
  const { raw, owner, receivedAt } = arrival;
  return {
    source: claims.source,
    id: shorten(claims.id, longest.id) || raw.digest,
    rule: shorten(claims.rule, longest.rule),
    severity: claims.severity,
    summary: shorten(claims.summary, longest.summary),
    cluster: clusterOf(claims.cluster, arrival),
    namespace: namespaceOf(claims.namespace),
    // A pod's name that cannot be one names no pod; the namespace alone is enough to act on.
    pod: claims.pod.length <= 253 && subdomain.test(claims.pod) ? claims.pod : '',
    container: shorten(claims.container, longest.name),
    image: shorten(claims.image, longest.image),
    fields: boundedFields(claims.fields),
    detectedAt: timeOf(claims.detectedAt, receivedAt),
    receivedAt: receivedAt.toISOString(),
    owner,
    raw,
  };
}

function namespaceOf(namespace: string): string {
  if (namespace.trim() === '') {
    throw new Problem(
      422,
      'FB1202',
      'the alert names no namespace, and nothing is contained on a guess; have the detector send it',
    );
  }
  if (!label.test(namespace)) {
    throw new Problem(
      422,
      'FB1203',
      'the namespace is not a Kubernetes name (RFC 1123 label); nothing was started',
    );
  }
  return namespace;
}

function clusterOf(claimed: string, { cluster, clusters }: Arrival): string {
  const name = cluster ?? (claimed !== '' ? claimed : clusters.length === 1 ? clusters[0] : undefined);
  if (name === undefined) {
    throw new Problem(
      422,
      'FB1204',
      'the alert names no cluster; bind its token to one, or have the detector send it',
    );
  }
  if (!clusters.includes(name)) {
    throw new Problem(
      422,
      'FB1204',
      'the cluster of this alert is not configured; add it, or bind the token to one that is',
    );
  }
  return name;
}

/** RFC 3339 with an offset; nanoseconds are cut to milliseconds. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

function timeOf(text: string, receivedAt: Date): string {
  if (text === '') return receivedAt.toISOString();
  const time = rfc3339.test(text) ? Date.parse(text.replace(/(\.\d{3})\d+/, '$1')) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new Problem(
      422,
      'FB1208',
      'the time of the alert is not RFC 3339 with an offset, e.g. 2026-01-02T03:04:05.678Z',
    );
  }
  return new Date(time).toISOString();
}

/** Well-formed and at most `max` UTF-16 units, without halving a character. */
export function shorten(text: string, max: number): string {
  const head = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  return head.toWellFormed();
}

/** Bounded in number and size: a workflow carries them, the raw body has everything. What was left out is said. */
function boundedFields(fields: JsonObject): JsonObject {
  const kept: [string, Json][] = [];
  let left = fieldsBudget;
  let dropped = 0;
  for (const [name, value] of Object.entries(fields)) {
    const entry: [string, Json] = [shorten(name, longest.name), boundedValue(value)];
    const size = JSON.stringify(entry).length;
    if (kept.length >= mostFields || size > left) {
      dropped += 1;
      continue;
    }
    left -= size;
    kept.push(entry);
  }
  if (dropped > 0) kept.push(['firebreak.dropped', `${dropped} fields left out; the raw body has them`]);
  return Object.fromEntries(kept);
}

function boundedValue(value: Json): Json {
  if (typeof value === 'string') return shorten(value, longest.text);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(boundedValue);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [shorten(name, longest.name), boundedValue(item)] as const),
  );
}
