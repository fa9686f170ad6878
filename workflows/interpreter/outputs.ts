import { render } from '../../language/run/expression.ts';
import type { Json, JsonObject } from '../../domain/json.ts';
import type { Scope, Template } from '../../language/run/playbook.ts';

/** Declared outputs, worked out. @throws ExpressionError */
export function outputsOf(declared: { [name: string]: Template }, scope: Scope): JsonObject {
  return Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, render(value, scope)]));
}

/** What a template of text yielded, as text: one that is wholly an expression may have yielded anything. */
export function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
