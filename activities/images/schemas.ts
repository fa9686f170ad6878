import type { JsonObject } from '../../domain/json.ts';

/** Pieces of the JSON Schemas of outputs. */
export const text: JsonObject = { type: 'string' };
export const number: JsonObject = { type: 'integer', minimum: 0 };

export function list(maxItems: number, items: JsonObject, description: string): JsonObject {
  return { type: 'array', maxItems, items, description };
}

/** Every property is there. */
export function object(properties: { [name: string]: JsonObject }, description: string): JsonObject {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
    description,
  };
}

export function reasonsSchema(maxItems: number): JsonObject {
  return list(maxItems, object({ code: text, text }, 'A stable code, and a line for a person'), 'Why');
}

/** A key of the policy by its name, or an identity with its issuer; empty where it is the other. */
export const signerProperties: { [name: string]: JsonObject } = { key: text, identity: text, issuer: text };
