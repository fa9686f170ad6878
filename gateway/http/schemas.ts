import { z } from 'zod';
import { severities } from '../../domain/alert.ts';
import { cancellations, modes } from '../../domain/decision.ts';
import type { TokenScope } from '../dependencies.ts';

const incidentId = z
  .string()
  .regex(/^inc-[0-9a-f]{16}-[a-z2-7]{6}$/, 'must be an incident id such as inc-0123456789abcdef-abc234')
  .meta({ examples: ['inc-0123456789abcdef-abc234'] });

const digestText = z
  .templateLiteral(['sha256:', z.string()])
  .refine((text) => /^sha256:[0-9a-f]{64}$/.test(text), {
    error: 'must be "sha256:" and 64 hexadecimal digits',
  });

/** RFC 9457, `application/problem+json`. */
const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Listed in docs/reference/errors.md' }),
    detail: z.string().meta({ description: 'Names the field and the fix' }),
    instance: z.string().meta({ description: 'The request id, also in X-Request-Id and in the log' }),
    incident: z.string().optional(),
  })
  .meta({ id: 'Problem' });

const problemTexts: { readonly [status: number]: string } = {
  400: 'The body is not acceptable JSON',
  401: 'No token, or not a valid one',
  403: 'The token or the person may not do this',
  404: 'There is no such thing',
  409: "The incident's state does not allow it",
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'A field is wrong; nothing was started',
  429: 'Too many requests; Retry-After says when',
  503: 'Something needed is down; nothing was taken in, Retry-After says when to send it again',
};

export function problemsFor(statuses: readonly number[]): { [status: number]: z.ZodType } {
  return Object.fromEntries(
    statuses.map((status) => [status, problemSchema.describe(problemTexts[status] ?? 'Error')] as const),
  );
}

/** What is common to the routes that ask for a token. */
export function secured(summary: string, description: string, scope: TokenScope) {
  return {
    summary,
    description: `${description} Needs a token with the scope \`${scope}\`.`,
    security: [{ token: [] }],
    tags: [scope === 'alerts' || scope === 'registry-events' ? scope : 'incidents'],
  };
}

export const intakeResponse = z
  .object({
    status: z.enum(['opened', 'joined', 'duplicate', 'no-route']),
    incident: z.string().optional(),
    href: z.string().optional(),
  })
  .meta({
    description: 'Durable. `no-route`: no route is for this alert; it was recorded and starts nothing.',
    examples: [
      {
        status: 'opened',
        incident: 'inc-0123456789abcdef-abc234',
        href: '/v1/incidents/inc-0123456789abcdef-abc234',
      },
    ],
  });

export const registryEventsResponse = z
  .object({ stored: z.int(), known: z.int(), unreadable: z.int() })
  .meta({
    description: 'Durable. `known` were stored before; of an `unreadable` one is kept that it came.',
    examples: [{ stored: 1, known: 0, unreadable: 0 }],
  });

export const incidentParams = z.object({ id: incidentId });

/** An IncidentView, by its main fields; the others pass as they are. */
export const incidentResponse = z.looseObject({
  incident: z.string(),
  title: z.string(),
  severity: z.enum(severities),
  mode: z.enum(modes),
  status: z.string(),
  outcome: z.string().optional(),
  requester: z.string(),
  openedAt: z.string(),
  closedAt: z.string().optional(),
  alerts: z.int(),
  steps: z.array(z.looseObject({ id: z.string(), action: z.string(), status: z.string() })),
  gates: z.array(z.looseObject({ digest: z.string(), escalated: z.boolean() })),
  ledger: z.object({ count: z.int(), head: z.string() }),
});

const incidentSummary = z.object({
  incident: z.string(),
  title: z.string(),
  severity: z.string(),
  status: z.string().meta({ description: '`unknown` when no worker answered' }),
  outcome: z.string().optional(),
  openedAt: z.string(),
  href: z.string(),
});
export const listQuery = z.strictObject({
  status: z.enum(['open', 'closed', 'all']).default('all'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const listResponse = z.object({ incidents: z.array(incidentSummary) });
export const ledgerResponse = z.object({
  incident: z.string(),
  entries: z.array(z.looseObject({ seq: z.int(), kind: z.string() })),
});

const reason = z.string().max(500).meta({ description: 'At most 500 characters' });

const scalar = z.union([z.string(), z.number(), z.boolean()]);
export const openBody = z
  .strictObject({
    playbook: z.string().min(1).max(200),
    inputs: z.record(z.string(), z.union([scalar, z.array(scalar).max(5_000)])).default({}),
    /** Not `automatic`: a person alone would then ask and decide. Only a route opens in it. */
    mode: z.enum(['simulate', 'approve']).default('approve'),
    severity: z
      .enum(severities)
      .optional()
      .meta({ description: 'Without it the playbook’s own; `high` where that has none' }),
    reason: reason.min(1),
  })
  .meta({
    examples: [
      {
        playbook: 'FB-001',
        inputs: { cluster: 'shop', namespace: 'web' },
        mode: 'approve',
        reason: 'Odd traffic',
      },
    ],
  });

export const decisionBody = z
  .strictObject({
    gate: z.string().min(1).max(700),
    digest: digestText,
    verdict: z.enum(['approve', 'deny']),
    reason: reason.optional(),
    answers: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .meta({ description: 'Every field of `gates[].gate.form`; only to approve a question that has one' }),
  })
  .meta({
    examples: [
      { gate: 'quarantine', digest: `sha256:${'0'.repeat(64)}`, verdict: 'approve' },
      {
        gate: 'ticket',
        digest: `sha256:${'0'.repeat(64)}`,
        verdict: 'approve',
        answers: { ticket: 'INC-4711', customers: 3 },
      },
    ],
  });

const request = {
  reason: reason.min(1),
  nonce: z
    .string()
    .regex(/^[\w-]{8,64}$/, 'must be 8 to 64 letters, digits, "_" or "-"')
    .optional()
    .meta({ description: 'Sent twice, it is one command' }),
};

export const commandBody = z
  .discriminatedUnion('command', [
    z.strictObject({ command: z.enum(['release', 'takeover', 'handback']), ...request }),
    z.strictObject({
      command: z.literal('cancel'),
      then: z.enum(cancellations, { error: `must be one of ${cancellations.join(', ')}` }).meta({
        description:
          '`stop`: what runs is stopped, what was applied stays. `undo`: then reversible changes are undone and a release of the containments is asked for. `hold`: what runs is finished, and the incident stays open',
      }),
      ...request,
    }),
  ])
  .meta({
    examples: [
      { command: 'release', reason: 'Image rebuilt and verified' },
      { command: 'cancel', then: 'stop', reason: 'False alarm' },
    ],
  });

export const takenResponse = z.object({ status: z.literal('taken'), incident: z.string() });

export const falcoExample = {
  uuid: '8d4b1c52-6f3e-4f4e-9a60-0b7f6b3a2f11',
  hostname: 'node-1',
  output: 'A shell was spawned in a container with an attached terminal (user=root container=web)',
  priority: 'Notice',
  rule: 'Terminal shell in container',
  source: 'syscall',
  tags: ['container', 'shell', 'mitre_execution', 'T1059'],
  time: '2026-01-02T03:04:05.678901234Z',
  output_fields: {
    'evt.time': '1767323045678901234',
    'k8s.ns.name': 'shop',
    'k8s.pod.name': 'web-1',
    'proc.tty': 34816,
  },
};
