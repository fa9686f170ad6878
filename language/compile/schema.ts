import type { ActionSignature } from '../../domain/action.ts';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import { fileSchema } from './shape.ts';
import { kindKeys, requiredKeys } from './source/kinds.ts';

const expression: JsonObject = { type: 'string', pattern: '\\$\\{\\{' };

/**
 * JSON Schema (draft 2020-12) of a playbook's file, for editors: what `uses` may be, and what `with` holds then. The compiler
 * knows more (names, order, types of expressions); whatever it accepts, this accepts.
 */
export function playbookJsonSchema(catalogue: readonly ActionSignature[]): JsonObject {
  const file = structuredClone(fileSchema);
  const definitions = at(file, '$defs');
  const step = at(definitions, 'step');
  step['anyOf'] = kindKeys.map((key) => ({ required: [key] }));
  step['dependentRequired'] = requiredKeys;
  useActions(step, catalogue);
  const wait = at(step, 'properties', 'wait')['anyOf'];
  for (const form of Array.isArray(wait) ? wait : [])
    if (isObject(form) && form['type'] === 'object')
      useActions(
        form,
        catalogue.filter(({ effect }) => effect === 'read'),
      );
  for (const { name, input } of catalogue) {
    const { $schema: _, ...body } = input;
    // The id keeps the `$ref`s of an action's own schema within it.
    definitions[`with ${name}`] = { $id: `urn:firebreak:action:${name}`, ...relax(body) };
  }
  return { ...file, title: 'Firebreak playbook' };
}

/** Lists the actions that `uses` may name, and ties `with` to each. */
function useActions(schema: JsonObject, actions: readonly ActionSignature[]): void {
  at(schema, 'properties', 'uses')['enum'] = actions.map(({ name }) => name);
  schema['allOf'] = actions.map(({ name, input }) => {
    const needsInput = Array.isArray(input['required']) && input['required'].length > 0;
    return {
      if: { properties: { uses: { const: name } }, required: ['uses'] },
      // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own keyword
      then: {
        properties: { with: { $ref: `urn:firebreak:action:${name}` } },
        ...(needsInput ? { required: ['with'] } : {}),
      },
    };
  });
}

function at(schema: JsonObject, ...path: string[]): JsonObject {
  let here: Json | undefined = schema;
  for (const key of path) here = isObject(here) ? here[key] : undefined;
  if (!isObject(here)) throw new TypeError(`the schema of a playbook has no ${path.join('.')}`);
  return here;
}

/** Keywords whose outcome an expression may change. */
const conditional: ReadonlySet<string> = new Set([
  'if',
  'then',
  'else',
  'not',
  'dependentSchemas',
  'uniqueItems',
]);

/** The same schema, where an expression may stand for any value below the top. */
function relax(schema: JsonObject): JsonObject {
  const relaxed = Object.entries(schema).flatMap(([key, value]): [string, Json][] => {
    if (conditional.has(key)) return [];
    if (key === 'properties' || key === 'patternProperties') return [[key, each(value, orExpression)]];
    if (key === '$defs') return [[key, each(value, (inner) => (isObject(inner) ? relax(inner) : inner))]];
    if ((key === 'items' || key === 'additionalProperties') && isObject(value))
      return [[key, orExpression(value)]];
    if (!Array.isArray(value)) return [[key, value]];
    if (key === 'prefixItems') return [[key, value.map(orExpression)]];
    const inner = value.map((item) => (isObject(item) ? relax(item) : item));
    // An expression may fit several of the alternatives.
    if (key === 'oneOf' || key === 'anyOf') return [['anyOf', inner]];
    return [[key, key === 'allOf' ? inner : value]];
  });
  return Object.fromEntries(relaxed);
}

function each(value: Json, work: (inner: Json) => Json): Json {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, work(inner)]));
}

function orExpression(schema: Json): JsonObject {
  return { anyOf: [isObject(schema) ? relax(schema) : schema, expression] };
}
