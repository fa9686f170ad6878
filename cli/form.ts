import { InvalidArgumentError } from 'commander';
import type { FormField } from '../domain/decision.ts';
import { answersProblem, type Form } from '../domain/form.ts';
import type { Json, JsonObject } from '../domain/json.ts';
import { suggest } from '../language/compile/problem.ts';
import { usage } from './failure.ts';
import { safe } from './output.ts';

/** Gathers `--set field=text` as Commander meets them. @throws InvalidArgumentError */
export function gatherAnswer(
  text: string,
  gathered: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write field=value.');
  const name = text.slice(0, at);
  if (gathered.has(name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return new Map([...gathered, [name, text.slice(at + 1)]]);
}

/**
 * A form filled in with texts, each read by its field's type, and with the defaults of those that were not given.
 * @throws CliError FB6101 naming the first that does not fit
 */
export function fillIn(form: Form, given: ReadonlyMap<string, string>): JsonObject {
  // Before what is missing: a name that is mistyped is both.
  const strange = [...given.keys()].find((name) => !Object.hasOwn(form, name));
  if (strange !== undefined)
    throw usage(`--set ${safe(strange, 64)}: is not asked: ${suggest(strange, Object.keys(form))}`);
  const read = [...given].map(([name, text]): [string, Json] => {
    const field = form[name];
    return [name, field === undefined ? text : typed(field, text)];
  });
  const presets = Object.entries(form).flatMap(([name, { default: preset }]): [string, Json][] =>
    preset === undefined || given.has(name) ? [] : [[name, preset]],
  );
  const answers: JsonObject = Object.fromEntries([...presets, ...read]);
  const problem = answersProblem(form, answers);
  if (problem === undefined) return answers;
  throw usage(`--set ${safe(problem.field, 64)}: ${safe(problem.message, 600)}`);
}

/** What is not of the field's type stays a text, for the check to name. */
function typed({ type }: FormField, text: string): Json {
  if (type === 'string') return text;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}
