import { isObject, type JsonObject } from '../../domain/json.ts';
import type { SecretRule, Unknown } from './expressions.ts';
import { Places, typesOf, type Fault, type Way } from './places.ts';
import { fieldOf, suggest, type Finding, type Path } from './problem.ts';
import { typeName, type Shape } from './value-shape.ts';

/** Something that takes inputs: an action, or a playbook. */
export interface Taker {
  name: string;
  /** JSON Schema. */
  input: JsonObject;
}

/** Checks `with` against the JSON Schema of what takes it, as far as it is known before the incident. */
export function withFindings(
  taker: Taker,
  value: JsonObject,
  path: Path,
  unknowns: readonly Unknown[],
): Finding[] {
  const places = new Places(taker.input, value);
  const findings = places.faults().map((fault) => findingOf(fault, taker, path));
  for (const { path: at, shape } of unknowns) {
    const expected = misfitOf(places.ways(at.slice(path.length)), shape);
    if (expected !== undefined)
      findings.push({
        code: 'FB2030',
        path: at,
        message: `${fieldOf(at)} must be ${expected}, and the expression yields ${typeName(shape)}`,
        fix: `convert it, or use another value: see the input of ${taker.name}`,
      });
  }
  return findings;
}

/** Where a value may hold a secret: what takes it says `x-secret` of that place, in whatever form it may take it. */
export function secretsOf(taker: Taker | undefined, value: JsonObject, path: Path): SecretRule {
  // What there is no such thing to take was reported, and is never run.
  if (taker === undefined) return () => 'optional';
  const places = new Places(taker.input, value);
  return (at, isText) => {
    const local = at.slice(path.length);
    const ways = places.ways(local).filter((way) => isSecret(way) || takes(way, isText));
    if (ways.length === 0 || !ways.every(isSecret)) return 'none';
    return places.ways(local.slice(0, -1)).some((way) => needs(way, local.at(-1))) ? 'required' : 'optional';
  };
}

function isSecret(way: Way): boolean {
  return way.some((schema) => schema['x-secret'] === true);
}

/** Whether a secret may be taken that way: as text, or as anything but null when it is not known to be text. */
function takes(way: Way, isText: boolean): boolean {
  return way.every((schema) => {
    const types = typesOf(schema);
    return types.length === 0 || types.some((type) => (isText ? type === 'string' : type !== 'null'));
  });
}

/** Whether a map cannot lack a key; an item of a list cannot be lacked. */
function needs(way: Way, key: string | number | undefined): boolean {
  if (typeof key !== 'string') return true;
  return way.some(({ required }) => Array.isArray(required) && required.includes(key));
}

function findingOf(
  { params, instancePath, message, parentSchema }: Fault,
  taker: Taker,
  path: Path,
): Finding {
  const at = [...path, ...partsOf(instancePath)];
  const parameters = params as {
    missingProperty?: string;
    additionalProperty?: string;
    unevaluatedProperty?: string;
  };
  const extra = parameters.additionalProperty ?? parameters.unevaluatedProperty;
  if (parameters.missingProperty !== undefined)
    return {
      code: 'FB2031',
      path: [...at, parameters.missingProperty],
      message: `${taker.name} needs "${parameters.missingProperty}"`,
      fix: `add ${parameters.missingProperty}: to ${fieldOf(at)}`,
    };
  if (extra !== undefined) {
    const known: unknown = parentSchema?.['properties'];
    return {
      code: 'FB2032',
      path: [...at, extra],
      atKey: true,
      message: `${taker.name} has no input "${extra}"`,
      fix: suggest(extra, typeof known === 'object' && known !== null ? Object.keys(known) : []),
    };
  }
  return {
    code: 'FB2030',
    path: at,
    message: `${fieldOf(at)} ${message ?? 'is not valid'}`,
    fix: `give a value that fits the input of ${taker.name}`,
  };
}

/** A JSON Pointer's parts; numbers for list indices. */
function partsOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^(0|[1-9][0-9]*)$/.test(part) ? Number(part) : part));
}

/** What is wanted in place of a value of that shape; undefined when it may fit one of the ways. */
function misfitOf(ways: readonly Way[], shape: Shape): string | undefined {
  const expected = ways.map((way) =>
    way.map((schema) => misfit(schema, shape)).find((wanted) => wanted !== undefined),
  );
  if (expected.length === 0 || expected.includes(undefined)) return undefined;
  return [...new Set(expected)].join(' or ');
}

/** What a schema wants in place of a value of that shape; undefined when it may fit. */
function misfit(schema: JsonObject, shape: Shape): string | undefined {
  const expected = typesOf(schema);
  if (expected.length > 0 && !jsonTypes(shape).some((given) => expected.includes(given)))
    return expected.join(' or ');
  const { items } = schema;
  if (typeof shape === 'string' || !('list' in shape) || !isObject(items)) return undefined;
  const inner = misfit(items, shape.list);
  return inner === undefined ? undefined : `a list of ${inner}`;
}

/** The JSON types that a value may have. */
function jsonTypes(shape: Shape): string[] {
  if (typeof shape === 'object') return ['list' in shape ? 'array' : 'object'];
  if (shape === 'string') return ['string'];
  if (shape === 'bool') return ['boolean'];
  if (shape === 'double' || shape === 'int') return ['number', 'integer'];
  if (shape.startsWith('map')) return ['object'];
  return ['string', 'boolean', 'number', 'integer', 'null', 'array', 'object'];
}
