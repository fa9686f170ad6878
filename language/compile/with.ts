import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { SecretRule, Unknown } from './expressions.ts';
import { fieldOf, suggest, type Finding, type Path } from './problem.ts';
import { typeName, type Shape } from './value-shape.ts';

/** Something that takes inputs: an action, or a playbook. */
export interface Taker {
  name: string;
  /** JSON Schema. */
  input: JsonObject;
}

/** Faults that stand whatever the expressions below them yield. */
const certain: ReadonlySet<string> = new Set([
  'required',
  'additionalProperties',
  'unevaluatedProperties',
  'type',
  'minProperties',
  'maxProperties',
  'minItems',
  'maxItems',
]);

/** Checks `with` against the JSON Schema of what takes it, as far as it is known before the incident. */
export function createWithChecker(): (
  action: Taker,
  value: JsonObject,
  path: Path,
  unknowns: readonly Unknown[],
) => Finding[] {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
  const validators = new Map<Taker, ValidateFunction>();
  return (action, value, path, unknowns) => {
    const validate = validators.get(action) ?? ajv.compile(action.input);
    validators.set(action, validate);
    const within = unknowns.map((unknown) => ({ ...unknown, local: unknown.path.slice(path.length) }));
    const open = new OpenPlaces(within.map(({ local }) => local));
    const faults = validate(open.blank(value)) ? [] : (validate.errors ?? []);
    const findings = faults
      .filter((fault) => !open.excuse(fault))
      .map((fault) => findingOf(fault, action, path));
    for (const { local, path: at, shape } of within) {
      const expected = misfit(schemaAt(action.input, local), shape);
      if (expected !== undefined)
        findings.push({
          code: 'FB2030',
          path: at,
          message: `${fieldOf(at)} must be ${expected}, and the expression yields ${typeName(shape)}`,
          fix: `convert it, or use another value: see the input of ${action.name}`,
        });
    }
    return findings;
  };
}

/** The places of a value that are only known at run time. */
class OpenPlaces {
  readonly #paths: readonly Path[];
  /** As JSON Pointers, and all that lead to one. */
  readonly #open = new Set<string>();
  readonly #above = new Set<string>();

  constructor(paths: readonly Path[]) {
    this.#paths = paths;
    for (const path of paths) {
      let pointer = '';
      for (const part of path) {
        this.#above.add(pointer);
        pointer += `/${escaped(part)}`;
      }
      this.#open.add(pointer);
    }
  }

  /** A copy in which null stands for what is not known yet. */
  blank(value: JsonObject): Json {
    const copy: Json = structuredClone(value);
    for (const path of this.#paths) {
      let here: Json | undefined = copy;
      for (const part of path.slice(0, -1)) here = child(here, part);
      const last = path.at(-1);
      if (last === undefined) return null;
      if (Array.isArray(here)) here[Number(last)] = null;
      else if (isObject(here)) here[last] = null;
    }
    return copy;
  }

  /** Whether a fault may vanish once the open places are known. */
  excuse({ instancePath, keyword }: ErrorObject): boolean {
    if (this.#above.has(instancePath) && !certain.has(keyword)) return true;
    for (let at = instancePath; at !== ''; at = at.slice(0, at.lastIndexOf('/')))
      if (this.#open.has(at)) return true;
    return false;
  }
}

function escaped(part: string | number): string {
  return String(part).replaceAll('~', '~0').replaceAll('/', '~1');
}

function child(value: Json | undefined, part: string | number): Json | undefined {
  if (Array.isArray(value)) return value[Number(part)];
  return isObject(value) ? value[part] : undefined;
}

function findingOf(fault: ErrorObject, action: Taker, path: Path): Finding {
  const at = [...path, ...pointer(fault.instancePath)];
  const parameters = fault.params as {
    missingProperty?: string;
    additionalProperty?: string;
    unevaluatedProperty?: string;
  };
  const extra = parameters.additionalProperty ?? parameters.unevaluatedProperty;
  if (parameters.missingProperty !== undefined)
    return {
      code: 'FB2031',
      path: [...at, parameters.missingProperty],
      message: `${action.name} needs "${parameters.missingProperty}"`,
      fix: `add ${parameters.missingProperty}: to ${fieldOf(at)}`,
    };
  if (extra !== undefined) {
    const inner = schemaAt(action.input, at.slice(path.length));
    return {
      code: 'FB2032',
      path: [...at, extra],
      atKey: true,
      message: `${action.name} has no input "${extra}"`,
      fix: suggest(extra, isObject(inner?.['properties']) ? Object.keys(inner['properties']) : []),
    };
  }
  return {
    code: 'FB2030',
    path: at,
    message: `${fieldOf(at)} ${fault.message ?? 'is not valid'}`,
    fix: `give a value that fits the input of ${action.name}`,
  };
}

/** A JSON Pointer's parts; numbers for list indices. */
function pointer(text: string): (string | number)[] {
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^(0|[1-9][0-9]*)$/.test(part) ? Number(part) : part));
}

/** The plain schema of a place: through `properties` and `items` only, undefined beyond. */
function schemaAt(schema: JsonObject, path: Path): JsonObject | undefined {
  let here: Json | undefined = schema;
  for (const part of path) {
    if (!isObject(here)) return undefined;
    const properties: Json | undefined = here['properties'];
    if (typeof part === 'number') here = here['items'];
    else here = isObject(properties) && Object.hasOwn(properties, part) ? properties[part] : undefined;
  }
  return isObject(here) ? here : undefined;
}

/** Where a value may hold a secret: what takes it says `x-secret` of that property. */
export function secretsOf(action: Taker | undefined, path: Path): SecretRule {
  return (at) => {
    const local = at.slice(path.length);
    if (action === undefined || schemaAt(action.input, local)?.['x-secret'] !== true) return 'none';
    return isOptional(schemaAt(action.input, local.slice(0, -1)), local.at(-1)) ? 'optional' : 'required';
  };
}

/** Whether a map of that schema may lack a key; an item of a list cannot be lacked. */
function isOptional(around: JsonObject | undefined, key: string | number | undefined): boolean {
  const required = around?.['required'];
  return typeof key === 'string' && !(Array.isArray(required) && required.includes(key));
}

/** What a schema wants in place of a value of that shape; undefined when it may fit. */
function misfit(schema: JsonObject | undefined, shape: Shape): string | undefined {
  const type = schema?.['type'];
  const expected = (Array.isArray(type) ? type : [type]).filter((name) => typeof name === 'string');
  if (expected.length > 0 && !jsonTypes(shape).some((given) => expected.includes(given)))
    return expected.join(' or ');
  const items = schema?.['items'];
  if (typeof shape === 'string' || !('list' in shape) || !isObject(items)) return undefined;
  const inner = misfit(items, shape.list);
  return inner === undefined ? undefined : `a list of ${inner}`;
}

/** The JSON types that a value may have. */
function jsonTypes(shape: Shape): string[] {
  if (typeof shape === 'object') return ['list' in shape ? 'array' : 'object'];
  if (shape === 'string') return ['string'];
  if (shape === 'bool') return ['boolean'];
  if (shape === 'double') return ['number', 'integer'];
  if (shape.startsWith('map')) return ['object'];
  return ['string', 'boolean', 'number', 'integer', 'null', 'array', 'object'];
}
