import { z } from 'zod';
import { severities, type Alert, type Severity } from '../../domain/alert.ts';
import { FirebreakError } from '../../domain/errors.ts';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import { createEvaluator, ExpressionError, type Program } from '../../language/run/cel.ts';
import { Problem } from '../problem.ts';
import { issueText } from './issue.ts';
import { normalise, type Arrival } from './normalise.ts';

const mapped = [
  'id',
  'rule',
  'severity',
  'summary',
  'cluster',
  'namespace',
  'pod',
  'container',
  'image',
  'detectedAt',
] as const;
type Mapped = (typeof mapped)[number];

const cel = z.string().min(1).max(4_096);

/** A source in the configuration: each field of the alert is a CEL expression over `body` and `headers`. */
export const genericSourceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-"'),
  /** Request headers that expressions may see, lower case. Never credentials. */
  headers: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9-]+$/, 'must be a lower-case header name')
        .refine((name) => !secretHeaders.has(name), {
          error: 'carries credentials, which no expression may see',
        }),
    )
    .max(20)
    .default([]),
  fields: z.strictObject({
    id: cel.optional(),
    rule: cel,
    severity: cel,
    summary: cel.optional(),
    cluster: cel.optional(),
    namespace: cel,
    pod: cel.optional(),
    container: cel.optional(),
    image: cel.optional(),
    detectedAt: cel.optional(),
  }),
});
export type GenericSourceConfiguration = z.input<typeof genericSourceSchema>;

const secretHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-api-key',
]);

/** A configured source, ready to read bodies. */
export interface GenericSource {
  name: string;
  /** @throws Problem FB1206 naming the field whose expression failed, and those of `normalise` */
  read(body: Json, headers: { [name: string]: string | string[] | undefined }, arrival: Arrival): Alert;
}

const evaluator = createEvaluator(['body', 'headers']);

/** @throws FirebreakError FB1606 naming the field of the configuration */
export function compileGenericSource(configuration: unknown): GenericSource {
  const parsed = genericSourceSchema.safeParse(configuration);
  if (!parsed.success) {
    throw new FirebreakError('FB1606', `sources: ${issueText(parsed.error)}`);
  }
  const { name, headers: allowed, fields } = parsed.data;
  const programs = new Map<Mapped, Program>();
  for (const field of mapped) {
    const expression = fields[field];
    if (expression === undefined) continue;
    try {
      programs.set(field, evaluator.parse(expression));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new FirebreakError('FB1606', `sources.${name}.fields.${field}: ${error.message}`);
    }
  }
  return {
    name,
    read(body, headers, arrival) {
      const seen = Object.fromEntries(
        allowed.map(
          (header) => [header, Object.hasOwn(headers, header) ? String(headers[header] ?? '') : ''] as const,
        ),
      );
      const scope: JsonObject = { body, headers: seen };
      const value = (field: Mapped): string => evaluated(field, programs.get(field), scope);
      return normalise(
        {
          source: name,
          id: value('id'),
          rule: value('rule') || name,
          severity: severityOf(value('severity')),
          summary: value('summary'),
          cluster: value('cluster'),
          namespace: value('namespace'),
          pod: value('pod'),
          container: value('container'),
          image: value('image'),
          detectedAt: value('detectedAt'),
          fields: isObject(body) ? body : { body },
        },
        arrival,
      );
    },
  };
}

function evaluated(field: Mapped, program: Program | undefined, scope: JsonObject): string {
  if (program === undefined) return '';
  let value: Json;
  try {
    value = program.run(scope);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    // Its message may quote the body.
    throw new Problem(
      422,
      'FB1206',
      `the expression for "${field}" has no value for this body; adjust the source's mapping`,
    );
  }
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  throw new Problem(
    422,
    'FB1206',
    `the expression for "${field}" yields neither text nor number; adjust the source's mapping`,
  );
}

function severityOf(value: string): Severity {
  const severity = severities.find((known) => known === value.toLowerCase());
  if (severity !== undefined) return severity;
  throw new Problem(
    422,
    'FB1206',
    `the expression for "severity" must yield one of ${severities.join(', ')}; map the detector's own words in it`,
  );
}
