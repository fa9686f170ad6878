import { z } from 'zod';
import type { Alert, Severity } from '../../domain/alert.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { anyJson } from '../json.ts';
import { Problem } from '../problem.ts';
import { issueText } from './issue.ts';
import { normalise, type Arrival } from './normalise.ts';

/** Falco's priorities as syslog has them. Falcosidekick spells them the same way. */
const severityOf: { readonly [priority: string]: Severity } = {
  emergency: 'critical',
  alert: 'critical',
  critical: 'critical',
  error: 'high',
  warning: 'medium',
  notice: 'low',
  informational: 'info',
  debug: 'info',
};

const text = z.string().max(64 * 1024);
/** `null`: the event had no such thing, e.g. a process on the host. */
const field = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(anyJson),
  z.record(z.string(), anyJson),
]);

/**
 * What Falco posts with `json_output: true`, and what Falcosidekick's webhook output forwards: the same, with a uuid of its own where Falco gave none.
 * Further keys are kept in the raw body alone. https://falco.org/docs/outputs/formatting/
 */
export const falcoPayload = z.object({
  uuid: text.optional(),
  rule: text.min(1),
  priority: text.refine((priority) => Object.hasOwn(severityOf, priority.toLowerCase()), {
    error: 'must be one of Emergency, Alert, Critical, Error, Warning, Notice, Informational, Debug',
  }),
  /** Absent with `json_include_output_property: false`. */
  output: text.optional(),
  message: text.optional(),
  source: text.optional(),
  hostname: text.nullish(),
  time: text.min(1),
  tags: z.array(text).max(200).nullish(),
  output_fields: z.record(z.string(), field).nullish(),
});

/** Where a namespace can stand: the container's metadata, the k8smeta plugin's, and for audit events the object's. */
const namespaceFields = ['k8s.ns.name', 'k8smeta.ns.name'];
const auditNamespaceField = 'ka.target.namespace';
const podFields = ['k8s.pod.name', 'k8smeta.pod.name'];
const clusterFields = ['cluster', 'k8s.cluster.name'];

/** @throws Problem FB1201 for a wrong shape, and those of `normalise` */
export function falcoAlert(body: Json, arrival: Arrival): Alert {
  const parsed = falcoPayload.safeParse(body);
  if (!parsed.success) throw new Problem(422, 'FB1201', `not a Falco alert: ${issueText(parsed.error)}`);
  const { uuid, rule, priority, output, message, source, hostname, time, tags, output_fields } = parsed.data;
  const values: JsonObject = output_fields ?? {};
  const namespaces = source === 'k8s_audit' ? [...namespaceFields, auditNamespaceField] : namespaceFields;
  return normalise(
    {
      source: 'falco',
      id: uuid ?? '',
      rule,
      severity: severityOf[priority.toLowerCase()] ?? 'critical',
      summary: output ?? message ?? rule,
      cluster: first(values, clusterFields),
      namespace: agreed(values, namespaces),
      pod: first(values, podFields),
      container: first(values, ['container.name', 'container.id']),
      image: imageOf(values),
      detectedAt: time,
      fields: {
        ...values,
        ...(typeof hostname === 'string' ? { 'falco.hostname': hostname } : {}),
        ...(Array.isArray(tags) ? { 'falco.tags': tags } : {}),
        'falco.priority': priority,
      },
    },
    arrival,
  );
}

/** Falco writes `<NA>` where older versions had no value. */
function stringAt(values: JsonObject, name: string): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  return typeof value === 'string' && value !== '<NA>' ? value : '';
}

function first(values: JsonObject, names: readonly string[]): string {
  return names.map((name) => stringAt(values, name)).find((value) => value !== '') ?? '';
}

/** The one value that the fields have. @throws Problem FB1203 when they contradict each other */
function agreed(values: JsonObject, names: readonly string[]): string {
  const said = new Set(names.map((name) => stringAt(values, name)).filter((value) => value !== ''));
  if (said.size > 1) {
    throw new Problem(
      422,
      'FB1203',
      `output_fields: ${names.join(', ')} name different namespaces; nothing was started`,
    );
  }
  return [...said][0] ?? '';
}

/** `repository:tag@digest`, as much of it as is known. */
function imageOf(values: JsonObject): string {
  const repository = stringAt(values, 'container.image.repository');
  if (repository === '') return stringAt(values, 'container.image');
  const tag = stringAt(values, 'container.image.tag');
  const hash = stringAt(values, 'container.image.digest');
  return `${repository}${tag === '' ? '' : `:${tag}`}${hash === '' ? '' : `@${hash}`}`;
}
