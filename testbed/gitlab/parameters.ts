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
    const coerced = coerce(kind, value);
    if (coerced === undefined) throw badParameter(`${name} is invalid`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- coerce gives what the kind says
    return coerced as Value<K>;
  }
}

function coerce(kind: Kind, value: unknown): unknown {
  switch (kind) {
    case 'string':
      return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
    case 'boolean':
      return value === true || value === 'true'
        ? true
        : value === false || value === 'false'
          ? false
          : undefined;
    case 'integer':
      return /^-?\d{1,15}$/.test(String(value)) ? Number(value) : undefined;
    case 'date':
      return typeof value === 'string' && isDay(value) ? value : undefined;
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  }
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime()) && day(date) === text;
}
