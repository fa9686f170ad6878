import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Change,
  Limit,
  Mandate,
  Plan,
  Target,
  Verification,
} from '../../domain/action.ts';
import { digest } from '../../domain/json.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { typed } from '../failure.ts';
import { forgePlace } from './forges.ts';
import {
  findCopies,
  putSecret,
  readShown,
  wordsOfPlace,
  type Copies,
  type SecretPlace,
  type ShownSecret,
} from './github/actions-secrets.ts';
import type { GitHub } from './github/client.ts';
import { drift, noSuchSecret } from './github/failures.ts';
import type { GitHubOf } from './github/index.ts';
import { newValue, newValueOf, valueOf, wordsOfValue } from './github/new-value.ts';
import { readOrganization } from './github/organizations.ts';
import { cannotBeUndone, planned } from './github/plans.ts';
import {
  factsOf,
  forgeName,
  mustBeTarget,
  organizationName,
  readRepository,
  repositoryName,
} from './github/repositories.ts';

const name = 'github.replace-actions-secret';

const fields = z.strictObject({
  forge: forgeName,
  repository: repositoryName.exactOptional(),
  environment: z
    .string()
    .regex(/^(?!\.\.?$)[^\p{Cc}]{1,255}$/u, 'must be the name of an environment')
    .describe('Environment of the repository; absent: the secret of the repository itself')
    .exactOptional(),
  organization: organizationName.exactOptional(),
  secret: z
    .string()
    .regex(
      /^(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}$/i,
      'must be the name of an Actions secret, such as DEPLOY_TOKEN',
    )
    .describe('Name of the secret in GitHub'),
  for: z.enum(['actions', 'dependabot']).default('actions').describe('Whose secrets'),
  ...newValue,
});
const input = fields.superRefine((given, context) => {
  const { repository, environment, organization, from, generate } = given;
  const fault = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  if ((repository === undefined) === (organization === undefined))
    fault('repository', 'name either `repository` or `organization`');
  if (environment !== undefined && (repository === undefined || given.for === 'dependabot'))
    fault('environment', 'is for an Actions secret of a `repository`');
  if ((from === undefined) === (generate === undefined)) fault('from', 'give either `from` or `generate`');
});
type Input = z.infer<typeof input>;

/** The secret as it was: what `verify` compares with. */
const baseSchema = z.object({ updatedAt: z.string() });

const notCovered: Limit[] = [
  {
    code: 'running-jobs',
    text: 'Jobs that have started keep the old value: disable the workflow and cancel its runs first.',
  },
  {
    code: 'old-value-lives',
    text: 'The old value works on wherever it is accepted, until it is revoked there.',
  },
  {
    code: 'value-not-readable',
    text: 'GitHub shows no value: what is proven is that it took a new one, and when.',
  },
  {
    code: 'other-copies',
    text: 'Copies under other names, in other repositories, in Codespaces, in variables, logs, caches and artefacts are not looked for.',
  },
];

/** Puts a new value in the place of a secret of GitHub Actions that leaked. */
export function replaceActionsSecret({
  github,
  secrets,
}: {
  github: GitHubOf;
  secrets: SecretStores;
}): Action<Input> {
  return {
    name,
    title: 'Replace a GitHub Actions secret',
    summary:
      'Puts a new value in the place of a secret of a repository, an environment or an organization, for Actions or Dependabot. The value goes from its store, or a generator, into a sealed box for GitHub inside one activity. Says where else a secret of this name is.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['replacedAt', 'copies'],
      properties: {
        replacedAt: { type: 'string', description: 'When GitHub says the secret was updated' },
        copies: {
          type: 'array',
          items: { type: 'string' },
          description: 'Where else there is a secret of this name: not replaced',
        },
        keptIn: {
          type: 'string',
          'x-secret': true,
          description: 'Name of the secret that holds the generated value',
        },
      },
      additionalProperties: false,
    },
    permissions: [
      { system: 'github', scope: 'metadata: read', why: 'find the repository or organization', verb: 'plan' },
      {
        system: 'github',
        scope: 'secrets: read',
        why: 'see the names of a repository’s secrets',
        verb: 'plan',
      },
      {
        system: 'github',
        scope: 'environments: read',
        why: 'see the names of environments’ secrets',
        verb: 'plan',
      },
      { system: 'github', scope: 'actions: read', why: 'list the environments', verb: 'plan' },
      {
        system: 'github',
        scope: 'dependabot_secrets: read',
        why: 'see the names of Dependabot’s secrets',
        verb: 'plan',
      },
      { system: 'github', scope: 'secrets: write', why: 'replace a repository’s secret', verb: 'apply' },
      {
        system: 'github',
        scope: 'environments: write',
        why: 'replace an environment’s secret',
        verb: 'apply',
      },
      {
        system: 'github',
        scope: 'organization_secrets: write',
        why: 'replace an organization’s secret',
        verb: 'apply',
      },
      {
        system: 'github',
        scope: 'dependabot_secrets: write',
        why: 'replace a secret of Dependabot’s',
        verb: 'apply',
      },
      {
        system: 'github',
        scope: 'organization_dependabot_secrets: write',
        why: 'replace an organization’s secret of Dependabot’s',
        verb: 'apply',
      },
      { system: 'github', scope: 'secrets: read', why: 'see when the secret was updated', verb: 'verify' },
      ...(secrets.permissions?.('read', 'apply') ?? []),
      ...(secrets.permissions?.('write', 'apply') ?? []),
    ],
    notCovered,
    timing: {
      planMs: 120_000,
      applyMs: 120_000,
      verifyMs: 60_000,
      undoMs: 10_000,
      heartbeatMs: 60_000,
      attempts: 5,
    },
    plan: (context, request) =>
      typed(() => plan(context, github(request.input.forge), secrets, request.input)),
    apply: (context, mandate) => typed(() => apply(context, github(mandate.input.forge), secrets, mandate)),
    verify: (context, mandate) => typed(() => verify(context, github(mandate.input.forge), mandate)),
    undo: cannotBeUndone('GitHub shows no value, so the old one could not be kept'),
  };
}

interface Found {
  place: SecretPlace;
  target: Target;
  shown: ShownSecret | undefined;
  /** `secret DEPLOY_TOKEN of repository acme/shop`. */
  words: string;
}

async function find(github: GitHub, wanted: Input, signal: AbortSignal): Promise<Found> {
  const { repository: repositoryWanted, organization: organizationWanted = '', environment } = wanted;
  const purpose = { for: wanted.for };
  let place: SecretPlace;
  let owner: { id: number; name: string };
  if (repositoryWanted === undefined) {
    owner = await readOrganization(github, organizationWanted, signal);
    place = { ...purpose, organization: owner.name };
  } else {
    const { id, fullName } = await readRepository(github, repositoryWanted, signal);
    owner = { id, name: fullName };
    place = { ...purpose, repository: fullName, ...(environment === undefined ? {} : { environment }) };
  }
  const secret = wanted.secret.toUpperCase();
  const kindOfOwner = repositoryWanted === undefined ? 'organization' : 'repository';
  const inEnvironment = environment === undefined ? '' : `/environments/${environment}`;
  const target: Target = {
    kind: 'Secret',
    cluster: forgePlace(github.forge),
    name: `${kindOfOwner}/${owner.name}${inEnvironment}/${wanted.for}/secrets/${secret}`,
    uid: `${kindOfOwner}/${owner.id}${inEnvironment}/${wanted.for}/${secret}`,
  };
  const shown = await readShown(github, place, secret, signal);
  return { place, target, shown, words: `secret ${secret} of ${wordsOfPlace(place)}` };
}

async function plan(
  context: ActionContext,
  github: GitHub,
  secrets: SecretStores,
  wanted: Input,
): Promise<Plan> {
  const { place, target, shown, words } = await find(github, wanted, context.signal);
  const copies = await findCopies(github, place, wanted.secret.toUpperCase(), context.signal);
  if (shown === undefined) throw noSuchSecret(wanted.secret, wordsOfPlace(place), copies.found);
  // The store is looked for now, and not when it is too late.
  const named = wanted.from ?? wanted.generate?.keepIn;
  if (named !== undefined) secrets(named);
  const authority: Authority = {
    action: name,
    targets: [target],
    rule: `replace ${words} by ${wordsOfValue(newValueOf(wanted))}; who may use it stays as it is`,
    caps: { secrets: 1 },
    undo: 'none',
    exact: exactOf(target, shown, wanted),
  };
  const base: z.infer<typeof baseSchema> = { updatedAt: shown.updated_at };
  return planned(
    context,
    {
      action: name,
      authority,
      facts: [factsOf(github.forge, target)],
      changes: [changeOf(target, wanted)],
      notCovered: [...notCovered, ...limitsOf(copies)],
      undo: { kind: 'none', text: 'GitHub shows no value: the old one cannot be put back.' },
      description: {
        title: `Replace ${words}`,
        ifApproved: [
          `Jobs that start from now on get ${wordsOfValue(newValueOf(wanted))}.`,
          'Jobs that have started keep the old value.',
        ],
        ifDenied: ['Jobs go on getting the value that leaked.'],
      },
    },
    base,
  );
}

async function apply(
  context: ActionContext,
  github: GitHub,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { incident, input: wanted, authority } = mandate;
  const { place, target, shown, words } = await find(github, wanted, context.signal);
  mustBeTarget(mandate, target);
  if (shown === undefined) throw drift(words, 'is gone');
  const exact = exactOf(target, shown, wanted);
  // Only whoever comes first can tell somebody else's write from this step's own.
  const { data } = await context.intend(`${name}: replace`, { exact });
  if (data['exact'] !== authority.exact)
    throw drift(words, 'was written, or its new value was named anew, since the plan');
  const value = await valueOf(context, secrets, newValueOf(wanted), incident);
  await context.beforeWrite(`${name}: replace`);
  // Sent again by whoever runs the step again: the same value twice is as once, and only so it is certain which one is there.
  await putSecret(github, place, shown, value, context.signal);
  await context.checkpoint(`${name}: replaced`);
  const now = await readShown(github, place, shown.name, context.signal);
  const copies = await findCopies(github, place, shown.name, context.signal);
  const keptIn = wanted.generate?.keepIn;
  return {
    changes: [changeOf(target, wanted)],
    already: 0,
    measures: { copies: copies.found.length },
    outputs: {
      replacedAt: now?.updated_at ?? '',
      copies: copies.found,
      ...(keptIn === undefined ? {} : { keptIn }),
    },
    artefacts: [],
    unavailable: copies.unknown.map((what) => ({
      what: `whether ${what} has a secret of this name`,
      why: 'the engine may not see it',
    })),
  };
}

async function verify(
  context: ActionContext,
  github: GitHub,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { updatedAt } = baseSchema.parse(
    JSON.parse(Buffer.from(await context.evidence.get(mandate.base)).toString('utf8')),
  );
  const { shown, target, words } = await find(github, mandate.input, context.signal);
  mustBeTarget(mandate, target);
  const claim = `GitHub has taken a new value for ${words} since the plan`;
  if (shown === undefined) {
    const detail = 'the secret is gone';
    return { state: 'absent', verdict: 'failed', claims: [{ claim, verdict: 'failed', detail }] };
  }
  const isNew = shown.updated_at > updatedAt;
  const detail = isNew
    ? `updated_at went from ${updatedAt} to ${shown.updated_at}; the value itself cannot be read back`
    : `updated_at is still ${updatedAt}: GitHub's times have whole seconds, or it was not replaced`;
  const verdict = isNew ? 'verified' : 'unverifiable';
  return { state: isNew ? 'in-place' : 'partial', verdict, claims: [{ claim, verdict, detail }] };
}

/** Bound: the place, the secret as it was last written, and where the value comes from. Never the value. */
function exactOf(
  target: Target,
  { updated_at }: ShownSecret,
  wanted: Input,
): NonNullable<Authority['exact']> {
  return digest({ secret: target.uid, updatedAt: updated_at, value: newValueOf(wanted) });
}

function changeOf({ kind, name: object, uid }: Target, wanted: Input): Change {
  return {
    verb: 'update',
    object: { apiVersion: 'github/v3', kind, name: object, uid },
    summary: `its value becomes ${wordsOfValue(newValueOf(wanted))}`,
  };
}

function limitsOf({ found, unknown }: Copies): Limit[] {
  const limits: Limit[] = [];
  if (found.length > 0)
    limits.push({
      code: 'same-name-elsewhere',
      text: 'A secret of this name is in other places too, perhaps with the same value: replace it there as well.',
      objects: found.slice(0, 20),
      count: found.length,
    });
  if (unknown.length > 0)
    limits.push({
      code: 'copies-unknown',
      text: 'The engine may not look there for a secret of this name.',
      objects: unknown.slice(0, 20),
      count: unknown.length,
    });
  return limits;
}
