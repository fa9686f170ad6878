import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Claim,
  Mandate,
  Plan,
  Verification,
} from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import { digest, type JsonObject } from '../../domain/json.ts';
import type { Secret, SecretStores } from '../../domain/secret.ts';
import { changeOf, isFor, limit, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import type { GitLabConfig } from './forges.ts';
import { onGitLab, type GitLabApi, type Variable } from './gitlab/api.ts';
import { drift, refused, targetGone, unfit } from './gitlab/failures.ts';
import { forge, needs, notBoth, ownerFields, ownerOf, targetOf } from './gitlab/input.ts';
import type { CiOptions } from './index.ts';

const name = 'gitlab.replace-variable';

const input = z
  .strictObject({
    forge,
    ...ownerFields,
    variable: z
      .string()
      .regex(/^\w{1,255}$/, 'must be the key of a variable')
      .describe('Key of the variable'),
    environment: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[\w*/.-]+$/, 'must be an environment scope such as * or production')
      .default('*')
      .describe('Environment scope of the variable'),
    from: secretName('Where the new value is kept'),
  })
  .refine(notBoth, 'name a project or a group, not both')
  .refine(({ project, group }) => project !== undefined || group !== undefined, 'name a project or a group');
type Input = z.infer<typeof input>;

/** docs.gitlab.com/ci/variables, mask a variable: expanded, and raw. */
const maskable = /^[a-zA-Z0-9_+=/@:.~-]{8,}$/;
const maskableRaw = /^\S{8,}$/;

const notCovered = [
  limit('running-jobs', 'Jobs that have begun keep the old value until they end: cancel them.'),
  limit(
    'other-copies',
    'Copies of the old value in other variables, in jobs’ logs and artefacts stay. Revoke it where it was issued: this replaces it only.',
  ),
];

function where(gitlab: GitLabConfig, asked: Input) {
  return targetOf(gitlab, ownerOf(asked), 'variable', `${asked.variable}/${asked.environment}`);
}

/** Puts a new value into a CI/CD variable that is there, and changes nothing else about it. */
export function gitlabReplaceVariable({ forges, secrets }: CiOptions): Action<Input> {
  return {
    name,
    title: 'Replace the value of a GitLab CI/CD variable',
    summary:
      'Puts the value of a secret into a variable of a project or a group. That it is masked, hidden, protected, raw, and for which environments, stays as it is.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['variable', 'masked', 'protected'],
      properties: {
        variable: { type: 'string', description: 'Key of the variable' },
        masked: { type: 'boolean', description: 'Whether jobs’ logs hide the value' },
        protected: { type: 'boolean', description: 'Whether only protected branches and tags get it' },
      },
      additionalProperties: false,
    },
    permissions: [
      ...needs(
        'api, as Maintainer of the project or Owner of the group',
        'reads the variable',
        'plan',
        'verify',
      ),
      ...needs('api, as Maintainer of the project or Owner of the group', 'replaces its value', 'apply'),
      ...(['plan', 'apply', 'verify'] as const).flatMap((verb) => secrets.permissions?.('read', verb) ?? []),
    ],
    notCovered,
    timing: serviceTiming,
    plan: (context, request) =>
      onGitLab(forges, context, request, (api, gitlab) => plan(context, api, gitlab, secrets, request)),
    apply: (context, mandate) =>
      onGitLab(forges, context, mandate, (api, gitlab) => apply(context, api, gitlab, secrets, mandate)),
    verify: (context, mandate) =>
      onGitLab(forges, context, mandate, (api) => verify(context, api, secrets, mandate)),
    undo: (_context, { input: { variable } }) =>
      Promise.resolve(
        nothingRestored(`the old value of ${variable} is not brought back: it leaked, and was not kept`),
      ),
  };
}

/** The new value. @throws FB3534 when there is none, or GitLab would not mask it */
async function valueFor(
  { signal }: ActionContext,
  secrets: SecretStores,
  incident: string,
  { from }: Input,
  { masked, raw }: Variable,
): Promise<Secret> {
  const { store, path } = secrets(from);
  const stored = await store.read(path, { signal, incident });
  if (stored === undefined) throw unfit(from, 'does not exist: have an earlier step store the new value');
  if (masked && !(raw ? maskableRaw : maskable).test(stored.value.reveal()))
    throw unfit(
      from,
      `cannot be masked, and the variable is: GitLab wants one line of at least 8 characters ${raw ? 'without spaces' : 'of A-Z a-z 0-9 _ + = / @ : . ~ -'}`,
    );
  return stored.value;
}

async function plan(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  { incident, input: asked }: { incident: string; input: Input },
): Promise<Plan> {
  const place = where(gitlab, asked);
  const variable = await api.variable(ownerOf(asked), asked.variable, asked.environment);
  if (variable === undefined) throw targetGone(place.name, `does not exist in ${place.cluster}`);
  await valueFor(context, secrets, incident, asked, variable);
  const exact = exactly(variable, asked);
  const flags = [
    variable.masked ? 'masked' : 'not masked',
    variable.protected ? 'protected' : 'not protected',
  ];
  return makePlan(context, {
    action: name,
    target: { ...place, uid: place.name },
    environment: gitlab.environment,
    supports: [],
    rule: `put the value of secret ${asked.from} into this variable, and change nothing else about it`,
    exact,
    undo: { kind: 'none', text: 'The old value is not kept.' },
    changes: [
      changeOf('update', 'Variable', place.name, `its value is replaced; it stays ${flags.join(' and ')}`),
    ],
    notCovered: [
      ...notCovered,
      ...(variable.masked
        ? []
        : [limit('not-masked', 'The variable is not masked: jobs that print it show it in their logs.')]),
      ...(variable.protected
        ? []
        : [
            limit(
              'not-protected',
              'Pipelines of every branch get it, also of branches that nobody reviewed.',
            ),
          ]),
    ],
    description: {
      title: `Replace ${place.name} in ${place.cluster}`,
      ifApproved: [`Jobs that start from now on get the value of secret ${asked.from}.`],
      ifDenied: ['Jobs go on getting the old value.'],
    },
    snapshot: { variable: exact },
  });
}

function exactly(variable: Variable, { from }: Input): JsonObject {
  const { value: _value, ...settings } = variable;
  return { ...settings, from };
}

/** The same value twice is once: a lost answer needs no more than the next attempt. */
async function apply(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { input: asked, authority, incident } = mandate;
  const owner = ownerOf(asked);
  const place = where(gitlab, asked);
  if (!isFor(mandate, name, place)) throw refused(`the authority is not for ${place.name}`);
  const began = performance.now();
  const variable = await api.variable(owner, asked.variable, asked.environment);
  if (variable === undefined) throw targetGone(place.name, `does not exist in ${place.cluster}`);
  if (digest(exactly(variable, asked)) !== authority.exact)
    throw drift(place.name, 'is not as it was approved: its settings were changed');
  const value = await valueFor(context, secrets, incident, asked, variable);
  const done = variable.value?.reveal() === value.reveal();
  if (!done) {
    await context.beforeWrite(`replace ${place.name}`);
    await api.setVariable(owner, asked.variable, asked.environment, value);
    await context.checkpoint(`replaced ${place.name}`);
  }
  return {
    changes: done ? [] : [changeOf('update', 'Variable', place.name, 'its value was replaced')],
    already: done ? 1 : 0,
    measures: { replacedMs: Math.round(performance.now() - began) },
    outputs: { variable: asked.variable, masked: variable.masked, protected: variable.protected },
    artefacts: [],
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  api: GitLabApi,
  secrets: SecretStores,
  { input: asked, authority, incident }: Mandate<Input>,
): Promise<Verification> {
  const { store, path } = secrets(asked.from);
  const [variable, stored] = await Promise.all([
    api.variable(ownerOf(asked), asked.variable, asked.environment),
    store.read(path, { signal: context.signal, incident }),
  ]);
  const claim = `variable ${asked.variable} has the value of secret ${asked.from}`;
  const same = variable?.value !== undefined && variable.value.reveal() === stored?.value.reveal();
  const kept = variable !== undefined && digest(exactly(variable, asked)) === authority.exact;
  const claims: Claim[] = [
    variable?.hidden === true
      ? {
          claim,
          verdict: 'unverifiable',
          detail: 'it is hidden: GitLab took the value, and shows it to nobody',
        }
      : {
          claim,
          verdict: same ? 'verified' : 'failed',
          detail: same
            ? 'read back and compared'
            : variable === undefined
              ? 'there is no such variable'
              : 'it has another value',
        },
    {
      claim: `variable ${asked.variable} is masked, protected and scoped as before`,
      verdict: kept ? 'verified' : 'failed',
      detail: kept ? 'read back and compared' : 'its settings are not those that were approved',
    },
  ];
  const verdict = worst(claims);
  return { state: verdict === 'failed' ? 'partial' : 'in-place', verdict, claims };
}
