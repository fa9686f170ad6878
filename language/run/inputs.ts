import type { Json, JsonObject } from '../../domain/json.ts';
import type { InputDeclaration } from './playbook.ts';

/** Longest text, and longest list, that an input may have where its declaration says nothing less. */
export const maxInputLength = 4096;
export const maxInputItems = 5000;
/** The name of a secret, as stores write them: a value pasted in its place seldom looks so. */
export const secretName = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/;

/** Why an input cannot be bound. `message` is to be read after `the input "x"`; it never quotes the value. */
export interface InputFault {
  name: string;
  kind: 'missing' | 'unknown' | 'unfit';
  message: string;
}

/**
 * What is told, checked against what is declared and completed with defaults. Pure: a workflow binds the inputs of a child with it.
 * @returns the inputs, or every fault, unknown names first
 */
export function bind(
  declarations: { readonly [name: string]: InputDeclaration },
  given: JsonObject,
): { ok: JsonObject } | { faults: InputFault[] } {
  const faults: InputFault[] = [];
  for (const name of Object.keys(given))
    if (!Object.hasOwn(declarations, name))
      faults.push({ name, kind: 'unknown', message: 'is not declared' });
  const bound: [string, Json][] = [];
  for (const [name, declaration] of Object.entries(declarations)) {
    const value = Object.hasOwn(given, name) ? given[name] : declaration.default;
    if (value === undefined) {
      if (!isRequired(declaration)) continue;
      faults.push({ name, kind: 'missing', message: 'is missing' });
      continue;
    }
    const message = inputFault(declaration, value);
    if (message === undefined) bound.push([name, value]);
    else faults.push({ name, kind: 'unfit', message });
  }
  return faults.length > 0 ? { faults } : { ok: Object.fromEntries(bound) };
}

/** Whether a playbook cannot run without it. */
export function isRequired({ default: preset, optional }: InputDeclaration): boolean {
  return preset === undefined && optional !== true;
}

/** Why a value does not fit its declaration; undefined when it does. */
export function inputFault(declaration: InputDeclaration, value: Json): string | undefined {
  const { type, items = 'string', min = -Infinity, max = Infinity } = declaration;
  if (type === 'secret')
    return typeof value === 'string' && secretName.test(value) ? undefined : 'is not the name of a secret';
  if (type !== 'list') return scalarFault(declaration, type, value);
  if (!Array.isArray(value)) return 'is not a list';
  if (value.length > maxInputItems) return `has more than ${maxInputItems} items`;
  if (value.length < min) return `has fewer than ${min} items`;
  if (value.length > max) return `has more than ${max} items`;
  for (const [index, item] of value.entries()) {
    const fault = scalarFault({ type: items }, items, item);
    if (fault !== undefined) return `has an item, [${index}], that ${fault}`;
  }
  return undefined;
}

type Scalar = 'string' | 'integer' | 'number' | 'boolean';

function scalarFault(
  { oneOf, min = -Infinity, max = Infinity }: InputDeclaration,
  type: Scalar,
  value: Json,
): string | undefined {
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : 'is not true or false';
  if (type === 'string') {
    if (typeof value !== 'string') return 'is not a string';
    if (value.length > Math.min(max, maxInputLength))
      return `is longer than ${Math.min(max, maxInputLength)} characters`;
    if (value.length < min) return `is shorter than ${min} characters`;
    if (!value.isWellFormed()) return 'holds half a surrogate pair';
    return oneOf === undefined || oneOf.includes(value) ? undefined : `is none of: ${listed(oneOf)}`;
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'is not a number';
  if (type === 'integer' && !Number.isSafeInteger(value)) return 'is not a whole number';
  if (value < min) return `is less than ${min}`;
  return value > max ? `is more than ${max}` : undefined;
}

/** What a declaration takes, for a person: `a value of type integer from 1 to 10`. */
export function wanted({ type, items = 'string', oneOf, min, max }: InputDeclaration): string {
  if (oneOf !== undefined) return `one of: ${listed(oneOf)}`;
  if (type === 'secret') return 'the name of a secret, never its value';
  const what = type === 'list' ? `a list of ${items}` : `a value of type ${type}`;
  const unit = type === 'string' ? ' characters' : type === 'list' ? ' items' : '';
  if (min !== undefined && max !== undefined) return `${what}, ${min} to ${max}${unit}`;
  if (min !== undefined) return `${what}, at least ${min}${unit}`;
  return max === undefined ? what : `${what}, at most ${max}${unit}`;
}

function listed(choices: readonly string[]): string {
  const more = choices.length > 20 ? ', …' : '';
  return `${choices.slice(0, 20).join(', ')}${more}`;
}
