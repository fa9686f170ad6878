import { z } from 'zod';
import type { JsonObject } from '../../domain/json.ts';
import { durationPattern, milliseconds } from './duration.ts';

/** What a name in a playbook looks like: one that expressions can write after a dot. */
const namePattern = /^[a-z][a-z0-9_]{0,39}$/;
const inputPattern = /^[A-Za-z][A-Za-z0-9_]{0,39}$/;
/** Words that CEL cannot read after a dot, and two that a map literal of it cannot hold. */
const reserved: ReadonlySet<string> = new Set(['constructor', 'false', 'in', 'null', 'prototype', 'true']);
/** The gate that asks for an incident's release has that name. */
const reservedSteps: ReadonlySet<string> = new Set([...reserved, 'release']);

const maxDays = 90;
const nameFix = `use lower-case letters, digits and _, beginning with a letter, at most 40, and none of: ${[...reservedSteps].join(', ')}`;

function name(): z.ZodString {
  return z.string({ error: nameFix }).regex(namePattern, { error: nameFix });
}

function duration(description: string): z.ZodType<string> {
  const fix = `write a whole number and a unit, such as 90s, 5m, 24h or 7d; at most ${maxDays}d`;
  return z
    .string({ error: fix })
    .regex(durationPattern, { error: fix })
    .refine((text) => (milliseconds(text) ?? 0) <= maxDays * 86_400_000, { error: fix })
    .describe(description);
}

function text(max: number): z.ZodString {
  const fix = `write text of 1 to ${max} characters`;
  return z.string({ error: fix }).trim().min(1, { error: fix }).max(max, { error: fix });
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number]> {
  return z.enum(values, { error: `use one of: ${values.join(', ')}` });
}

function map<T extends z.core.$ZodShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape, { error: `write a map with the keys ${Object.keys(shape).join(', ')}` });
}

const countFix = 'write a whole number from 1 to 20';

const approve = map({
  from: z
    .array(text(64), { error: 'list at least one group, such as [responders]' })
    .min(1, { error: 'list at least one group, such as [responders]' })
    .max(20, { error: 'list at most 20 groups' })
    .describe('Groups whose members may decide.'),
  count: z
    .int({ error: countFix })
    .min(1, { error: countFix })
    .max(20, { error: countFix })
    .optional()
    .describe('How many different persons must agree; 1 when absent. The requester never counts.'),
  within: duration('How long they have.'),
  otherwise: oneOf(['escalate', 'deny'])
    .optional()
    .describe(
      'After that: `escalate` (the default) asks the escalation groups for as long again, `deny` refuses.',
    ),
}).describe('Who must agree before this step changes anything.');

const hold = map({
  for: duration('How long the containment is meant to stand.'),
  // oxlint-disable-next-line unicorn/no-thenable -- the language's own key
  then: oneOf(['escalate'])
    .optional()
    .describe('What follows: people are called. Nothing lets go by itself.'),
}).describe('How long a containment stands before people are called.');

const conditionFix = 'write a CEL expression of at most 4096 characters';
const needsFix = 'name the step to wait for, or list several: needs: [quarantine]';

const step = map({
  id: name()
    .refine((id) => !reservedSteps.has(id), { error: nameFix })
    .describe('Unique in the playbook; `steps.<id>` in expressions.'),
  uses: text(100).describe('The action, such as kubernetes.quarantine-namespace.'),
  with: z
    .record(z.string(), z.json(), { error: 'write a map of the action’s inputs' })
    .optional()
    .describe('The action’s inputs. `${{ }}` holds an expression.'),
  if: z
    .string({ error: conditionFix })
    .min(1, { error: conditionFix })
    .max(4096, { error: conditionFix })
    .optional()
    .describe('A CEL expression; the step is skipped when it is false.'),
  needs: z
    .union([name(), z.array(name()).max(200)], { error: needsFix })
    .optional()
    .describe('Steps to wait for. Absent: the step before. `[]`: none.'),
  approve: approve.optional(),
  hold: hold.optional(),
  undo: oneOf(['never', 'on-failure'])
    .optional()
    .describe('Whether a later failure undoes this step. A containment is never undone by a failure.'),
}).describe('One action.');

const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: 'write a text, a number, true or false',
});

const input = map({
  type: oneOf(['string', 'integer', 'number', 'boolean']),
  description: text(500).optional(),
  default: scalar.optional().describe('Used when nothing is given. Without it the input is required.'),
});

const idFix = 'use letters, digits, - and _, beginning with a letter, such as FB-001; at most 64';
const inputNameFix = `use letters, digits and _, beginning with a letter, at most 40, and none of: ${[...reserved].join(', ')}`;
const versionFix = 'write a whole number from 1';

/** A playbook as it is written. Each leaf's error says how to put it right. */
export const sourceFile = map({
  id: z
    .string({ error: idFix })
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, { error: idFix })
    .describe('Stable; incidents and routes name it.'),
  name: text(120).describe('What people read.'),
  version: z.int({ error: versionFix }).min(1, { error: versionFix }).describe('Raise it with every change.'),
  description: text(2000).optional().describe('What it is for, in a sentence or two.'),
  inputs: z
    .record(
      z
        .string()
        .regex(inputPattern, { error: inputNameFix })
        .refine((key) => !reserved.has(key), { error: inputNameFix }),
      input,
      { error: 'write a map: a name, then its type' },
    )
    .optional()
    .describe('What it must be told; `inputs.<name>` in expressions.'),
  steps: z
    .array(step, { error: 'write a list of steps' })
    .min(1, { error: 'write at least one step' })
    .max(200, { error: 'a playbook has at most 200 steps; split it' })
    .describe('At most 200, in the order of the text unless `needs` says otherwise.'),
});

export type SourceFile = z.output<typeof sourceFile>;
export type SourceStep = SourceFile['steps'][number];

/** The same as JSON Schema, without what depends on a catalogue. */
export const fileSchema: JsonObject = JSON.parse(
  JSON.stringify(z.toJSONSchema(sourceFile, { io: 'input', target: 'draft-2020-12' })),
);
