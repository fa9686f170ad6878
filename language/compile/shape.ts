import { z } from 'zod';
import { severities } from '../../domain/alert.ts';
import type { JsonObject } from '../../domain/json.ts';
import { bound, choices, phase, scalar, steps } from './source/step.ts';
import { map, named, newStepName, oneOf, playbookId, text, valueName } from './source/words.ts';

const input = map({
  type: oneOf(['string', 'integer', 'number', 'boolean', 'list', 'secret']).describe(
    '`secret`: the name of a secret in a store, never its value.',
  ),
  items: oneOf(['string', 'integer', 'number', 'boolean'])
    .optional()
    .describe('Of a list: what its items are; string when absent.'),
  description: text(500).optional(),
  default: z
    .union([scalar, z.array(scalar)], { error: 'write a text, a number, true, false or a list of these' })
    .optional()
    .describe('Used when nothing is given. Without it the input is required.'),
  optional: z
    .boolean({ error: 'write true or false' })
    .optional()
    .describe('Of a secret: it may be left out, and `has(inputs.<name>)` tells whether it was given.'),
  'one-of': choices.optional().describe('Of a text: its allowed values.'),
  min: bound
    .optional()
    .describe('Of a number its least value, of a text its least length, of a list its least size.'),
  max: bound
    .optional()
    .describe('Of a number its greatest value, of a text its greatest length, of a list its greatest size.'),
});

const urlFix = 'write an address that begins with https:// and names nobody, at most 500 characters';
const references = z
  .array(
    map({
      title: text(120),
      url: z
        .string({ error: urlFix })
        .regex(/^https:\/\/\S+$/, { error: urlFix })
        .max(500, { error: urlFix })
        .refine(namesNobody, { error: urlFix }),
    }),
    { error: 'write a list of title and url' },
  )
  .max(20, { error: 'list at most 20' });

function namesNobody(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && parsed.username === '' && parsed.password === '';
}

const versionFix = 'write a whole number from 1';

/** A playbook as it is written. Each leaf's error says how to put it right. */
export const sourceFile = map({
  id: playbookId().describe('Stable; incidents and routes name it.'),
  name: text(120).describe('What people read.'),
  version: z.int({ error: versionFix }).min(1, { error: versionFix }).describe('Raise it with every change.'),
  description: text(2000).optional().describe('What it is for, in a sentence or two.'),
  owner: text(120).optional().describe('Who answers for it; the incident message names it.'),
  runbook: text(120).optional().describe('The id of the runbook on paper that it encodes.'),
  severity: oneOf(severities).optional().describe('Severity of an incident that names none.'),
  references: references.optional().describe('Links for the people who respond.'),
  inputs: named(valueName(), input, { min: 0, max: 100, what: 'a name, then its type' })
    .optional()
    .describe('What it must be told; `inputs.<name>` in expressions.'),
  phases: named(newStepName(), phase, { min: 1, max: 20, what: 'a name, then its title and approve' })
    .optional()
    .describe('What people are asked about at once: contain, revoke, recover.'),
  steps: steps.describe('In the order of the text unless `needs` says otherwise.'),
  'on-failure': steps
    .optional()
    .describe('Run when `steps` ended badly, after the undo; they see `failure`.'),
  always: steps.optional().describe('Run last, however it ended.'),
  outputs: named(valueName(), z.json(), { min: 1, max: 50, what: 'a name, then its value' })
    .optional()
    .describe('What it yields to whom runs it as a step; `${{ }}` holds an expression.'),
});

export type SourceFile = z.output<typeof sourceFile>;
export type SourceInput = z.output<typeof input>;

/** The same as JSON Schema, without what depends on a catalogue. */
export const fileSchema: JsonObject = JSON.parse(
  JSON.stringify(z.toJSONSchema(sourceFile, { io: 'input', target: 'draft-2020-12' })),
);
