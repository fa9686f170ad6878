import type { Json, JsonObject } from '../../domain/json.ts';
import type { InputDeclaration, Playbook } from '../run/playbook.ts';
import { suggest } from './problem.ts';

/** Longest text an input may have. */
const maxInputLength = 4096;

/** Something wrong with the inputs somebody gave. */
export interface InputProblem {
  code: 'FB2061' | 'FB2062' | 'FB2063';
  /** `inputs.namespace` */
  field: string;
  message: string;
  fix: string;
}

/** What a playbook is told, checked against what it asks for and completed with its defaults. */
export function bindInputs(
  playbook: Playbook,
  given: JsonObject,
): { ok: JsonObject } | { problems: InputProblem[] } {
  const problems: InputProblem[] = [];
  for (const name of Object.keys(given))
    if (!Object.hasOwn(playbook.inputs, name))
      problems.push({
        code: 'FB2062',
        field: `inputs.${name}`,
        message: `${playbook.id} has no input "${name}"`,
        fix: suggest(name, Object.keys(playbook.inputs)),
      });
  const bound: [string, Json][] = [];
  for (const [name, declaration] of Object.entries(playbook.inputs)) {
    const field = `inputs.${name}`;
    const value = Object.hasOwn(given, name) ? given[name] : declaration.default;
    if (value === undefined) {
      const fix = `give a value of type ${declaration.type}`;
      problems.push({ code: 'FB2061', field, message: `${playbook.id} needs the input "${name}"`, fix });
      continue;
    }
    const fault = inputFault(declaration, value);
    if (fault === undefined) bound.push([name, value]);
    else
      problems.push({
        code: 'FB2063',
        field,
        message: `the input "${name}" ${fault}`,
        fix: `give a value of type ${declaration.type}`,
      });
  }
  return problems.length > 0 ? { problems } : { ok: Object.fromEntries(bound) };
}

/** Why a value does not fit its declaration; undefined when it does. */
export function inputFault({ type }: InputDeclaration, value: Json): string | undefined {
  if (type === 'string') {
    if (typeof value !== 'string') return `is not a string`;
    if (value.length > maxInputLength) return `is longer than ${maxInputLength} characters`;
    return value.isWellFormed() ? undefined : 'holds half a surrogate pair';
  }
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : 'is not true or false';
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'is not a number';
  return type === 'integer' && !Number.isSafeInteger(value) ? 'is not a whole number' : undefined;
}
