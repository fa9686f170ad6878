import { z } from 'zod';
import { severities } from '../../domain/alert.ts';
import { peopleSchema } from '../../gateway/people.ts';

/** A secret is never written in the configuration: it names an environment variable or a file. */
const secret = z.union([
  z.strictObject({
    env: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable'),
  }),
  z.strictObject({ file: z.string().min(1) }),
]);
export type SecretReference = z.infer<typeof secret>;

const identifier = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and "-"');

/** `90s`, `5m`, `24h`, `7d`; read by language/compile/duration.ts. */
const duration = z.string().regex(/^[1-9][0-9]{0,5}[smhd]$/, 'must be a duration such as 90s, 5m, 24h or 7d');

const approval = z.strictObject({
  from: z.array(identifier).min(1),
  count: z.int().min(1).max(20).default(1),
  within: duration.default('15m'),
  otherwise: z.enum(['escalate', 'deny']).default('escalate'),
});

const megabyte = 1024 * 1024;

/** `firebreak.yaml`. Relative paths are relative to the file. */
export const configurationSchema = z.strictObject({
  /** Where ledger, evidence, access log, tokens and keys are kept. */
  state: z.string().min(1).default('state'),
  temporal: z
    .strictObject({
      /** `host:port`; absent: a Temporal of its own is started beside the worker. */
      address: z
        .string()
        .regex(/^[^\s:]+:\d+$/, 'must be host:port')
        .optional(),
      namespace: z.string().min(1).default('default'),
      taskQueue: z.string().min(1).default('firebreak'),
      tls: z.boolean().default(false),
      apiKey: secret.optional(),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8080),
    })
    .prefault({}),
  clusters: z
    .array(
      z.strictObject({
        name: identifier,
        environment: identifier,
        kubeconfig: z.string().min(1),
        context: z.string().min(1).exactOptional(),
      }),
    )
    .min(1, 'name at least one cluster'),
  /** The Kubernetes group that a freeze exempts, so that people can always take over. */
  responderGroup: z.string().min(1).default('firebreak:responders'),
  slack: z
    .strictObject({
      signingSecret: secret,
      botToken: secret,
      channel: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id such as C012AB3CD'),
      /** Whom Slack calls for a group of `people`: a user group id, or user ids. */
      groups: z.record(identifier, z.union([z.string(), z.array(z.string())])).default({}),
      socketMode: z.strictObject({ appToken: secret }).optional(),
      /** Another Web API than Slack's own, ending with /api/: for tests. */
      apiUrl: z.url().optional(),
    })
    .optional(),
  people: peopleSchema.default([]),
  routes: z.string().min(1).default('routes.yaml'),
  playbooks: z.string().min(1).default('playbooks'),
  /** Generic alert sources by name: CEL over `body` and `headers` for each field. */
  sources: z.record(identifier, z.record(z.string(), z.unknown())).default({}),
  guardrails: z
    .strictObject({
      protectedNamespaces: z.array(z.string().min(1)).default([]),
      protectedPrincipals: z.array(z.string().min(1)).default([]),
      maxNamespaces: z.int().min(1).default(1),
      maxPods: z.int().min(1).default(500),
      maxPrincipals: z.int().min(1).default(5),
      automatic: z
        .array(z.strictObject({ environments: z.array(identifier).min(1), minSeverity: z.enum(severities) }))
        .default([]),
    })
    .prefault({}),
  approvals: z.strictObject({
    /** For a step whose playbook says nothing. */
    default: approval,
    release: approval,
    /** Groups that are called, and may then decide, when nobody answers. */
    escalation: z.array(identifier).min(1),
  }),
  /** How long a containment stands before people are reminded. */
  hold: duration.default('24h'),
  evidence: z
    .strictObject({
      maxTotalBytes: z
        .int()
        .min(megabyte)
        .default(20 * 1024 * megabyte),
      maxArtefactBytes: z
        .int()
        .min(1024)
        .default(256 * megabyte),
    })
    .prefault({}),
  limits: z.strictObject({ refusalsPerMinute: z.int().min(1).default(600) }).prefault({}),
});
export type ConfigurationFile = z.output<typeof configurationSchema>;
