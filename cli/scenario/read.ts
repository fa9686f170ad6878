import type { z } from 'zod';
import type { Json } from '../../domain/json.ts';
import { faultsIn, readDocument } from '../../language/compile/document.ts';
import { fieldOf, suggest, type Fault, type Path } from '../../language/compile/problem.ts';
import { scenarioFile, type ScenarioFile } from './shape.ts';

/** Something wrong with a scenario itself, as opposed to an expectation that was not met. */
export interface ScenarioProblem extends Fault {
  /** FB612x, or FB200x for what is no plain YAML: docs/reference/errors.md. */
  code: string;
}

/** A scenario that could be read, with the way back to its text. */
export interface Scenario extends ScenarioFile {
  file: string;
  problem: (this: void, code: string, path: Path, message: string, fix: string) => ScenarioProblem;
}

/** Reads a scenario file. Never throws on what a file may hold. */
export function readScenario(file: string, text: string): Scenario | { problems: ScenarioProblem[] } {
  const fault = faultsIn(file, text);
  const reading = readDocument(text);
  if ('findings' in reading)
    return {
      problems: reading.findings.map((found) => ({ code: found.code, ...fault(found, found.offset ?? 0) })),
    };
  const { source } = reading;
  const problem = (
    code: string,
    path: Path,
    message: string,
    fix: string,
    atKey = true,
  ): ScenarioProblem => ({ code, ...fault({ path, message, fix }, source.offsetOf(path, atKey)) });
  const parsed = scenarioFile.safeParse(source.value);
  if (parsed.success) return { ...parsed.data, file, problem };
  return {
    problems: parsed.error.issues
      .flatMap((issue) => describe(issue, source.value))
      .map(({ path, message, fix, atKey }) => problem('FB6120', path, message, fix, atKey)),
  };
}

interface Misfit {
  path: Path;
  message: string;
  fix: string;
  atKey: boolean;
}

function describe(issue: z.core.$ZodIssue, root: Json): Misfit[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const where = path.length === 0 ? 'the file' : fieldOf(path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `"${key}" is not a key of ${path.length === 0 ? 'a scenario' : where}`,
      fix: suggest(key, keysAt(path)),
      atKey: true,
    }));
  const missing = valueAt(root, path) === undefined;
  const message = missing ? `${where} is missing` : `${where} cannot be what it is`;
  return [{ path, message, fix: issue.message, atKey: false }];
}

/** The keys that the shape knows at a path; empty inside a union, whose own text says them. */
function keysAt(path: Path): string[] {
  let here: unknown = scenarioFile;
  for (const part of path) {
    const inner: unknown = unwrap(here);
    here = hasShape(inner) ? inner.shape[String(part)] : undefined;
  }
  const inner = unwrap(here);
  return hasShape(inner) ? Object.keys(inner.shape) : [];
}

function unwrap(schema: unknown): unknown {
  return typeof schema === 'object' &&
    schema !== null &&
    'unwrap' in schema &&
    typeof schema.unwrap === 'function'
    ? schema.unwrap()
    : schema;
}

function hasShape(schema: unknown): schema is { shape: { [key: string]: unknown } } {
  return typeof schema === 'object' && schema !== null && 'shape' in schema;
}

function valueAt(root: Json, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else if (typeof value === 'object' && value !== null)
      value = Object.hasOwn(value, part) ? value[part] : undefined;
    else return undefined;
  }
  return value;
}
