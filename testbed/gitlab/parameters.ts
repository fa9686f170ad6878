import { isRecord, type ApiRequest } from '../api-server.ts';
import { badParameter } from './replies.ts';
import { day } from './state.ts';

type Kind = 'string' | 'boolean' | 'integer' | 'date' | 'strings';
type Value<K extends Kind> = K extends 'boolean'
  ? boolean
  : K extends 'integer'
    ? number
    : K extends 'strings'
      ? string[]
      : string;

/** Parameters of a request from its body and its query, as GitLab coerces them. Unknown ones are ignored, as GitLab does. */
export class Parameters {
  readonly #values: Record<string, unknown>;

  constructor({ query, body }: ApiRequest) {
    if (body !== undefined && !isRecord(body))
      throw badParameter('message body does not match declared format');
    this.#values = { ...Object.fromEntries(query), ...body };
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** @throws Refusal 400 naming what is missing */
  required<K extends Kind>(name: string, kind: K): Value<K> {
    const value = this.optional(name, kind);
    if (value === undefined) throw badParameter(`${name} is missing`);
    return value;
  }

  /** @throws Refusal 400 when it has another type */
  optional<K extends Kind>(name: string, kind: K): Value<K> | undefined {
    const value = this.#values[name];
    if (value === undefined || value === null) return undefined;
    const coerced = coercions[kind](value);
    if (coerced === undefined) throw badParameter(`${name} is invalid`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the coercion gives what the kind says
    return coerced as Value<K>;
  }
}

const coercions: { [K in Kind]: (value: unknown) => unknown } = {
  string: (value) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined),
  boolean: (value) => (['true', 'false'].includes(String(value)) ? String(value) === 'true' : undefined),
  integer: (value) => (/^-?\d{1,15}$/.test(String(value)) ? Number(value) : undefined),
  date: (value) => (typeof value === 'string' && isDay(value) ? value : undefined),
  strings: (value) =>
    Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined,
};

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime()) && day(date) === text;
}
