import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import { isNamespaceName } from '../resources.ts';
import { suspects } from '../restart/spare.ts';
import { objectName } from '../shapes.ts';

export const action = 'kubernetes.revoke-service-account-tokens';

/** What a step of a playbook gives. */
export const input = z.strictObject({
  cluster: z.string().min(1).max(253).describe('Name of the cluster as configured'),
  namespace: z
    .string()
    .refine(isNamespaceName, 'must be the name of a namespace')
    .describe('Namespace of the ServiceAccount'),
  serviceAccount: objectName.describe('Name of the ServiceAccount whose tokens are revoked'),
  restart: z
    .boolean()
    .default(true)
    .describe(
      'Whether workloads that use it are restarted; without that their pods are refused until they get a new token',
    ),
  suspects: suspects.exactOptional(),
  reissue: z
    .array(objectName)
    .max(50)
    .default([])
    .describe('Token Secrets of the account to issue again under their names; the others are gone for good'),
});
export type RevokeInput = z.infer<typeof input>;

/** Entries of a list in the outputs: they go into a history. */
export const mostListed = 100;

const names = { type: 'array', maxItems: mostListed, items: { type: 'string' } };
/** JSON Schema of what later steps may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required: [
    'previousUid',
    'uid',
    'oldTokenRefused',
    'restarted',
    'notRestarted',
    'tokenSecrets',
    'reissued',
    'bindings',
    'bindingCount',
  ],
  properties: {
    previousUid: { type: 'string', description: 'Of the account that was deleted' },
    uid: { type: 'string', description: 'Of the account that has its name now' },
    oldTokenRefused: {
      type: 'boolean',
      description: 'Whether a token that was accepted before was measured as refused; false: not measured',
    },
    restarted: { type: 'integer', minimum: 0, description: 'Workloads that were restarted' },
    notRestarted: {
      ...names,
      description: 'Workloads and pods that use it and were left, `pods/web-1 (suspect)`',
    },
    tokenSecrets: { ...names, description: 'Secrets with a token of the account, which died with it' },
    reissued: { ...names, description: 'Those that were issued again' },
    bindings: {
      ...names,
      description:
        'Bindings that hold for the new account as well, `RoleBinding shop/deploy: Role edit, by ServiceAccount`',
    },
    bindingCount: { type: 'integer', minimum: 0, description: 'All of them' },
  },
};

/** Never covered, whatever the cluster looks like. */
export const notCovered: Limit[] = [
  {
    code: 'offline-verifiers',
    text: "Verifiers that check only the token's signature accept it until it expires: AWS STS (IRSA), other clouds' workload identity, Vault and others by OIDC. Deny them there.",
  },
  {
    code: 'open-connections',
    text: 'Requests that are open already, such as watches and sessions of exec: the API server checks a token when a request begins.',
  },
  {
    code: 'derived-credentials',
    text: 'What was got with a stolen token: certificates, tokens of other accounts, values of Secrets, objects that were made.',
  },
  {
    code: 'new-tokens',
    text: 'Whoever may create pods in the namespace, or tokens of the account, gets a new one.',
  },
  {
    code: 'dependants',
    text: 'Objects that name the account as their owner are garbage-collected with it.',
  },
];
