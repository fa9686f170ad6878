import type { JsonObject } from '../../domain/json.ts';

/** Whether a JSON value is a map. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
