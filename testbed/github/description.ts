import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv, type ValidateFunction } from 'ajv';
import { isObject, type Answer, type JsonObject } from './types.ts';

/** How a missing field shows, at the place or at an `anyOf` around it. */
const lacking = ['required', 'anyOf', 'oneOf'];

export interface Operation {
  /** `PUT /repos/{owner}/{repo}/actions/secrets/{secret_name}`. */
  name: string;
  parameters: Record<string, string>;
  described: JsonObject;
}

interface Route {
  path: string;
  pattern: RegExp;
  names: string[];
  methods: JsonObject;
}

/** GitHub's API as GitHub publishes it (OpenAPI 3.0): what may be asked, and what is answered. */
export class Description {
  readonly #document: JsonObject;
  readonly #routes: Route[];
  readonly #validators = new Map<string, ValidateFunction>();
  // Their schemas carry keywords of OpenAPI, and formats that say nothing about what is sent here.
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, coerceTypes: false });

  private constructor(document: JsonObject) {
    this.#document = document;
    this.#routes = Object.entries(objectAt(document, 'paths')).map(([path, methods]) =>
      routeOf(path, methods),
    );
    // What is spelled out wins over what is a parameter: /secrets/public-key over /secrets/{secret_name}.
    this.#routes.sort((a, b) => a.names.length - b.names.length);
  }

  /** Of npm `@octokit/openapi`. */
  static read(): Description {
    const path = createRequire(import.meta.url).resolve('@octokit/openapi/generated/api.github.com.json');
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (!isObject(document)) throw new Error(`${path} is not an object`);
    return new Description(document);
  }

  /** undefined where GitHub has no such path or method. */
  find(method: string, path: string): Operation | undefined {
    for (const route of this.#routes) {
      const found = route.pattern.exec(path);
      const described = route.methods[method.toLowerCase()];
      if (found === null || !isObject(described)) continue;
      const values = found.slice(1).map(decodeURIComponent);
      return {
        name: `${method} ${route.path}`,
        parameters: Object.fromEntries(route.names.map((name, index) => [name, values[index] ?? ''])),
        described,
      };
    }
    return undefined;
  }

  /** What is wrong with a request; empty when it is as described. */
  faults({ name, described }: Operation, query: URLSearchParams, body: unknown): string[] {
    const faults: string[] = [];
    const parameters = listAt(described, 'parameters').map((one) => this.#resolved(one));
    const ofQuery = parameters.filter((one) => one['in'] === 'query');
    for (const key of query.keys())
      if (!ofQuery.some((one) => one['name'] === key)) faults.push(`query ${key} is not described`);
    for (const one of ofQuery) {
      const text = query.get(String(one['name']));
      if (text === null) {
        if (one['required'] === true) faults.push(`query ${String(one['name'])} is missing`);
        continue;
      }
      const schema = this.#deep(one['schema']);
      const value = isObject(schema) && schema['type'] === 'integer' ? Number(text) : text;
      faults.push(...this.#judge(`${name} ?${String(one['name'])}`, schema, value));
    }
    const wanted = described['requestBody'];
    if (isObject(wanted)) {
      const schema = schemaOf(this.#resolved(wanted));
      if (body === undefined && this.#resolved(wanted)['required'] === true)
        faults.push('the body is missing');
      else if (body !== undefined) faults.push(...this.#judge(`${name} body`, this.#deep(schema), body));
    } else if (isObject(body) && Object.keys(body).length > 0) faults.push('no body is described');
    return faults;
  }

  /** What is wrong with an answer of ours: it must be one that GitHub could give. */
  answerFaults({ name, described }: Operation, { status, body, partial }: Answer): string[] {
    const responses = objectAt(described, 'responses');
    const wanted = responses[String(status)];
    if (!isObject(wanted)) return status < 400 ? [`${status} is not described`] : [];
    const schema = schemaOf(this.#resolved(wanted));
    return schema === undefined ? [] : this.#judge(`${name} ${status}`, this.#deep(schema), body, partial);
  }

  #judge(key: string, schema: unknown, value: unknown, partial = false): string[] {
    let validate = this.#validators.get(key);
    if (validate === undefined) {
      validate = this.#ajv.compile(isObject(schema) ? schema : {});
      this.#validators.set(key, validate);
    }
    validate(value);
    // Never the value: it may hold a credential.
    const errors = (validate.errors ?? []).filter(({ keyword }) => !partial || !lacking.includes(keyword));
    return errors.map((one) => `${key}${one.instancePath}: ${one.message ?? one.keyword}`);
  }

  #resolved(value: unknown): JsonObject {
    if (!isObject(value)) throw new Error('the API description holds something that is not an object');
    const reference = value['$ref'];
    if (typeof reference !== 'string') return value;
    let at: unknown = this.#document;
    for (const part of reference.slice(2).split('/')) at = isObject(at) ? at[part] : undefined;
    return this.#resolved(at);
  }

  /** A schema with all references put in place. A reference inside itself is left open. */
  #deep(value: unknown, inside: readonly string[] = []): unknown {
    if (Array.isArray(value)) return value.map((one) => this.#deep(one, inside));
    if (!isObject(value)) return value;
    const reference = value['$ref'];
    if (typeof reference === 'string')
      return inside.includes(reference) ? {} : this.#deep(this.#resolved(value), [...inside, reference]);
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.#deep(one, inside)]));
  }
}

function routeOf(path: string, methods: unknown): Route {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name ?? '');
  const pattern = path
    .split(/\{[^}]+\}/)
    .map((text) => text.replace(/[.*+?^$|()[\]\\]/g, String.raw`\$&`))
    .join('([^/]+)');
  return { path, names, pattern: new RegExp(`^${pattern}$`), methods: isObject(methods) ? methods : {} };
}

function schemaOf(holder: JsonObject): unknown {
  const content = holder['content'];
  const json = isObject(content) ? content['application/json'] : undefined;
  return isObject(json) ? json['schema'] : undefined;
}

function objectAt(value: JsonObject, key: string): JsonObject {
  const found = value[key];
  return isObject(found) ? found : {};
}

function listAt(value: JsonObject, key: string): unknown[] {
  const found = value[key];
  return Array.isArray(found) ? found : [];
}
