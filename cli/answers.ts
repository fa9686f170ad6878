import { z } from 'zod';
import { verdicts } from '../domain/action.ts';
import { CliError } from './failure.ts';

/** One line of `GET /v1/incidents`. */
export interface IncidentSummary {
  incident: string;
  title: string;
  severity: string;
  status: string;
  outcome?: string;
  openedAt: string;
}

const limit = z.looseObject({
  text: z.string(),
  objects: z.array(z.string()).exactOptional(),
  count: z.number().exactOptional(),
});
const claim = z.looseObject({ claim: z.string(), verdict: z.enum(verdicts), detail: z.string() });
const named = z.looseObject({ object: z.string(), why: z.string() });

/** As much of an IncidentView as is read here. Loose: what a newer gateway adds is passed on. */
const view = z.looseObject({
  incident: z.string(),
  title: z.string(),
  severity: z.string(),
  mode: z.string(),
  status: z.string(),
  outcome: z.string().exactOptional(),
  playbook: z.looseObject({ id: z.string(), name: z.string(), version: z.number() }),
  requester: z.string(),
  openedAt: z.string(),
  closedAt: z.string().exactOptional(),
  outputs: z.record(z.string(), z.unknown()).exactOptional(),
  stepsOmitted: z.number().exactOptional(),
  alerts: z.number(),
  ledger: z.looseObject({ count: z.number() }),
  steps: z.array(
    z.looseObject({
      id: z.string(),
      action: z.string(),
      kind: z.string().exactOptional(),
      status: z.string(),
      why: z.string().exactOptional(),
      notCovered: z.array(limit),
      applied: z
        .looseObject({
          changes: z.number(),
          already: z.number(),
          unavailable: z.array(z.looseObject({ what: z.string(), why: z.string() })),
        })
        .exactOptional(),
      verification: z.looseObject({ state: z.string(), claims: z.array(claim) }).exactOptional(),
      undone: z
        .looseObject({
          changes: z.array(z.unknown()),
          already: z.number(),
          conflicts: z.array(named),
          notRestored: z.array(z.string()),
          claims: z.array(claim),
        })
        .exactOptional(),
      holdUntil: z.string().exactOptional(),
    }),
  ),
  gates: z.array(
    z.looseObject({
      gate: z.looseObject({
        incident: z.string(),
        id: z.string(),
        purpose: z.string(),
        authorities: z.array(
          z.looseObject({
            action: z.string(),
            targets: z.array(
              z.looseObject({
                kind: z.string(),
                cluster: z.string(),
                namespace: z.string().exactOptional(),
                name: z.string(),
                uid: z.string(),
              }),
            ),
            rule: z.string(),
            caps: z.record(z.string(), z.number()),
            undo: z.string(),
            exact: z.string().exactOptional(),
          }),
        ),
        base: z.array(z.string()).exactOptional(),
        hold: z.looseObject({ forMs: z.number() }).exactOptional(),
        undo: z.string().exactOptional(),
        question: z.string().exactOptional(),
        form: z
          .record(
            z.string(),
            z.looseObject({
              type: z.enum(['string', 'integer', 'number', 'boolean']),
              title: z.string(),
              default: z.json().exactOptional(),
              oneOf: z.array(z.string()).exactOptional(),
              min: z.number().exactOptional(),
              max: z.number().exactOptional(),
            }),
          )
          .exactOptional(),
        approval: z.looseObject({ from: z.array(z.string()), count: z.number() }),
        requester: z.string(),
        expiresAt: z.string(),
      }),
      digest: z.string(),
      consequences: z.looseObject({
        ifApproved: z.array(z.string()),
        ifDenied: z.array(z.string()),
        changes: z.array(z.string()),
        changeCount: z.number(),
        undo: z.string(),
      }),
      escalated: z.boolean(),
      decisions: z.array(z.looseObject({ person: z.string(), verdict: z.string(), at: z.string() })),
    }),
  ),
});

/** An IncidentView (domain/incident.ts) as it was answered. */
export type ShownIncident = z.infer<typeof view>;
export type ShownStep = ShownIncident['steps'][number];
export type ShownGate = ShownIncident['gates'][number];

const list = z.looseObject({
  incidents: z.array(
    z.looseObject({
      incident: z.string(),
      title: z.string(),
      severity: z.string(),
      status: z.string(),
      outcome: z.string().exactOptional(),
      openedAt: z.string(),
    }),
  ),
});

const taken = z.looseObject({ status: z.literal('taken'), incident: z.string() });
const opened = z.looseObject({ incident: z.string(), status: z.string() });

/** @throws CliError FB6106 for an answer that is no IncidentView */
export function incidentView(answer: unknown): ShownIncident {
  return checked(view, answer);
}

/** @throws CliError FB6106 */
export function summaries(answer: unknown): IncidentSummary[] {
  return checked(list, answer).incidents;
}

/** @throws CliError FB6106 when a decision or command was not taken after all */
export function takenWord(answer: unknown): z.infer<typeof taken> {
  return checked(taken, answer);
}

/** @throws CliError FB6106 */
export function openedIncident(answer: unknown): { incident: string; status: string } {
  return checked(opened, answer);
}

function checked<T>(shape: z.ZodType<T>, answer: unknown): T {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CliError(
    'FB6106',
    'unreachable',
    `the gateway's answer is not understood (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}): is it of the same version?`,
  );
}
