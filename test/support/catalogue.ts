import type { ActionSignature } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';

const timing: ActionSignature['timing'] = {
  planMs: 10_000,
  applyMs: 30_000,
  verifyMs: 10_000,
  undoMs: 30_000,
  heartbeatMs: 2_000,
  attempts: 5,
};

const namespaced: JsonObject = {
  type: 'object',
  properties: {
    cluster: { type: 'string', minLength: 1, maxLength: 253 },
    namespace: { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
  },
  required: ['cluster', 'namespace'],
  additionalProperties: false,
};

/** Signatures for tests of the language: two like the real ones, and one invented for each effect they lack. */
export const catalogue: ActionSignature[] = [
  {
    name: 'kubernetes.quarantine-namespace',
    effect: 'contain',
    timing,
    holds: true,
    input: namespaced,
    outputs: { type: 'object', properties: {}, additionalProperties: false },
  },
  {
    name: 'kubernetes.collect-evidence',
    effect: 'read',
    timing,
    holds: false,
    input: namespaced,
    outputs: {
      type: 'object',
      properties: { artefacts: { type: 'integer' }, complete: { type: 'boolean' } },
      additionalProperties: false,
    },
  },
  {
    name: 'test.scale',
    effect: 'reversible',
    timing,
    holds: false,
    input: {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1 },
        replicas: { type: 'integer', minimum: 0 },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        ports: { type: 'array', items: { type: 'integer' }, maxItems: 3 },
        dry: { type: 'boolean' },
      },
      required: ['name'],
      additionalProperties: false,
    },
    outputs: {},
  },
  {
    name: 'test.delete',
    effect: 'irreversible',
    timing,
    holds: false,
    input: {
      type: 'object',
      properties: { name: { type: 'string' } },
      required: ['name'],
      additionalProperties: false,
    },
    outputs: {},
  },
];
