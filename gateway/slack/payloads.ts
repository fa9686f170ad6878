import { z } from 'zod';
import type { GateButton, ReleaseButton } from '../../domain/slack.ts';

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

/** A submitted form. */
export const submissionSchema = z.object({
  type: z.literal('view_submission'),
  ...by,
  view: z.object({
    id: z.string().regex(/^[A-Za-z0-9]{1,40}$/),
    private_metadata: z.string().max(3_000),
    state: z.object({
      values: z.object({ reason: z.object({ text: z.object({ value: z.string().max(3_000).nullable() }) }) }),
    }),
  }),
});
export type Submission = z.infer<typeof submissionSchema>;

const incident = z.string().regex(/^inc-[0-9a-f]{16}-[a-z2-7]{6}$/);
const digest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);

const gateButton: z.ZodType<GateButton> = z.strictObject({
  i: incident,
  g: z.string().min(1).max(200),
  d: digest,
});
const releaseButton: z.ZodType<ReleaseButton> = z.strictObject({ i: incident });

/** What a form keeps of the button that opened it: the message's channel is where a late answer goes. */
const channel = z.string().regex(/^[CGD][A-Z0-9]{1,20}$/);
const denyForm = z.strictObject({ i: incident, g: z.string().min(1).max(200), d: digest, channel });
const releaseForm = z.strictObject({ i: incident, channel });
export type DenyForm = z.infer<typeof denyForm>;
export type ReleaseForm = z.infer<typeof releaseForm>;

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
export const readReleaseButton = read(releaseButton);
export const readDenyForm = read(denyForm);
export const readReleaseForm = read(releaseForm);
