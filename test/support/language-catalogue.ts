import type { ActionSignature } from '../../domain/action.ts';
import type { JsonObject } from '../../domain/json.ts';
import { catalogue } from './catalogue.ts';

/** Either of two forms, each with a field of its own that the other has as well, of another kind. */
const signIn: JsonObject = {
  type: 'object',
  properties: {
    as: {
      oneOf: [
        {
          type: 'object',
          properties: {
            by: { const: 'token' },
            key: { type: 'string', 'x-secret': true },
            ttl: { type: 'integer' },
          },
          required: ['by', 'key'],
          additionalProperties: false,
        },
        {
          type: 'object',
          properties: { by: { const: 'name' }, key: { type: 'string' }, ttl: { type: 'boolean' } },
          required: ['by', 'key'],
          additionalProperties: false,
        },
      ],
    },
  },
  required: ['as'],
  additionalProperties: false,
};

/** The invented catalogue, with what the order of steps is judged by: an action that collects evidence, and one that destroys pods; with
 * one that takes a union; and with one whose undo is asked about. */
export const languageCatalogue: ActionSignature[] = [
  ...catalogue.map((action): ActionSignature =>
    action.name === 'kubernetes.collect-evidence' ? { ...action, evidence: 'collects' } : action,
  ),
  ...catalogue
    .filter(({ name }) => name === 'kubernetes.collect-evidence')
    .map((action): ActionSignature => ({
      ...action,
      name: 'test.evict',
      effect: 'irreversible',
      evidence: 'destroys',
      outputs: {},
    })),
  ...catalogue
    .filter(({ name }) => name === 'kubernetes.collect-evidence')
    .map((action): ActionSignature => ({ ...action, name: 'test.sign-in', input: signIn, outputs: {} })),
  ...catalogue
    .filter(({ name }) => name === 'test.scale')
    .map((action): ActionSignature => ({ ...action, name: 'test.restore', undoApproval: 'own' })),
];
