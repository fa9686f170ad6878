import type { ErrorObject } from 'ajv/dist/2020.js';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import { childOf, OpenPlaces, pointerOf } from './open-places.ts';
import type { Path } from './problem.ts';
import { SchemaJudge, unions } from './schema-judge.ts';

/** A fault of a value; `instancePath` is a JSON Pointer. */
export type Fault = Pick<ErrorObject, 'keyword' | 'instancePath' | 'params' | 'message' | 'parentSchema'>;

/** One way in which a place may be governed: schemas that all hold there. None: anything goes. */
export type Way = readonly JsonObject[];

/** Schemas that are followed at one place already: one that comes to itself says nothing more. */
type Followed = ReadonlySet<JsonObject>;
const none: Followed = new Set();

const judges = new WeakMap<JsonObject, SchemaJudge>();

/**
 * A value with expressions in it against a JSON Schema. A validator's judgement of a union is of no use where something is not known yet: here a branch is
 * out when what is known of the value does not fit it, and a union is at fault when all its branches are out.
 */
export class Places {
  readonly #judge: SchemaJudge;
  readonly #open: OpenPlaces;
  readonly #value: JsonObject;

  constructor(schema: JsonObject, value: JsonObject) {
    this.#judge = judges.get(schema) ?? new SchemaJudge(schema);
    judges.set(schema, this.#judge);
    this.#open = new OpenPlaces(value);
    this.#value = this.#open.blank(value);
  }

  /** What is wrong, whatever the expressions yield. */
  faults(): Fault[] {
    return this.#faults(this.#judge.root, this.#value, '', none);
  }

  /** The ways in which a place may be governed. */
  ways(path: Path): Way[] {
    let value: Json = this.#value;
    let ways = this.#expand([this.#judge.root], value, '');
    for (const [index, part] of path.entries()) {
      value = childOf(value, part) ?? null;
      const pointer = pointerOf(path.slice(0, index + 1));
      const [inner, at] = [value, pointer];
      ways = ways.flatMap((way) =>
        this.#expand(
          way.flatMap((schema) => below(schema, part)),
          inner,
          at,
        ),
      );
    }
    return ways;
  }

  #faults(schema: JsonObject, value: Json, pointer: string, followed: Followed): Fault[] {
    const errors = this.#judge.errors(schema, value, pointer).filter((error) => !this.#open.excuse(error));
    return [...errors, ...this.#chosen(schema, value, pointer, followed)];
  }

  /** The faults of what the references and unions of a schema, at any depth, come to. */
  #chosen(schema: JsonObject, value: Json, pointer: string, followed: Followed): Fault[] {
    if (this.#open.isOpen(pointer)) return [];
    const faults: Fault[] = [];
    if (schema['$ref'] !== undefined) {
      const target = this.#judge.referred(schema);
      if (target !== undefined && followed.has(target)) faults.push(fault('$ref', pointer, schema));
      else if (target !== undefined)
        faults.push(...this.#faults(target, value, pointer, new Set([...followed, target])));
    }
    for (const part of schemas(schema['allOf'])) faults.push(...this.#chosen(part, value, pointer, followed));
    for (const keyword of unions)
      if (schema[keyword] !== undefined)
        faults.push(...this.#union(keyword, schema, value, pointer, followed).faults);
    if (typeof value !== 'object' || value === null) return faults;
    for (const [key, item] of Object.entries(value)) {
      const part = Array.isArray(value) ? Number(key) : key;
      for (const inner of below(schema, part))
        faults.push(...this.#chosen(inner, item, pointer + pointerOf([part]), none));
    }
    return faults;
  }

  /** The branches of a union that a value may fit, or else the one that it fits nearly; its faults when it fits none. */
  #union(
    keyword: (typeof unions)[number],
    schema: JsonObject,
    value: Json,
    pointer: string,
    followed: Followed,
  ): { branches: JsonObject[]; faults: Fault[] } {
    const judged = schemas(schema[keyword]).map((branch) => ({
      branch,
      faults: this.#faults(branch, value, pointer, followed),
    }));
    const fitting = judged.filter(({ faults }) => faults.length === 0).map(({ branch }) => branch);
    if (fitting.length > 1 && keyword === 'oneOf' && this.#open.isKnown(pointer))
      return { branches: fitting, faults: [fault('oneOf', pointer, schema, 'fits several of its forms')] };
    if (fitting.length > 0) return { branches: fitting, faults: [] };
    const near = judged
      .filter(({ faults }) => !faults.some((one) => isTypeOf(one, pointer) || one.keyword === '$ref'))
      .toSorted((one, other) => one.faults.length - other.faults.length);
    const [nearest, next] = near;
    if (nearest !== undefined && nearest.faults.length !== next?.faults.length)
      return { branches: [nearest.branch], faults: nearest.faults };
    const types = near.length > 0 ? [] : judged.flatMap(({ branch }) => typesOf(branch));
    const message =
      types.length === 0 ? 'fits none of its forms' : `must be ${[...new Set(types)].join(' or ')}`;
    return { branches: [], faults: [fault(keyword, pointer, schema, message)] };
  }

  /** The ways that schemas which all hold at a place come to, with their references followed and their branches chosen. */
  #expand(way: Way, value: Json, pointer: string, followed: Followed = none): Way[] {
    return way
      .map((schema) => this.#waysOf(schema, value, pointer, followed))
      .reduce<Way[]>((all, some) => all.flatMap((left) => some.map((right) => [...left, ...right])), [[]]);
  }

  #waysOf(schema: JsonObject, value: Json, pointer: string, followed: Followed): Way[] {
    const parts = schemas(schema['allOf']);
    const target = this.#judge.referred(schema);
    if (target !== undefined && followed.has(target)) return [];
    const deeper = target === undefined ? followed : new Set([...followed, target]);
    const held = this.#expand(target === undefined ? parts : [...parts, target], value, pointer, deeper);
    const chosen = unions
      .filter((keyword) => schema[keyword] !== undefined)
      .map((keyword) =>
        this.#union(keyword, schema, value, pointer, followed).branches.flatMap((branch) =>
          this.#waysOf(branch, value, pointer, followed),
        ),
      );
    return [held, ...chosen].reduce<Way[]>(
      (all, some) => all.flatMap((left) => some.map((right) => [...left, ...right])),
      [[schema]],
    );
  }
}

/** What a schema says of a key or an index, without what it refers to or chooses from. */
function below(schema: JsonObject, part: string | number): JsonObject[] {
  const { items, prefixItems, properties, patternProperties, additionalProperties } = schema;
  if (typeof part === 'number') {
    const own = Array.isArray(prefixItems) && part < prefixItems.length ? prefixItems[part] : items;
    return isObject(own) ? [own] : [];
  }
  const own = isObject(properties) && Object.hasOwn(properties, part) ? [properties[part] ?? null] : [];
  const matching = Object.entries(isObject(patternProperties) ? patternProperties : {})
    .filter(([pattern]) => new RegExp(pattern, 'u').test(part))
    .map(([, inner]) => inner);
  const found = [...own, ...matching];
  return (found.length === 0 ? [additionalProperties ?? null] : found).filter(isObject);
}

/** The JSON types that a schema names; none when it takes any. */
export function typesOf({ type }: JsonObject): string[] {
  return (Array.isArray(type) ? type : [type]).filter((name) => typeof name === 'string');
}

function schemas(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function fault(keyword: string, pointer: string, schema: JsonObject, message = 'is not valid'): Fault {
  return { keyword, instancePath: pointer, params: {}, message, parentSchema: schema };
}

function isTypeOf({ keyword, instancePath }: Fault, pointer: string): boolean {
  return keyword === 'type' && instancePath === pointer;
}
