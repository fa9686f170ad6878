import type { Json } from '../../domain/json.ts';

/** What CEL computes with. Maps are Maps: the library asks a plain object for its `constructor`, which an alert can name. */
export type CelValue = null | boolean | number | bigint | string | CelValue[] | Map<string, CelValue>;

/** Deepest nesting and most characters (of JSON, roughly) that a result may have. */
const maxDepth = 64;
const maxResult = 64 * 1024;

/** Why a value cannot cross between JSON and CEL. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
}

/**
 * Cost of looking at a whole value: its nodes, and its characters by the 32. Converted containers are weighed once, which keeps
 * the meter's own work small.
 */
export class Weights {
  readonly #known = new WeakMap<object, number>();

  of(value: unknown): number {
    if (typeof value === 'string') return 1 + value.length / 32;
    if (typeof value !== 'object' || value === null) return 1;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    let weight = 1;
    if (Array.isArray(value)) for (const item of value) weight += this.of(item);
    else if (value instanceof Map) for (const [key, item] of value) weight += this.of(key) + this.of(item);
    else for (const [key, item] of Object.entries(value)) weight += this.of(key) + this.of(item);
    return weight;
  }

  /** Remembers a value that nothing changes any more. */
  remember(value: object): void {
    this.#known.set(value, this.of(value));
  }
}

/** JSON as CEL sees it: every number is a double, as CEL's own JSON mapping has it. @throws ValueError when nested too deeply. */
export function toCel(value: Json | undefined, weights: Weights, depth = 0): CelValue {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object') return value;
  if (depth >= maxDepth) throw new ValueError(`a value it reads is nested more than ${maxDepth} deep`);
  const converted = Array.isArray(value)
    ? value.map((item) => toCel(item, weights, depth + 1))
    : new Map(Object.entries(value).map(([key, item]) => [key, toCel(item, weights, depth + 1)] as const));
  weights.remember(converted);
  return converted;
}

/**
 * A result as JSON. Lone surrogates, which have no canonical JSON, become U+FFFD: an alert must not be able to stop a step with one.
 * @throws ValueError for what has no JSON form (bytes, types, NaN, integers beyond 2^53) and for results that are too large.
 */
export function toJson(value: unknown): Json {
  let left = maxResult;
  const spend = (amount: number): void => {
    left -= amount;
    if (left < 0) throw new ValueError(`the result is larger than ${maxResult} characters`);
  };
  const text = (string: string): string => {
    spend(string.length + 2);
    return string.toWellFormed();
  };
  const convert = (item: unknown, depth: number): Json => {
    if (depth > maxDepth) throw new ValueError(`the result is nested more than ${maxDepth} deep`);
    spend(1);
    if (item === null || typeof item === 'boolean') return item;
    if (typeof item === 'string') return text(item);
    if (typeof item === 'bigint') return safeInteger(item);
    if (typeof item === 'number') {
      if (Number.isFinite(item)) return item;
      throw new ValueError('the result is not a finite number');
    }
    if (Array.isArray(item)) return item.map((element) => convert(element, depth + 1));
    if (item instanceof Map) return entries([...item], depth);
    if (isPlainObject(item)) return entries(Object.entries(item), depth);
    throw new ValueError('the result is neither text, number, boolean, null, list nor map');
  };
  // fromEntries defines keys, so that `__proto__` is a key like any other.
  const entries = (pairs: [unknown, unknown][], depth: number): Json =>
    Object.fromEntries(
      pairs.map(([key, item]) => {
        if (typeof key !== 'string') throw new ValueError('a key of the resulting map is not text');
        return [text(key), convert(item, depth + 1)];
      }),
    );
  return convert(value, 0);
}

function safeInteger(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new ValueError('the result is an integer beyond 2^53');
  return number;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
