import { InvalidArgumentError } from 'commander';
import type { Json, JsonObject } from '../domain/json.ts';
import { CliError } from './failure.ts';

/**
 * Gathers `--input name=text` and `--input name:=json` (a number, true, false …) as Commander meets them.
 * @throws InvalidArgumentError
 */
export function gatherInput(text: string, gathered: JsonObject = {}): JsonObject {
  const match = /^([A-Za-z_][\w-]*)(:?=)(.*)$/s.exec(text);
  const [, name, sign, value] = match ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('Write name=text, or name:=json for a number, true or false.');
  if (Object.hasOwn(gathered, name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return { ...gathered, [name]: sign === ':=' ? parseJson(name, value) : value };
}

function parseJson(name: string, text: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    throw new InvalidArgumentError(`${name}: what follows := is not JSON.`);
  }
}

/** How an input is written on this command line, for messages about one that is missing or of another type. */
export const howToWrite = '-i name=text, or -i name:=json for a number, true, false or a list';

/** Adds to the gateway's FB1210, which knows no command line, how an input is written here. @throws always */
export function explainInputs(error: unknown): never {
  if (!(error instanceof CliError) || error.code !== 'FB1210') throw error;
  const message = error.message.slice(`${error.code}: `.length);
  throw new CliError(error.code, 'refused', `${message}: ${howToWrite}`, error);
}
