import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { InputDeclaration } from '../run/playbook.ts';

/**
 * What is known of a value: a CEL type (`int`: a double that is whole), `secret`, a map's fields (`open`: there may be others) or a list's items.
 * A secret has no type that anybody could use: it can only be passed on.
 */
export type Shape = string | { fields: { [field: string]: Shape }; open?: true } | { list: Shape };

const secret = 'secret';
/** A map of which nothing is known. */
export const anyMap = 'map<string, dyn>';

export function fields(given: { [field: string]: Shape }): Shape {
  return { fields: given };
}

/**
 * The form in which the CEL library is told of a variable. JSON's numbers are doubles in CEL, whole or not. To the library a map with known fields is
 * a type of its own, that nothing takes: one of `maps` is told of as any map.
 */
export type Declared = string | { [field: string]: Declared };
export function declared(shape: Shape, maps: ReadonlySet<Shape> = new Set()): Declared {
  if (shape === secret) return 'dyn';
  if (shape === 'int') return 'double';
  if (typeof shape === 'string') return shape;
  if ('list' in shape) {
    const item = declared(shape.list);
    return typeof item === 'string' && scalars.has(item) ? `list<${item}>` : 'list<dyn>';
  }
  if (shape.open === true || maps.has(shape)) return anyMap;
  return Object.fromEntries(
    Object.entries(shape.fields).map(([name, inner]) => [name, declared(inner, maps)]),
  );
}
const scalars: ReadonlySet<string> = new Set(['string', 'double', 'bool']);

/** The CEL type of a value, for messages and for comparison with a JSON Schema. */
export function typeName(shape: Shape): string {
  const type = declared(shape);
  return typeof type === 'string' ? type : 'a map';
}

/** What JSON makes of a value of a CEL type. */
export function ofType(type: string): Shape {
  if (scalars.has(type) || type === 'int') return type;
  const item = /^list<(.*)>$/.exec(type)?.[1];
  if (item !== undefined) return { list: ofType(item) };
  if (type === 'list') return { list: 'dyn' };
  return type.startsWith('map') || type.startsWith('$') ? anyMap : 'dyn';
}

export function inputShape({ type, items = 'string' }: InputDeclaration): Shape {
  if (type === 'secret') return secret;
  return type === 'list' ? { list: scalarShape(items) } : scalarShape(type);
}

function scalarShape(type: unknown): string {
  if (type === 'string') return 'string';
  if (type === 'boolean') return 'bool';
  if (type === 'integer') return 'int';
  return type === 'number' ? 'double' : 'dyn';
}

/** What a JSON Schema says of its values, through `properties` and `items`; anything cleverer is dynamic. */
function schemaShape(schema: Json | undefined): Shape {
  if (!isObject(schema)) return 'dyn';
  if (schema['x-secret'] === true) return secret;
  const { type, properties, additionalProperties, items, ...rest } = schema;
  // A secret somewhere in what is not understood makes a secret of all of it.
  if (mentionsSecret([rest, additionalProperties ?? null])) return secret;
  if (isObject(properties)) {
    const known = Object.entries(properties).map(([name, inner]) => [name, schemaShape(inner)] as const);
    const open = additionalProperties === true || isObject(additionalProperties);
    return { fields: Object.fromEntries(known), ...(open ? { open } : {}) };
  }
  if (isObject(items)) return { list: schemaShape(items) };
  if (type === 'array') return { list: 'dyn' };
  return type === 'object' ? anyMap : scalarShape(type);
}

/** The outputs of an action: always a map. */
export function outputsShape(schema: JsonObject): Shape {
  const shape = schemaShape(schema);
  return typeof shape === 'object' && 'fields' in shape ? shape : shape === secret ? secret : anyMap;
}

function mentionsSecret(schema: Json): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  if (Array.isArray(schema)) return schema.some(mentionsSecret);
  return schema['x-secret'] === true || Object.values(schema).some(mentionsSecret);
}

export function holdsSecret(shape: Shape): boolean {
  if (typeof shape === 'string') return shape === secret;
  if ('list' in shape) return holdsSecret(shape.list);
  return Object.values(shape.fields).some(holdsSecret);
}

/** What values of either shape have in common. */
export function common(shapes: readonly Shape[]): Shape {
  const [first, ...rest] = shapes;
  if (first === undefined) return 'dyn';
  if (rest.every((shape) => sameShape(first, shape))) return first;
  const wide = widened(first);
  if (rest.every((shape) => sameShape(wide, widened(shape)))) return wide;
  return shapes.some(holdsSecret) ? secret : 'dyn';
}

/** The shape of which it is not known that numbers in it are whole. */
function widened(shape: Shape): Shape {
  if (typeof shape === 'string') return shape === 'int' ? 'double' : shape;
  if ('list' in shape) return { list: widened(shape.list) };
  const inner = Object.entries(shape.fields).map(([name, field]) => [name, widened(field)] as const);
  return { ...shape, fields: Object.fromEntries(inner) };
}

function sameShape(left: Shape, right: Shape): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
