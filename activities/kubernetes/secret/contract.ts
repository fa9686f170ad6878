import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import { isNamespaceName } from '../resources.ts';
import { suspects } from '../restart/spare.ts';
import { objectName } from '../shapes.ts';
import { urlProblem } from './endpoint.ts';
import { bitsOf, defaultAlphabet, leastBits } from './generate.ts';

export const action = 'kubernetes.rotate-secret';

/** The name of a secret, as inputs of playbooks take it: a value pasted in its place seldom looks so. */
const secretName = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/;

const generate = z
  .strictObject({
    length: z.int().min(8).max(1_024).default(32).describe('Characters of the new value'),
    alphabet: z
      .string()
      .regex(/^[\x21-\x7e]{2,94}$/, 'must be 2 to 94 printable ASCII characters, none of them blank')
      .refine((text) => new Set(text).size === text.length, 'must not hold a character twice')
      .default(defaultAlphabet)
      .describe('Characters to choose from'),
  })
  .refine(
    (options) => bitsOf(options) >= leastBits,
    `leaves too few possibilities: make length or alphabet larger, to ${leastBits} bits at least`,
  )
  .describe('Make a random value');

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of an HTTP header')
  .refine(
    (name) => !['host', 'connection', 'content-length', 'transfer-encoding'].includes(name.toLowerCase()),
    'must be a header that can hold a credential',
  );
const url = z
  .string()
  .max(2_048)
  .superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  })
  .describe(
    'HTTPS, or loopback. Both values are sent there: name it in the playbook, never take it from an alert',
  );
const withinSeconds = z
  .int()
  .min(10)
  .max(300)
  .default(120)
  .describe('How long after the restarts the old value may still be accepted');

const check = z
  .discriminatedUnion('as', [
    z.strictObject({
      as: z.literal('basic'),
      url,
      username: z
        .string()
        .regex(/^[^:\p{Cc}]{0,200}$/u, 'must be the name of a user, without a colon')
        .describe('User whose password the value is'),
      withinSeconds,
    }),
    z.strictObject({ as: z.literal('bearer'), url, withinSeconds }),
    z.strictObject({
      as: z.literal('header'),
      url,
      header: headerName.describe('Header that holds the value alone'),
      withinSeconds,
    }),
  ])
  .describe('An endpoint that accepts the value, and answers 401 or 403 to another one');
export type Check = z.infer<typeof check>;

/** What a step of a playbook gives. */
export const input = z
  .strictObject({
    cluster: z.string().min(1).max(253).describe('Name of the cluster as configured'),
    namespace: z
      .string()
      .refine(isNamespaceName, 'must be the name of a namespace')
      .describe('Namespace of the Secret'),
    secret: objectName.describe('Name of the Secret'),
    key: z
      .string()
      .regex(/^(?!\.\.?$)[-._a-zA-Z0-9]{1,253}$/, 'must be a key of a Secret')
      .describe('Key whose value is replaced; the others stay'),
    from: z
      .string()
      .regex(secretName, 'must be the name of a secret, <store>/<path>')
      .meta({ 'x-secret': true })
      .exactOptional()
      .describe('Name of the secret that holds the new value; absent: one is generated'),
    generate: generate.exactOptional(),
    restart: z.boolean().default(true).describe('Whether workloads that use the value are restarted'),
    suspects: suspects.exactOptional(),
    check: check.exactOptional(),
  })
  .refine(
    ({ from, generate: made }) => from === undefined || made === undefined,
    'must hold from or generate, not both',
  );
export type RotateInput = z.infer<typeof input>;

/** Entries of a list in the outputs: they go into a history. */
export const mostListed = 100;

/** JSON Schema of what later steps may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required: ['uid', 'restarted', 'notRestarted', 'oldValueRefused'],
  properties: {
    uid: { type: 'string', description: 'Of the Secret' },
    restarted: { type: 'integer', minimum: 0, description: 'Workloads that were restarted' },
    notRestarted: {
      type: 'array',
      maxItems: mostListed,
      items: { type: 'string' },
      description: 'Workloads and pods that use the value and were left, `pods/web-1 (suspect)`',
    },
    oldValueRefused: {
      type: 'boolean',
      description:
        'Whether the old value was accepted before and measured as refused after; false: not measured, or not refused',
    },
  },
};

/** Never covered, whatever the cluster looks like. */
export const notCovered: Limit[] = [
  {
    code: 'other-systems',
    text: 'The system that judges the value, where it does not read this Secret: it must be given the new value as well, or goes on accepting the old one.',
  },
  {
    code: 'other-consumers',
    text: 'Who reads the Secret by the API, an Ingress, an operator, a copy in another namespace or cluster; CSI volumes that bring the value from elsewhere.',
  },
  {
    code: 'sources',
    text: 'What writes the Secret from elsewhere, such as a chart or GitOps: it puts the old value back unless it is changed there.',
  },
  {
    code: 'copies',
    text: 'Old values in backups, in the annotation of kubectl apply, in the memory of pods that were not restarted.',
  },
];
