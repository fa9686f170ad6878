import { readFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { systemCode } from '../domain/errors.ts';
import { isObject, type Json, type JsonObject } from '../domain/json.ts';
import { placeIn, readDocument } from '../language/compile/document.ts';
import { CliError, usage } from './failure.ts';

/** What the options of a command say of a playbook's inputs. */
export interface InputOptions {
  input?: JsonObject;
  inputs?: string;
}

/**
 * The inputs of a file, which is YAML or JSON, with those of the command line in their place.
 * @throws CliError FB6101 for a file that cannot be read, or is no map
 */
export async function inputsOf({ input = {}, inputs: file }: InputOptions): Promise<JsonObject> {
  if (file === undefined) return input;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw usage(`--inputs ${file} cannot be read (${systemCode(error)})`);
  }
  const reading = readDocument(text);
  if ('findings' in reading) {
    const [first] = reading.findings;
    const { line, column } = placeIn(text)(first?.offset ?? 0);
    throw usage(`${file}:${line}:${column}: ${first?.message ?? 'it is no plain YAML'}; ${first?.fix ?? ''}`);
  }
  const { value } = reading.source;
  if (!isObject(value)) throw usage(`${file}: write a map, one input a line: cluster: prod`);
  return { ...value, ...input };
}

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
