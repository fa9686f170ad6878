import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { Permission } from '../../../domain/permission.ts';

/** Measurements of one check, at most: what is kept of each goes into the evidence. */
const mostMeasurements = 200;
const longestDuringMs = 30 * 60_000;

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration that its schema has let through. */
export function millisecondsOf(duration: string): number {
  const unit = duration.at(-1);
  const each = unit === 's' || unit === 'm' || unit === 'h' || unit === 'd' ? units[unit] : Number.NaN;
  return Number(duration.slice(0, -1)) * each;
}

const duration = (what: string) =>
  z
    .string()
    .regex(/^[1-9][0-9]{0,5}[smhd]$/, 'must be a duration such as 90s, 5m, 24h or 7d')
    .describe(what);
const number = (what: string) => z.number().describe(what);
const query = (what: string) => z.string().min(1).max(2_000).describe(what);
const objectiveName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be at most 40 lower-case letters, digits, "_" and "-"')
  .describe('What it is called in outputs and reports');

const worseBy = z
  .strictObject({
    factor: z.number().min(1).max(1_000).exactOptional().describe('1.5: half as much again'),
    absolute: z.number().min(0).exactOptional().describe('In the unit of the query'),
    direction: z
      .enum(['higher', 'lower'])
      .exactOptional()
      .describe('What worse is; needed only where neither atMost nor atLeast says it'),
  })
  .refine(({ factor, absolute }) => factor !== undefined || absolute !== undefined, {
    error: 'give factor, absolute, or both',
  });

const objective = z
  .strictObject({
    name: objectiveName,
    query: query('PromQL that yields one number; `$window` in it is replaced by the window'),
    atMost: number('Above it the check fails').exactOptional(),
    atLeast: number('Below it the check fails').exactOptional(),
    worseBy: worseBy
      .exactOptional()
      .describe('How much worse than the baseline it may be; the more lenient of factor and absolute'),
    record: z
      .literal(true)
      .exactOptional()
      .describe('Only measured, to be a baseline: in place of any threshold'),
  })
  .superRefine((one, context) => {
    const fault = (message: string) => context.addIssue({ code: 'custom', message });
    const judged = [one.atMost, one.atLeast, one.worseBy].some((given) => given !== undefined);
    if (one.record === undefined && !judged) fault('give atMost, atLeast or worseBy; or record: true');
    if (one.record !== undefined && judged) fault('give either record or a threshold');
    if (one.atMost !== undefined && one.atLeast !== undefined)
      fault('give either atMost or atLeast: two objectives make a band');
    if (one.worseBy === undefined) return;
    const { direction } = one.worseBy;
    if (direction === undefined && one.atMost === undefined && one.atLeast === undefined)
      fault('worseBy.direction: say whether higher or lower is worse');
    if (direction === 'higher' && one.atLeast !== undefined) fault('worseBy.direction contradicts atLeast');
    if (direction === 'lower' && one.atMost !== undefined) fault('worseBy.direction contradicts atMost');
  });
export type Objective = z.infer<typeof objective>;

/** What of an earlier check's outputs a later one is held against. Whatever else they hold is let through. */
const baseline = z
  .object({
    ok: z.literal(true, { error: 'must be the outputs of a check that succeeded' }),
    window: z.string(),
    at: z.string(),
    objectives: z.array(z.object({ name: objectiveName, value: z.number() })).max(20),
  })
  .describe('The outputs of an earlier check');

export const input = z
  .strictObject({
    metrics: z.string().min(1).max(63).describe('The source of metrics as configured'),
    objectives: z
      .array(objective)
      .min(1)
      .max(20)
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'holds a name twice'),
    traffic: z
      .strictObject({
        query: query('PromQL that yields how much there was to be measured, such as requests in the window'),
        atLeast: z.number().gt(0).describe('Below it the check fails: nothing can be said of so little'),
      })
      .describe('Proves that there was something to measure'),
    window: duration('What $window stands for in the queries'),
    during: duration('Measures again and again for so long; once when absent').exactOptional(),
    every: duration('How often, during it; 15s when absent. Also at the very end').exactOptional(),
    baseline: baseline.exactOptional(),
    at: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2026-01-02T03:04:05Z' })
      .max(40)
      .exactOptional()
      .describe('Measures how it was then, such as before an incident; now when absent'),
    before: duration('As long before `at`').exactOptional(),
    maxStaleness: duration('How old the newest sample may be; 2m when absent').exactOptional(),
    allowInfos: z
      .boolean()
      .exactOptional()
      .describe('Whether an answer may come with infos, such as that a counter is not named like one'),
  })
  .superRefine(({ during, every, at, before }, context) => {
    const fault = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (at !== undefined && during !== undefined) fault('during', 'goes on from now: leave out at');
    if (before !== undefined && at === undefined) fault('before', 'goes with at');
    if (every !== undefined && during === undefined) fault('every', 'goes with during');
    if (during === undefined) return;
    if (millisecondsOf(during) > longestDuringMs) fault('during', 'is at most 30m');
    if (offsetsOf({ during, ...(every === undefined ? {} : { every }) }).length > mostMeasurements)
      fault('every', `makes more than ${mostMeasurements} measurements: measure less often`);
  });
export type SloCheckInput = z.infer<typeof input>;

/** When to measure, in seconds from the first: at the begin, after each `every`, and at the very end, so that the whole of `during` is seen. */
export function offsetsOf({ during, every }: Pick<SloCheckInput, 'during' | 'every'>): number[] {
  if (during === undefined) return [0];
  const end = millisecondsOf(during) / 1000;
  const step = millisecondsOf(every ?? '15s') / 1000;
  return [...Array.from({ length: Math.ceil(end / step) }, (_, index) => index * step), end];
}

const numbered = (description: string): JsonObject => ({ type: 'number', description });

/** JSON Schema of what a step gives: small, and what a later one takes as its baseline. */
export const outputs: JsonObject = {
  type: 'object',
  required: ['ok', 'window', 'at', 'measurements', 'objectives', 'traffic', 'evidence'],
  properties: {
    ok: { type: 'boolean', const: true, description: 'A check that is not ok has failed, and gives nothing' },
    window: { type: 'string', description: 'What the queries looked over' },
    at: { type: 'string', description: 'Time of the last measurement, by the clock of Prometheus' },
    measurements: { type: 'integer', description: 'How often it was measured' },
    objectives: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'value', 'ok'],
        properties: {
          name: { type: 'string' },
          value: numbered('Of the last measurement'),
          baseline: numbered('What it was held against'),
          threshold: numbered('The strictest bound that it had to keep'),
          ok: { type: 'boolean' },
        },
        additionalProperties: false,
      },
    },
    traffic: numbered('Of the last measurement'),
    evidence: { type: 'string', description: 'Digest of the answers to the last measurement' },
  },
  additionalProperties: false,
};

export const permissions: Permission[] = (['plan', 'apply', 'verify'] as const).map((verb) => ({
  system: 'prometheus',
  scope: 'query API: read',
  why: 'what the objectives are measured by',
  verb,
}));

export const notCovered: Limit[] = [
  {
    code: 'what-no-query-asks',
    text: 'What no query asks about: an objective that is kept says nothing of data that is lost, of security, or of users that came to another service.',
  },
  {
    code: 'metrics-can-lie',
    text: 'Metrics are what the measured programs say of themselves: an attacker who runs in one can have it say anything.',
  },
  {
    code: 'some-of-several',
    text: 'One of several targets that is not scraped any more: the newest sample that a selector finds is what counts. Hold the traffic, or count(up), against a bound.',
  },
];
