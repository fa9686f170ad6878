import { z } from 'zod';
import type { ActionSignature } from '../../domain/action.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import { sourceFile } from './shape.ts';

const expression: JsonObject = { type: 'string', pattern: '\\$\\{\\{' };

/**
 * JSON Schema (draft 2020-12) of a playbook's file, for editors: what `uses` may be, and what `with` holds then. The compiler
 * knows more (names, order, types of expressions); whatever it accepts, this accepts.
 */
export function playbookJsonSchema(catalogue: readonly ActionSignature[]): JsonObject {
  const schema = z.toJSONSchema(sourceFile, { io: 'input', target: 'draft-2020-12' }) as JsonObject;
  const { properties } = schema as { properties: { steps: { items: JsonObject } } };
  const step = properties.steps.items;
  const keys = step['properties'] as JsonObject;
  keys['uses'] = { ...(keys['uses'] as JsonObject), enum: catalogue.map(({ name }) => name) };
  step['allOf'] = catalogue.map(whenUsed);
  return { ...schema, title: 'Firebreak playbook' };
}

function whenUsed({ name, input }: ActionSignature): JsonObject {
  const { $schema: _, ...body } = input;
  const needsInput = Array.isArray(input['required']) && input['required'].length > 0;
  return {
    if: { properties: { uses: { const: name } }, required: ['uses'] },
    then: {
      // The id keeps the `$ref`s of an action's own schema within it.
      properties: { with: { $id: `urn:firebreak:action:${name}`, ...(relax(body) as JsonObject) } },
      ...(needsInput ? { required: ['with'] } : {}),
    },
  };
}

/** The same schema, where an expression may stand for any value below the top. */
function relax(schema: Json): Json {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
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
  return { anyOf: [relax(schema), expression] };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
