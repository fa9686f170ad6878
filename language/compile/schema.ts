import type { ActionSignature } from '../../domain/action.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { isObject } from './json-object.ts';
import { fileSchema } from './shape.ts';

const expression: JsonObject = { type: 'string', pattern: '\\$\\{\\{' };

/**
 * JSON Schema (draft 2020-12) of a playbook's file, for editors: what `uses` may be, and what `with` holds then. The compiler
 * knows more (names, order, types of expressions); whatever it accepts, this accepts.
 */
export function playbookJsonSchema(catalogue: readonly ActionSignature[]): JsonObject {
  const file = structuredClone(fileSchema);
  const step = at(file, 'properties', 'steps', 'items');
  at(step, 'properties', 'uses')['enum'] = catalogue.map(({ name }) => name);
  step['allOf'] = catalogue.map(whenUsed);
  return { ...file, title: 'Firebreak playbook' };
}

function at(schema: JsonObject, ...path: string[]): JsonObject {
  let here: Json | undefined = schema;
  for (const key of path) here = isObject(here) ? here[key] : undefined;
  if (!isObject(here)) throw new TypeError(`the schema of a playbook has no ${path.join('.')}`);
  return here;
}

function whenUsed({ name, input }: ActionSignature): JsonObject {
  const { $schema: _, ...body } = input;
  const needsInput = Array.isArray(input['required']) && input['required'].length > 0;
  return {
    if: { properties: { uses: { const: name } }, required: ['uses'] },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own keyword
    then: {
      // The id keeps the `$ref`s of an action's own schema within it.
      properties: { with: { $id: `urn:firebreak:action:${name}`, ...relax(body) } },
      ...(needsInput ? { required: ['with'] } : {}),
    },
  };
}

/** The same schema, where an expression may stand for any value below the top. */
function relax(schema: JsonObject): JsonObject {
  const relaxed: JsonObject = { ...schema };
  const { properties, items, additionalProperties } = schema;
  if (isObject(properties))
    relaxed['properties'] = Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, orExpression(value)]),
    );
  if (isObject(items)) relaxed['items'] = orExpression(items);
  if (isObject(additionalProperties)) relaxed['additionalProperties'] = orExpression(additionalProperties);
  return relaxed;
}

function orExpression(schema: Json): JsonObject {
  return { anyOf: [isObject(schema) ? relax(schema) : schema, expression] };
}
