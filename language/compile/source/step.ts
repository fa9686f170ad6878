import { z } from 'zod';
import type { Json, JsonObject } from '../../../domain/json.ts';
import {
  branchName,
  condition,
  duration,
  map,
  named,
  newStepName,
  oneOf,
  pause,
  playbookId,
  stepName,
  templateText,
  text,
  valueName,
  whole,
} from './words.ts';

/** Steps in one file, nested ones included. */
export const maxSteps = 500;

const groups = z
  .array(text(64), { error: 'list at least one group, such as [responders]' })
  .min(1, { error: 'list at least one group, such as [responders]' })
  .max(20, { error: 'list at most 20 groups' });

const decision = {
  from: groups.describe('Groups whose members may decide.'),
  count: whole(1, 20)
    .optional()
    .describe('How many different persons must agree; 1 when absent. The requester never counts.'),
  within: duration('How long they have.'),
  otherwise: oneOf(['escalate', 'deny'])
    .optional()
    .describe(
      'After that: `escalate` (the default) asks the escalation groups for as long again, `deny` refuses.',
    ),
};

const approve = map({
  ...decision,
  question: templateText(2000)
    .optional()
    .describe('What is asked; only where the approval is a step of its own, and then required.'),
}).describe(
  'Who must agree before this step changes anything. In a step that does nothing else: a gate of its own.',
);

export const phase = map({
  title: text(120).optional().describe('What people read; its name when absent.'),
  approve: map(decision).describe('Who must agree before any of its steps changes anything.'),
}).describe('Steps of one list that people are asked about at once; a step says `phase: <name>`.');

const hold = map({
  for: duration('How long the containment is meant to stand.'),
  // oxlint-disable-next-line unicorn/no-thenable -- the language's own key
  then: oneOf(['escalate'])
    .optional()
    .describe('What follows: people are called. Nothing lets go by itself.'),
}).describe('How long a containment stands before people are called.');

const retry = map({
  attempts: whole(2, 10).describe('How often it is tried in all.'),
  delay: duration('The first pause; 10s when absent.').optional(),
  backoff: z
    .number({ error: 'write a number from 1 to 10' })
    .min(1, { error: 'write a number from 1 to 10' })
    .max(10, { error: 'write a number from 1 to 10' })
    .optional()
    .describe('Each pause is that many times the one before; 2 when absent.'),
}).describe('It is tried again when it failed; a refusal or a denial is final.');

const inputs = z.record(z.string(), z.json(), { error: 'write a map of inputs' });

const wait = z
  .union(
    [
      duration('How long.'),
      map({
        until: condition('A condition on `reading.verdict` and `reading.outputs`.'),
        uses: text(100).describe('An action that only reads.'),
        with: inputs.optional().describe('The action’s inputs. `${{ }}` holds an expression.'),
        every: duration('From the end of one reading to the next.'),
        within: duration('After that the step fails.'),
      }),
    ],
    { error: 'write a duration, such as 5m, or a map with the keys until, uses, with, every, within' },
  )
  .describe('Waits for a time, or until a condition on a fresh reading holds.');

/** Of a number its value, of a text its length, of a list its size. */
export const bound = z.number({ error: 'write a number' });
export const choices = z
  .array(z.string({ error: 'list texts' }).min(1, { error: 'a choice is not empty' }).max(200), {
    error: 'list the texts that are allowed',
  })
  .min(1, { error: 'list at least one text' })
  .max(100, { error: 'list at most 100 texts' });
export const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: 'write a text, a number, true or false',
});

const field = map({
  type: oneOf(['string', 'integer', 'number', 'boolean']),
  title: text(120).optional().describe('What stands beside it; its name when absent.'),
  default: scalar.optional(),
  'one-of': choices.optional().describe('Of a text: its allowed values.'),
  min: bound.optional().describe('Of a number its least value, of a text its least length.'),
  max: bound.optional().describe('Of a number its greatest value, of a text its greatest length.'),
});

const ask = map({
  question: templateText(2000).describe('What is asked.'),
  from: groups.describe('Groups whose members may answer.'),
  within: duration('How long they have.'),
  fields: named(valueName(), field, { min: 1, max: 20, what: 'a name, then its type' }),
}).describe('A form that a person fills in; the fields are its outputs.');

// The step is recursive: its lists are read lazily.
const list = z.lazy(() => z.array(step, { error: 'write a list of steps' }).max(maxSteps, tooMany));
const tooMany = { error: `a playbook has at most ${maxSteps} steps; split it` };
const someSteps = z.lazy(() =>
  z
    .array(step, { error: 'write a list of steps' })
    .min(1, { error: 'write at least one step' })
    .max(maxSteps, tooMany),
);
export { someSteps as steps };

const values = (what: string): z.ZodRecord<z.ZodString, z.ZodJSONSchema> =>
  named(valueName(), z.json(), { min: 1, max: 50, what });

const needsFix = 'name the step to wait for, or list several: needs: [quarantine]';

/** A step of any kind: which keys go together is checked by kinds.ts. */
const step: z.ZodType<SourceStep> = map({
  id: newStepName().describe('Unique in the playbook; `steps.<id>` in expressions.'),
  if: condition('A CEL expression; the step is skipped when it is false.').optional(),
  needs: z
    .union([stepName(), z.array(stepName()).max(maxSteps)], { error: needsFix })
    .optional()
    .describe('Steps of the same list to wait for. Absent: the step before. `[]`: none.'),
  timeout: duration('How long it may take in all, retries and questions included.').optional(),
  retry: retry.optional(),
  'continue-on-error': z
    .boolean({ error: 'write true or false' })
    .optional()
    .describe('Whether its bad end blocks nothing and fails nothing.'),
  'on-failure': someSteps.optional().describe('Run once it has finally ended badly; they see `failure`.'),

  uses: text(100).optional().describe('The action, such as kubernetes.quarantine-namespace.'),
  with: inputs
    .optional()
    .describe('The inputs of the action or of the playbook. `${{ }}` holds an expression.'),
  approve: approve.optional(),
  phase: stepName()
    .optional()
    .describe(
      'The phase it belongs to: people are asked about all of its steps at once, instead of `approve`.',
    ),
  hold: hold.optional(),
  undo: oneOf(['never', 'ask', 'on-failure'])
    .optional()
    .describe(
      'Whether a later failure undoes this step, or has people asked whether to. A containment is never undone by a failure.',
    ),

  playbook: playbookId().optional().describe('Another playbook, run as a part of this incident.'),
  parallel: named(branchName(), someSteps, { min: 2, max: 20, what: 'the name of a branch, then its steps' })
    .optional()
    .describe('Branches that run side by side.'),
  foreach: z
    .union([condition('An expression that yields a list.'), z.array(z.json()).max(5000)], {
      error: 'write ${{ an expression that yields a list }}, or a list',
    })
    .optional()
    .describe('Runs `steps` once for each item; they see `item` and `index`.'),
  'max-items': whole(1, 5000).optional().describe('A longer list is refused, and nothing of it is begun.'),
  'max-parallel': whole(1, 50).optional().describe('Items at a time; 1 when absent.'),
  switch: condition('An expression that yields text.').optional(),
  cases: named(text(200), list, {
    min: 1,
    max: 50,
    what: 'a text, then the steps to run when it is that',
  }).optional(),
  default: list.optional().describe('The steps to run when no case fits.'),
  while: condition('Runs `steps` as long as this holds; they see `round` and `last`.').optional(),
  'max-rounds': whole(1, 1000)
    .optional()
    .describe('Once there were so many and the condition still holds, it fails.'),
  delay: pause('Between two rounds; 0s when absent.').optional(),
  steps: someSteps.optional().describe('The steps of a `foreach` or a `while`.'),
  outputs: values('a name, then its value')
    .optional()
    .describe('What is seen of the steps inside: `steps.<id>.outputs.<name>`.'),
  wait: wait.optional(),
  ask: ask.optional(),
  set: values('a name, then its value').optional().describe('Values for later steps to read as outputs.'),
  fail: templateText(1000).optional().describe('Ends badly, for this reason.'),
  end: templateText(1000).optional().describe('Ends the playbook well, for this reason.'),
}).meta({
  id: 'step',
  description: 'One step: the common keys, and exactly one of those that say what it does.',
});

type Optional<T> = { [K in keyof T]?: T[K] | undefined };

export type SourceApproval = z.output<typeof approve>;
export type SourcePhase = z.output<typeof phase>;
export type SourceAsk = z.output<typeof ask>;
export type SourceField = z.output<typeof field>;
export type SourceWait = z.output<typeof wait>;
export type SourceSteps = readonly SourceStep[];

/** A step as it is written. */
export type SourceStep = { id: string } & Optional<{
  if: string;
  needs: string | string[];
  timeout: string;
  retry: z.output<typeof retry>;
  'continue-on-error': boolean;
  'on-failure': SourceStep[];
  uses: string;
  with: JsonObject;
  approve: SourceApproval;
  phase: string;
  hold: z.output<typeof hold>;
  undo: 'never' | 'ask' | 'on-failure';
  playbook: string;
  parallel: { [branch: string]: SourceStep[] };
  foreach: string | Json[];
  'max-items': number;
  'max-parallel': number;
  switch: string;
  cases: { [value: string]: SourceStep[] };
  default: SourceStep[];
  while: string;
  'max-rounds': number;
  delay: string;
  steps: SourceStep[];
  outputs: JsonObject;
  wait: SourceWait;
  ask: SourceAsk;
  set: JsonObject;
  fail: string;
  end: string;
}>;
