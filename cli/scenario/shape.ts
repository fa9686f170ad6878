import { z } from 'zod';
import { verdicts } from '../../domain/action.ts';
import { severities } from '../../domain/alert.ts';
import { cancellations, modes } from '../../domain/decision.ts';
import { durationPattern } from '../../language/compile/duration.ts';

/** How a step instance can end, as a scenario names it. */
const endings = [
  'done',
  'held',
  'skipped',
  'simulated',
  'failed',
  'refused',
  'denied',
  'cancelled',
  'undone',
] as const;
/** How a whole playbook can end in a scenario. `holding` says apart from it which containments stand. */
export const outcomes = [
  'completed',
  'simulated',
  'failed',
  'refused',
  'denied',
  'expired',
  'cancelled',
] as const;
export type ScenarioOutcome = (typeof outcomes)[number];

function text(max: number): z.ZodString {
  const fix = `write text of 1 to ${max} characters`;
  return z.string({ error: fix }).trim().min(1, { error: fix }).max(max, { error: fix });
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number]> {
  return z.enum(values, { error: `use one of: ${values.join(', ')}` });
}

/** A map with these keys only. What it lacks is said by the key's own error. */
function map<T extends z.core.$ZodShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? undefined
        : `write a map with the keys ${Object.keys(shape).join(', ')}`,
  });
}

const after = z
  .string({ error: 'write a duration, such as 90s, 5m or 24h' })
  .regex(durationPattern, { error: 'write a whole number and a unit, such as 90s, 5m or 24h' });

const jsonMap = z.record(z.string(), z.json(), { error: 'write a map' });

const result = map({
  status: oneOf(['failed', 'refused']).optional(),
  why: text(500).optional(),
  verdict: oneOf(verdicts).optional(),
  outputs: jsonMap.optional(),
  after: after.optional(),
  applied: z.boolean({ error: 'write true or false' }).optional(),
  'undo-fails': text(500).optional(),
});

const decisionForm =
  'write `approved by ada`, `approved by ada and grace`, `denied by ada`, `expired`, or { by: ada, answers: { … } } for a question; ` after 10m` may follow a name';
/** `approved by ada and grace after 10m` */
export const decisionPattern =
  /^(approved|denied) by ([A-Za-z0-9_.@-]+(?: and [A-Za-z0-9_.@-]+)*)(?: after ([1-9][0-9]{0,5}[smhd]))?$/;

const answered = map({
  by: text(64),
  answers: jsonMap.optional(),
  after: after.optional(),
});
const decision = z.union([z.literal('expired'), z.string().regex(decisionPattern), answered], {
  error: decisionForm,
});

const alert = map({
  source: z.string().optional(),
  id: z.string().optional(),
  rule: z.string().optional(),
  severity: oneOf(severities).optional(),
  summary: z.string().optional(),
  cluster: z.string().optional(),
  namespace: z.string().optional(),
  pod: z.string().optional(),
  container: z.string().optional(),
  image: z.string().optional(),
  fields: jsonMap.optional(),
  detectedAt: z.string().optional(),
  receivedAt: z.string().optional(),
  owner: z.string().optional(),
});

const given = map({
  alert: alert.optional(),
  inputs: jsonMap.optional(),
  mode: oneOf(modes).optional(),
  severity: oneOf(severities).optional(),
  requester: text(64).optional(),
  results: z
    .record(z.string(), z.union([result, z.array(result).min(1)], { error: resultForm() }), {
      error: 'write a map: the address of a step, then what it meets',
    })
    .optional(),
  decisions: z
    .record(z.string(), z.union([decision, z.array(decision).min(1)], { error: decisionForm }), {
      error: 'write a map: the address of a step that asks, then what people say',
    })
    .optional(),
  cancel: map({
    at: text(300),
    // oxlint-disable-next-line unicorn/no-thenable -- the command's own key
    then: oneOf(cancellations).optional(),
    why: text(500).optional(),
  }).optional(),
});

function resultForm(): string {
  return 'write { verdict: verified, outputs: { … } }, { status: failed, why: … }, or a list with one for each attempt or reading';
}

const stepForm =
  "write `- <address>: <status>`, `- <address>: { status, why, verdict, with, outputs }`, or '...' for any steps between";
const expectedStep = z.union(
  [
    oneOf(endings),
    map({
      status: oneOf(endings),
      why: text(500).optional(),
      verdict: oneOf(verdicts).optional(),
      with: jsonMap.optional(),
      outputs: jsonMap.optional(),
    }),
  ],
  { error: `${stepForm}; a status is one of: ${endings.join(', ')}` },
);
const askedForm = "write `- <address>`, `- <address>: { from: [group], count: 1, question: … }`, or '...'";
const expectedQuestion = map({
  from: z.array(text(64)).optional(),
  count: z.int().min(1).optional(),
  question: text(500).optional(),
});

/** One address and what is expected there. */
function single<T extends z.ZodType>(value: T, error: string): z.ZodRecord<z.ZodString, T> {
  return z
    .record(z.string(), value, { error })
    .refine((entry) => Object.keys(entry).length === 1, { error: `name one step an entry: ${error}` });
}

/** A scenario as it is written: what is given, and what is expected of the playbook beside it. */
export const scenarioFile = map({
  name: text(200),
  description: text(2000).optional(),
  given,
  expect: map({
    outcome: oneOf(outcomes),
    within: after.optional(),
    steps: z.array(z.union([z.literal('...'), single(expectedStep, stepForm)], { error: stepForm }), {
      error: 'write the list of the steps in the order in which they end',
    }),
    asked: z
      .array(z.union([z.string(), single(expectedQuestion, askedForm)], { error: askedForm }), {
        error: 'write the list of the questions in the order in which they are asked; [] for none',
      })
      .optional(),
    holding: z
      .array(text(300), { error: 'list the addresses of the steps whose containment stands' })
      .optional(),
    outputs: jsonMap.optional(),
  }),
});

export type ScenarioFile = z.output<typeof scenarioFile>;
export type Result = z.output<typeof result>;
export type Decision = z.output<typeof decision>;
