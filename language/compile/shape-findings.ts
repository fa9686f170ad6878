import type { z } from 'zod';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import { fieldOf, suggest, type Finding, type Path } from './problem.ts';
import { kindFindings } from './source/kinds.ts';
import { fileSchema, sourceFile, type SourceFile } from './shape.ts';

/** Checks the file's shape: every key known, every value of its kind. */
export function readShape(value: Json): { file: SourceFile } | { findings: Finding[] } {
  const result = sourceFile.safeParse(value);
  if (!result.success) return { findings: result.error.issues.flatMap((issue) => findingsOf(issue, value)) };
  const findings = kindFindings(result.data);
  return findings.length > 0 ? { findings } : { file: result.data };
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
  if (issue.code === 'invalid_union') {
    const meant = alternative(issue.errors);
    if (meant !== undefined)
      return meant.flatMap((inner) => findingsOf({ ...inner, path: [...path, ...inner.path] }, root));
  }
  const value = at(root, path);
  if (value === undefined)
    return [{ code: 'FB2011', path, message: `${fieldOf(path)} is missing`, fix: issue.message }];
  const field = path.length === 0 ? 'the file' : fieldOf(path);
  // Each entry is of the kind it must be: only there are too few or too many of them.
  if (issue.code === 'custom' && isObject(value)) {
    const count = Object.keys(value).length;
    const message = `${field} has ${count} ${count === 1 ? 'entry' : 'entries'}`;
    return [{ code: 'FB2010', path, message, fix: issue.message }];
  }
  return [{ code: 'FB2010', path, message: `${field} cannot be ${show(value)}`, fix: issue.message }];
}

/** The faults of the one alternative that the value is of the kind of; undefined when that is not told. */
function alternative(errors: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const near = errors.filter(
    (issues) => !issues.some(({ path, code }) => path.length === 0 && code === 'invalid_type'),
  );
  return near.length === 1 && near[0] !== undefined && near[0].length > 0 ? near[0] : undefined;
}

/** The keys that the schema knows at a path. */
function keysAt(path: Path): string[] {
  let schemas: Json[] = [fileSchema];
  for (const part of path)
    schemas = schemas.flatMap(meant).flatMap(({ items, properties, additionalProperties }) => {
      if (typeof part === 'number') return items ?? [];
      return (isObject(properties) ? properties[part] : undefined) ?? additionalProperties ?? [];
    });
  return schemas
    .flatMap(meant)
    .flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : []));
}

/** The schemas that a schema refers to, or chooses from. */
function meant(schema: Json): JsonObject[] {
  if (!isObject(schema)) return [];
  const { $ref, anyOf, allOf } = schema;
  const definitions = fileSchema['$defs'];
  const referred =
    typeof $ref === 'string' && isObject(definitions)
      ? meant(definitions[$ref.replace('#/$defs/', '')] ?? null)
      : [];
  const inner = [anyOf, allOf].flatMap((some) => (Array.isArray(some) ? some.flatMap(meant) : []));
  return [schema, ...referred, ...inner];
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
