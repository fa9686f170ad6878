import type { z } from 'zod';
import type { Json, JsonObject } from '../../domain/json.ts';
import { fieldOf, suggest, type Finding, type Path } from './problem.ts';
import { isObject } from './json-object.ts';
import { fileSchema, sourceFile, type SourceFile } from './shape.ts';

/** Checks the file's shape: every key known, every value of its kind. */
export function readShape(value: Json): { file: SourceFile } | { findings: Finding[] } {
  const result = sourceFile.safeParse(value);
  return result.success
    ? { file: result.data }
    : { findings: result.error.issues.flatMap((issue) => findingsOf(issue, value)) };
}

function findingsOf(issue: z.core.$ZodIssue, root: Json): Finding[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      code: 'FB2012',
      path: [...path, key],
      atKey: true,
      message: `"${key}" is not a key of ${path.length === 0 ? 'a playbook' : fieldOf(path)}`,
      fix: suggest(key, keysAt(path)),
    }));
  // A record reports a bad key with the key as the path's end.
  if (issue.code === 'invalid_key') {
    const fix = issue.issues[0]?.message ?? issue.message;
    return [
      { code: 'FB2010', path, atKey: true, message: `${fieldOf(path)} has a name that cannot be used`, fix },
    ];
  }
  const value = at(root, path);
  if (value === undefined)
    return [{ code: 'FB2011', path, message: `${fieldOf(path)} is missing`, fix: issue.message }];
  const field = path.length === 0 ? 'the file' : fieldOf(path);
  return [{ code: 'FB2010', path, message: `${field} cannot be ${show(value)}`, fix: issue.message }];
}

/** The keys that the schema knows at a path. */
function keysAt(path: Path): string[] {
  let schema: Json | undefined = fileSchema;
  for (const part of path) {
    if (!isObject(schema)) return [];
    const { items, properties, additionalProperties }: JsonObject = schema;
    if (typeof part === 'number') schema = items;
    else schema = (isObject(properties) ? properties[part] : undefined) ?? additionalProperties;
  }
  const properties = isObject(schema) ? schema['properties'] : undefined;
  return isObject(properties) ? Object.keys(properties) : [];
}

function at(root: Json, path: Path): Json | undefined {
  let value: Json | undefined = root;
  for (const part of path) {
    if (Array.isArray(value)) value = value[Number(part)];
    else value = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}

function show(value: Json): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
