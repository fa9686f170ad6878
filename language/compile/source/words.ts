import { z } from 'zod';
import { durationPattern, milliseconds } from '../duration.ts';

/** What a step is called: a name that expressions can write after a dot. */
const stepPattern = /^[a-z][a-z0-9_]{0,39}$/;
const valuePattern = /^[A-Za-z][A-Za-z0-9_]{0,39}$/;
const branchPattern = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;
/** Words that CEL cannot read after a dot, and two that a map literal of it cannot hold. */
const reserved: ReadonlySet<string> = new Set(['constructor', 'false', 'in', 'null', 'prototype', 'true']);
/** The gate that asks for an incident's release has that name. */
const reservedSteps: ReadonlySet<string> = new Set([...reserved, 'release']);

const maxDays = 90;
const stepFix = `use lower-case letters, digits and _, beginning with a letter, at most 40, and none of: ${[...reservedSteps].join(', ')}`;
const valueFix = `use letters, digits and _, beginning with a letter, at most 40, and none of: ${[...reserved].join(', ')}`;
const branchFix = 'use letters, digits, - and _, beginning with a letter, at most 40';
const idFix = 'use letters, digits, - and _, beginning with a letter, such as FB-001; at most 64';

/** How a step is named by others. */
export function stepName(): z.ZodString {
  return z.string({ error: stepFix }).regex(stepPattern, { error: stepFix });
}

/** The name of a step where it is given. */
export function newStepName(): z.ZodString {
  return stepName().refine((id) => !reservedSteps.has(id), { error: stepFix });
}

/** The name of an input, an output or a field of a form. */
export function valueName(): z.ZodString {
  return z
    .string()
    .regex(valuePattern, { error: valueFix })
    .refine((key) => !reserved.has(key), { error: valueFix });
}

export function branchName(): z.ZodString {
  return z.string().regex(branchPattern, { error: branchFix });
}

export function playbookId(): z.ZodString {
  return z.string({ error: idFix }).regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, { error: idFix });
}

export function duration(description: string): z.ZodType<string> {
  return lasting(durationPattern, `write a whole number and a unit, such as 90s, 5m, 24h or 7d`).describe(
    description,
  );
}

/** As `duration`, where none at all is one as well. */
export function pause(description: string): z.ZodType<string> {
  return lasting(
    /^(?:0|[1-9][0-9]{0,5})[smhd]$/,
    `write a whole number and a unit, such as 0s, 90s or 5m`,
  ).describe(description);
}

function lasting(pattern: RegExp, form: string): z.ZodString {
  const fix = `${form}; at most ${maxDays}d`;
  return z
    .string({ error: fix })
    .regex(pattern, { error: fix })
    .refine((text) => (milliseconds(text) ?? 0) <= maxDays * 86_400_000, { error: fix });
}

export function text(max: number): z.ZodString {
  const fix = `write text of 1 to ${max} characters`;
  return z.string({ error: fix }).trim().min(1, { error: fix }).max(max, { error: fix });
}

/** Text with expressions in it: left as it is written, so that a fault's place can be found. */
export function templateText(max: number): z.ZodString {
  const fix = `write text of 1 to ${max} characters`;
  return z
    .string({ error: fix })
    .min(1, { error: fix })
    .max(max, { error: fix })
    .refine((value) => value === '' || value.trim() !== '', { error: fix });
}

export function condition(description: string): z.ZodString {
  const fix = 'write a CEL expression of at most 4096 characters';
  return z.string({ error: fix }).min(1, { error: fix }).max(4096, { error: fix }).describe(description);
}

export function whole(min: number, max: number): z.ZodInt {
  const fix = `write a whole number from ${min} to ${max}`;
  return z.int({ error: fix }).min(min, { error: fix }).max(max, { error: fix });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T): z.ZodType<T[number]> {
  return z.enum(values, { error: `use one of: ${values.join(', ')}` });
}

export function map<T extends z.core.$ZodShape>(shape: T): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape, { error: `write a map with the keys ${Object.keys(shape).join(', ')}` });
}

/** A map with names of somebody's choice. */
export function named<K extends z.core.$ZodRecordKey, V extends z.core.SomeType>(
  key: K,
  value: V,
  { min, max, what }: { min: number; max: number; what: string },
): z.ZodRecord<K, V> {
  return z
    .record(key, value, { error: `write a map: ${what}` })
    .refine((given) => size(given) >= min, { error: `write at least ${min}: ${what}` })
    .refine((given) => size(given) <= max, { error: `write at most ${max}: ${what}` });
}

function size(value: object): number {
  return Object.keys(value).length;
}
