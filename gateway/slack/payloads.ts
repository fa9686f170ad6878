import { z } from 'zod';
import type { GateButton, IncidentButton } from '../../domain/slack.ts';

/** Who did it, by ids: `team_id` is the person's own workspace, which in a shared channel may be a stranger's. */
const by = {
  user: z.object({ id: z.string().regex(/^[UW][A-Z0-9]{1,20}$/), team_id: z.string().max(30).optional() }),
  team: z.object({ id: z.string().max(30) }).nullish(),
};

/** A click. Slack documents more fields; only these are used. */
export const clickSchema = z.object({
  type: z.literal('block_actions'),
  ...by,
  trigger_id: z.string().max(500),
  channel: z.object({ id: z.string().regex(/^[CGD][A-Z0-9]{1,20}$/) }),
  actions: z.array(z.object({ action_id: z.string().max(255), value: z.string().max(2_000) })).length(1),
});
export type Click = z.infer<typeof clickSchema>;

/**
 * What is entered, by block and element: `value` of a text or number (null when empty), `selected_option` of a choice (null when none is).
 * docs.slack.dev/reference/interaction-payloads/view-interactions-payload
 */
const stateValues = z.record(
  z.string().max(255),
  z.record(
    z.string().max(255),
    z.object({
      value: z.string().max(3_000).nullish(),
      selected_option: z.object({ value: z.string().max(150) }).nullish(),
    }),
  ),
);
export type StateValues = z.infer<typeof stateValues>;

/** A submitted form. */
export const submissionSchema = z.object({
  type: z.literal('view_submission'),
  ...by,
  view: z.object({
    id: z.string().regex(/^[A-Za-z0-9]{1,40}$/),
    private_metadata: z.string().max(3_000),
    state: z.object({ values: stateValues }),
  }),
});
export type Submission = z.infer<typeof submissionSchema>;

const incident = z.string().regex(/^inc-[0-9a-f]{16}-[a-z2-7]{6}$/);
const digest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);

/** A gate's id is a step's address, which grows with the loops and playbooks around it. */
const gate = z.string().min(1).max(700);

const gateButton: z.ZodType<GateButton> = z.strictObject({ i: incident, g: gate, d: digest });
const incidentButton: z.ZodType<IncidentButton> = z.strictObject({ i: incident });

/** What a form keeps of the button that opened it: the message's channel is where a late answer goes. */
const channel = z.string().regex(/^[CGD][A-Z0-9]{1,20}$/);
const gateForm = z.strictObject({ i: incident, g: gate, d: digest, channel });
const incidentForm = z.strictObject({ i: incident, channel });
export type GateForm = z.infer<typeof gateForm>;
export type IncidentForm = z.infer<typeof incidentForm>;

/** Undefined for what we cannot have written. */
function read<T>(schema: z.ZodType<T>): (text: string) => T | undefined {
  return (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    return schema.safeParse(value).data;
  };
}

export const readGateButton = read(gateButton);
export const readIncidentButton = read(incidentButton);
export const readGateForm = read(gateForm);
export const readIncidentForm = read(incidentForm);
