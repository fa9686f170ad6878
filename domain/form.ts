import type { FormField } from './decision.ts';
import type { Json, JsonObject } from './json.ts';

export type Form = { [field: string]: FormField };

/** What is wrong with a form as it was filled in: the first fault, and where it is. */
export interface AnswersProblem {
  field: string;
  /** What is wrong and what to write instead, to be read after the field's name. */
  message: string;
}

/** Longest text an answer may be, in UTF-16 units, where its field does not say. */
export const maxAnswerLength = 2_000;

/**
 * Longest all answers of a form may be together, as JSON text: the ledger's entry of a decision holds them beside a reason and a signature, and must stay below
 * what an entry can hold (workflows/recorder.ts).
 */
export const maxAnswersLength = 50_000;

/**
 * Why answers do not fit a form; undefined when they do. Every field has its value, and nothing else has: defaults are filled in by whoever asks a person,
 * so that what is signed says all. Pure: an Update's validator asks it too.
 */
export function answersProblem(form: Form, answers: JsonObject): AnswersProblem | undefined {
  for (const [field, declaration] of Object.entries(form)) {
    const value = Object.hasOwn(answers, field) ? answers[field] : undefined;
    const message =
      value === undefined ? `is missing: give ${wanted(declaration)}` : fieldProblem(declaration, value);
    if (message !== undefined) return { field, message };
  }
  const unknown = Object.keys(answers).find((field) => !Object.hasOwn(form, field));
  if (unknown === undefined) return lengthProblem(answers);
  return { field: unknown, message: `is not asked: leave it out; asked: ${Object.keys(form).join(', ')}` };
}

/** The first field with which the answers are too long together. */
function lengthProblem(answers: JsonObject): AnswersProblem | undefined {
  let length = 2;
  for (const [field, value] of Object.entries(answers)) {
    // Its quotes, colon and comma.
    length += JSON.stringify(field).length + JSON.stringify(value).length + 2;
    if (length <= maxAnswersLength) continue;
    return {
      field,
      message: `makes the form too long: shorten it; all answers together have at most ${maxAnswersLength} characters as JSON, where a quote or a line break counts as two`,
    };
  }
  return undefined;
}

/** Why a value does not fit its field; undefined when it does. A text is empty only where `min: 0` allows it. */
export function fieldProblem(field: FormField, value: Json): string | undefined {
  const fits = field.type === 'string' ? textFits(field, value) : typeFits(field, value);
  return fits ? undefined : `does not fit: give ${wanted(field)}`;
}

function textFits({ oneOf, min = 1, max = maxAnswerLength }: FormField, value: Json): boolean {
  if (typeof value !== 'string' || !value.isWellFormed()) return false;
  return oneOf === undefined ? value.length >= min && value.length <= max : oneOf.includes(value);
}

function typeFits({ type, min = -Infinity, max = Infinity }: FormField, value: Json): boolean {
  if (type === 'boolean') return typeof value === 'boolean';
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  return (type !== 'integer' || Number.isSafeInteger(value)) && value >= min && value <= max;
}

/** What a field takes, for a person: `a whole number from 1 to 10`. */
export function wanted({ type, oneOf, min, max }: FormField): string {
  if (type === 'boolean') return 'true or false';
  if (type === 'string') {
    if (oneOf === undefined) return `a text of ${min ?? 1} to ${max ?? maxAnswerLength} characters`;
    const more = oneOf.length > 10 ? ` … (${oneOf.length} in all)` : '';
    return `one of ${oneOf
      .slice(0, 10)
      .map((choice) => JSON.stringify(choice))
      .join(', ')}${more}`;
  }
  const name = type === 'integer' ? 'a whole number' : 'a number';
  if (min !== undefined && max !== undefined) return `${name} from ${min} to ${max}`;
  if (min !== undefined) return `${name}, ${min} or more`;
  return max === undefined ? name : `${name}, ${max} or less`;
}
