import { z } from 'zod';
import type { Limit } from '../../../domain/action.ts';
import type { JsonObject } from '../../../domain/json.ts';
import type { Permission } from '../../../domain/permission.ts';

/** What goes into a history; the evidence has all that was kept. */
export const most = { digests: 500, tags: 200, principals: 100, addresses: 100, unavailable: 20 } as const;

/** Uses that are kept of one credential; the rest is counted. */
export const mostUses = 20_000;

const name = (what: string) => z.string().min(1).max(200).describe(what);
const kubernetesName = (what: string) =>
  z
    .string()
    .regex(
      /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
      'must be a Kubernetes name: lower-case letters, digits, "-" and "."',
    )
    .describe(what);
const instant = (what: string) =>
  z.iso
    .datetime({ offset: true, error: 'must be a time such as 2026-01-02T03:04:05Z' })
    .max(40)
    .describe(what);

/** A union told by its key, not by a `kind`: a playbook's expressions are then checked against the one that is given. */
const credential = z
  .strictObject({
    accessKey: z
      .strictObject({
        account: name('The AWS account as configured'),
        id: z
          .string()
          .regex(/^A[A-Z0-9]{15,127}$/, 'must be the id of an access key such as AKIAIOSFODNN7EXAMPLE')
          .describe('The access key id, of a user (AKIA…) or of a session (ASIA…); never the secret'),
      })
      .exactOptional()
      .describe('A key of AWS, and the sessions that were made with it'),
    registryUser: z
      .strictObject({
        registry: name('The registry as configured'),
        name: z
          .string()
          .max(256)
          .regex(/^[^\p{C},]+$/u, 'must be the name of a user: no control characters and no comma')
          .describe('As the registry names who pulls and pushes: `deployer`, `robot$ci`'),
      })
      .exactOptional()
      .describe('A user or a robot of a registry'),
    serviceAccount: z
      .strictObject({
        cluster: name('The cluster as configured'),
        namespace: kubernetesName('Of the ServiceAccount'),
        name: kubernetesName('Of the ServiceAccount'),
      })
      .exactOptional()
      .describe('Every token of a ServiceAccount'),
    token: z
      .strictObject({
        cluster: name('The cluster as configured'),
        id: z
          .string()
          .regex(/^(JTI=)?[A-Za-z0-9-]{8,128}$/, 'must be the `jti` of a token: a UUID')
          .describe('The `jti` of one ServiceAccount token, as its claims and the audit log have it'),
      })
      .exactOptional()
      .describe('One token of a ServiceAccount'),
  })
  .refine((given) => Object.values(given).filter((one) => one !== undefined).length === 1, {
    error: 'give exactly one of accessKey, registryUser, serviceAccount and token',
  })
  .meta({ minProperties: 1, maxProperties: 1 })
  .describe('What to look for: exactly one');

const window = z
  .strictObject({
    last: z
      .string()
      .regex(/^[1-9][0-9]{0,5}[smhd]$/, 'must be a duration such as 90s, 5m, 24h or 7d')
      .exactOptional()
      .describe('As long before the plan; it ends when it is read'),
    since: instant('Its beginning').exactOptional(),
    until: instant('Its end; when it is read, where absent').exactOptional(),
  })
  .refine(({ last, since }) => (last === undefined) !== (since === undefined), {
    error: 'give either last, or since',
  })
  .refine(({ last, until }) => last === undefined || until === undefined, {
    path: ['until'],
    error: 'goes with since, not with last',
  })
  .describe('When: `last`, or `since` with or without `until`');

/** What a step of a playbook gives. */
export const input = z.strictObject({ credential, window });
export type FindUseInput = z.infer<typeof input>;

/** Never told, whatever the systems say. */
export const notCovered: Limit[] = [
  {
    code: 'no-use-is-no-proof',
    text: 'That no use was found proves nothing: each system records a part of what is done, and whoever controls one can keep it from recording.',
  },
  {
    code: 'whoever-held-it',
    text: 'A credential says whose it is, not who used it: addresses and user agents are what the client had or claimed.',
  },
];

/** What a kind of credential does not show. */
export const limitsOf: { readonly [kind in keyof FindUseInput['credential']]-?: Limit[] } = {
  accessKey: [
    {
      code: 'cloudtrail-lag',
      text: 'CloudTrail shows a call up to 15 minutes after it, and the time of last use comes later still.',
    },
    { code: 'ninety-days', text: 'CloudTrail’s history of events goes back 90 days.' },
    {
      code: 'data-events',
      text: 'Calls on data (S3 objects, invocations of functions, items of tables) are in no history of events.',
    },
    {
      code: 'other-regions',
      text: 'The history is asked in the account’s region and in the one of global services, not in the others.',
    },
  ],
  registryUser: [
    {
      code: 'lost-notifications',
      text: 'A registry keeps the notifications that it has not delivered in memory: those of before a restart may be lost.',
    },
    {
      code: 'issued-tokens',
      text: 'A token that the registry issued for this user works until it expires, whatever happens to the user.',
    },
  ],
  serviceAccount: [
    {
      code: 'audit-policy',
      text: 'The audit log has what the audit policy of the cluster says, of the API servers whose logs are configured.',
    },
    {
      code: 'other-verifiers',
      text: 'Whoever checks a token’s signature alone, such as a cloud’s federation, tells the cluster nothing.',
    },
  ],
  token: [
    {
      code: 'audit-policy',
      text: 'The audit log has what the audit policy of the cluster says, of the API servers whose logs are configured; ids of credentials since Kubernetes 1.32.',
    },
    {
      code: 'other-verifiers',
      text: 'Whoever checks a token’s signature alone, such as a cloud’s federation, tells the cluster nothing.',
    },
  ],
};

const number = { type: 'integer', minimum: 0 };
const text = { type: 'string' };
const list = (maxItems: number, items: JsonObject, description: string) => ({
  type: 'array',
  maxItems,
  items,
  description,
});
const required = [
  'since',
  'until',
  'first',
  'last',
  'events',
  'digests',
  'digestCount',
  'tags',
  'tagCount',
  'principals',
  'principalCount',
  'addresses',
  'addressCount',
  'complete',
  'unavailable',
  'evidence',
];
/** JSON Schema of what later steps may use. */
export const outputs = {
  type: 'object',
  additionalProperties: false,
  required,
  properties: {
    since: { ...text, description: 'The window that was read. RFC 3339 UTC' },
    until: text,
    first: { ...text, description: 'When it was first used in the window; empty when never' },
    last: { ...text, description: 'When it was last used in the window; empty when never' },
    events: { ...number, description: 'Uses found, refused ones included' },
    digests: list(most.digests, text, 'Images pushed, each once, in order of their text'),
    digestCount: { ...number, description: 'All of them' },
    tags: list(
      most.tags,
      {
        type: 'object',
        additionalProperties: false,
        required: ['repository', 'tag', 'digest', 'at'],
        properties: { repository: text, tag: text, digest: text, at: text },
      },
      'Tags set, the latest first; `digest` is empty where the system does not say it',
    ),
    tagCount: { ...number, description: 'All of them' },
    principals: list(most.principals, text, 'As whom it acted: ARNs, users, ServiceAccounts with their pods'),
    principalCount: number,
    addresses: list(most.addresses, text, 'Where from, as the system saw it'),
    addressCount: number,
    complete: {
      type: 'boolean',
      description:
        'Whether everything was read that these systems keep of the window; `unavailable` says why not',
    },
    unavailable: list(
      most.unavailable,
      {
        type: 'object',
        additionalProperties: false,
        required: ['what', 'why'],
        properties: { what: text, why: text },
      },
      'What could not be had',
    ),
    evidence: { ...text, description: 'Digest of the full list; empty when the evidence store was full' },
  },
};

/** Everything that the action reads, with its reason. The audit log of a cluster is a file, and registry events are the engine's own. */
export const permissions: Permission[] = (['apply', 'verify'] as const).flatMap((verb): Permission[] => [
  {
    system: 'aws',
    actions: ['cloudtrail:LookupEvents'],
    // It knows no resource.
    resources: ['*'],
    why: 'what was done with the key, and with the sessions it began',
    verb,
  },
  {
    system: 'aws',
    actions: ['iam:GetAccessKeyLastUsed'],
    resources: ['arn:${partition}:iam::${account}:user/*'],
    why: 'a use that the history of events does not show',
    verb,
  },
  {
    system: 'harbor',
    scope: 'system: audit-log: list',
    why: 'what a user or a robot pushed, pulled and deleted',
    verb,
  },
  {
    system: 'harbor',
    scope: 'project: artifact: list',
    why: 'the digest of an image that was pushed by its tag',
    verb,
  },
]);
