import type { ActionSignature } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isObject } from './json-object.ts';
import type { InputDeclaration } from '../run/playbook.ts';

/** The fields of a value, or the CEL type of one. The form the CEL library declares variables in. */
export type Shape = string | { [field: string]: Shape };

/** What an expression of one step can see. */
export interface Surroundings {
  /** The step's own id. */
  step: string;
  inputs: { [name: string]: InputDeclaration };
  /** All steps by id, and those that are done whenever this one begins. */
  steps: ReadonlyMap<string, ActionSignature | undefined>;
  ancestors: ReadonlySet<string>;
}

/** The Alert of domain/alert.ts. Without an alert (a playbook that somebody ran) these are absent: ask with has(). */
const alert: Shape = {
  source: 'string',
  id: 'string',
  rule: 'string',
  severity: 'string',
  summary: 'string',
  cluster: 'string',
  namespace: 'string',
  pod: 'string',
  container: 'string',
  image: 'string',
  fields: 'map<string, dyn>',
  detectedAt: 'string',
  receivedAt: 'string',
  owner: 'string',
  raw: { digest: 'string', size: 'double', mediaType: 'string' },
};

const incident: Shape = {
  id: 'string',
  title: 'string',
  severity: 'string',
  mode: 'string',
  requester: 'string',
};

/** Everything there is to see, with the steps named in `among`. */
export function scopeShape(around: Surroundings, among: Iterable<string>): { [root: string]: Shape } {
  const inputs = Object.entries(around.inputs).map(([name, { type }]) => [name, celType(type)] as const);
  const steps = [...among].map((id) => [id, stepShape(around.steps.get(id))] as const);
  return { inputs: Object.fromEntries(inputs), alert, incident, steps: Object.fromEntries(steps) };
}

function stepShape(signature: ActionSignature | undefined): Shape {
  return { status: 'string', verdict: 'string', outputs: outputsShape(signature?.outputs ?? {}) };
}

/** The top level of a JSON Schema; anything deeper or cleverer is dynamic. */
function outputsShape(schema: JsonObject): Shape {
  const { properties, additionalProperties } = schema;
  if (!isObject(properties) || additionalProperties === true || isObject(additionalProperties))
    return 'map<string, dyn>';
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [
      name,
      celType(isObject(property) ? property['type'] : null),
    ]),
  );
}

/** JSON's numbers are doubles in CEL, whole or not. */
function celType(type: unknown): string {
  if (type === 'string') return 'string';
  if (type === 'boolean') return 'bool';
  return type === 'integer' || type === 'number' ? 'double' : 'dyn';
}
