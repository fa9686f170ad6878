import type { ErrorObject } from 'ajv/dist/2020.js';
import { isObject, type Json, type JsonObject } from '../../domain/json.ts';
import type { Path } from './problem.ts';

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

/** The places of a value that are only known at run time: where an expression stands. */
export class OpenPlaces {
  readonly #paths: readonly Path[];
  /** As JSON Pointers, and all that lead to one. */
  readonly #open = new Set<string>();
  readonly #above = new Set<string>();

  /** @param value with its expressions as they are written */
  constructor(value: Json) {
    this.#paths = [...openIn(value, [])];
    for (const path of this.#paths) {
      for (let length = 0; length < path.length; length++) this.#above.add(pointerOf(path.slice(0, length)));
      this.#open.add(pointerOf(path));
    }
  }

  /** A copy in which null stands for what is not known yet. */
  blank(value: JsonObject): JsonObject {
    const copy = structuredClone(value);
    for (const path of this.#paths) {
      let here: Json | undefined = copy;
      for (const part of path.slice(0, -1)) here = childOf(here, part);
      const last = path.at(-1);
      if (Array.isArray(here)) here[Number(last)] = null;
      else if (isObject(here) && last !== undefined) here[last] = null;
    }
    return copy;
  }

  /** Whether nothing is known of a place. */
  isOpen(pointer: string): boolean {
    return this.#open.has(pointer);
  }

  /** Whether all of a place is known. */
  isKnown(pointer: string): boolean {
    return !this.#open.has(pointer) && !this.#above.has(pointer);
  }

  /** Whether a fault may vanish once the open places are known. */
  excuse({ instancePath, keyword }: ErrorObject): boolean {
    if (this.#above.has(instancePath) && !certain.has(keyword)) return true;
    for (let at = instancePath; at !== ''; at = at.slice(0, at.lastIndexOf('/')))
      if (this.#open.has(at)) return true;
    return false;
  }
}

function* openIn(value: Json, path: Path): Generator<Path> {
  if (typeof value === 'string' && value.includes('${{')) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value))
    yield* openIn(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

export function childOf(value: Json | undefined, part: string | number): Json | undefined {
  if (Array.isArray(value)) return value[Number(part)];
  return isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
}

/** A path as a JSON Pointer. */
export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
