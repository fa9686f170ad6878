import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';

/** Keywords that `Places` follows by itself, since they choose between schemas. */
export const unions = ['anyOf', 'oneOf'] as const;
const choosing: ReadonlySet<string> = new Set([...unions, '$ref']);

/** Validators for the parts of one JSON Schema, each without what chooses between schemas below it. */
export class SchemaJudge {
  readonly root: JsonObject;
  readonly #ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    validateFormats: false,
    verbose: true,
    // Compiling the schema of schemas takes longer than all the rest, and there is a judge for each action.
    meta: false,
    validateSchema: false,
  });
  readonly #validators = new Map<JsonObject, ValidateFunction>();

  constructor(root: JsonObject) {
    this.root = root;
  }

  /** What is wrong with a value at a place, apart from unions and references. @param pointer the place, for the errors */
  errors(schema: JsonObject, value: Json, pointer: string): ErrorObject[] {
    const { $defs } = this.root;
    const validate =
      this.#validators.get(schema) ??
      this.#ajv.compile({ ...plain(schema), ...($defs === undefined ? {} : { $defs }) });
    this.#validators.set(schema, validate);
    if (validate(value)) return [];
    return (validate.errors ?? []).map((error) => ({
      ...error,
      instancePath: pointer + error.instancePath,
    }));
  }

  /** What a schema refers to, when that is in the same document. */
  referred({ $ref }: JsonObject): JsonObject | undefined {
    if (typeof $ref !== 'string' || !/^#(\/|$)/.test($ref)) return undefined;
    let here: Json | undefined = this.root;
    for (const part of $ref.split('/').slice(1)) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined;
    }
    return isObject(here) ? here : undefined;
  }
}

/** A schema without what chooses between schemas, at any depth. */
function plain(schema: JsonObject): JsonObject {
  const chooses = Object.keys(schema).some((key) => choosing.has(key)) || schema['allOf'] !== undefined;
  const entries = Object.entries(schema).flatMap(([key, value]): [string, Json][] => {
    if (choosing.has(key) || key === '$defs' || key === '$schema') return [];
    // It would take for unknown what the branch that is gone knows.
    if (chooses && key.startsWith('unevaluated')) return [];
    if (key === 'properties' || key === 'patternProperties') {
      if (!isObject(value)) return [[key, value]];
      return [[key, Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, below(inner)]))]];
    }
    if (key === 'items' || key === 'additionalProperties') return [[key, below(value)]];
    if ((key === 'prefixItems' || key === 'allOf') && Array.isArray(value)) return [[key, value.map(below)]];
    return [[key, value]];
  });
  return Object.fromEntries(entries);
}

function below(schema: Json): Json {
  return isObject(schema) ? plain(schema) : schema;
}
