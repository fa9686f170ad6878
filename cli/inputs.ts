import { InvalidArgumentError } from 'commander';
import type { Json, JsonObject } from '../domain/json.ts';

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
