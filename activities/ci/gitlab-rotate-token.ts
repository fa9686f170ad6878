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
import type { SecretStores } from '../../domain/secret.ts';
import { baseOf } from '../service/base.ts';
import { changeOf, isFor, limit, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import type { CiOptions } from './index.ts';
import type { GitLabConfig } from './forges.ts';
import { onGitLab, type AccessToken, type GitLabApi } from './gitlab/api.ts';
import { drift, refused, targetGone } from './gitlab/failures.ts';
import { madeWithIt, needs, notBoth, ownerOf, targetOf, tokenFields } from './gitlab/input.ts';
import { refusedClaim } from './gitlab/refused-claim.ts';
import { rotateAndStore } from './gitlab/rotation.ts';

const name = 'gitlab.rotate-token';

const input = z
  .strictObject({
    ...tokenFields,
    secret: secretName('Where the token is kept, and its replacement will be'),
  })
  .refine(notBoth, 'name a project or a group, not both');
type Input = z.infer<typeof input>;

const notCovered = [
  limit(
    'running-jobs',
    'Jobs and sessions that began with the old value go on until they call GitLab again; what was done with it is done.',
  ),
  limit(
    'copies',
    'Copies of the old value elsewhere are dead, but their owners are not told: they must read the secret again.',
  ),
  madeWithIt,
];

/** Replaces an access token of a person, a project or a group, and stores its successor. */
export function gitlabRotateToken({ forges, secrets }: CiOptions): Action<Input> {
  return {
    name,
    title: 'Rotate a GitLab access token',
    summary:
      'Has GitLab revoke an access token of a project, a group or a person and make its successor, with the same name, scopes, role and lifetime, and stores the value. The call is sent once ' +
      'for a token, since a second one would revoke the successor too; an answer that was lost is made up for by rotating the successor, whose value nobody has.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['token', 'secret', 'expiresAt'],
      properties: {
        token: { type: 'integer', description: 'Number of the new token' },
        secret: { type: 'string', 'x-secret': true, description: 'Name of the secret that holds it' },
        expiresAt: { type: 'string', description: 'Day on which it expires; empty: never' },
      },
      additionalProperties: false,
    },
    permissions: [
      ...needs(
        'api, as Maintainer of the project, Owner of the group, or the person (or an administrator)',
        'reads the token, and the others of its owner, to know what became of a rotation',
        'plan',
        'apply',
        'verify',
      ),
      ...(secrets.permissions?.('write', 'apply') ?? []),
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered,
    timing: { ...serviceTiming, applyMs: 240_000, heartbeatMs: 60_000 },
    plan: (context, request) =>
      onGitLab(forges, context, request, (api, gitlab) => plan(context, api, gitlab, secrets, request)),
    apply: (context, mandate) =>
      onGitLab(forges, context, mandate, (api, gitlab) => apply(context, api, gitlab, secrets, mandate)),
    verify: (context, mandate) =>
      onGitLab(forges, context, mandate, (api) => verify(context, api, secrets, mandate)),
    undo: (_context, { input: { token } }) =>
      Promise.resolve(nothingRestored(`token ${token} is revoked: GitLab revives no token`)),
  };
}

async function plan(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  { incident, input: asked }: { incident: string; input: Input },
): Promise<Plan> {
  const owner = ownerOf(asked);
  const target = targetOf(gitlab, owner, 'token', String(asked.token));
  const { store, path } = secrets(asked.secret);
  const [token, engine, stored] = await Promise.all([
    api.token(owner, asked.token),
    api.self(),
    store.read(path, { signal: context.signal, incident }),
  ]);
  if (token === undefined) throw targetGone(target.name, `does not exist in ${target.cluster}`);
  if (!token.active) throw targetGone(target.name, 'is revoked or has expired: there is nothing to rotate');
  const holder = stored === undefined ? undefined : await api.self(stored.value);
  const holds = stored === undefined ? 'nothing' : holder?.id === token.id ? 'it' : 'another value';
  const exact = exactly(token, asked);
  return makePlan(context, {
    action: name,
    target: { ...target, uid: String(token.id) },
    environment: gitlab.environment,
    supports:
      engine?.id === token.id ? ['it is the token that Firebreak itself uses there: rotate it by hand'] : [],
    rule: `rotate this token once, and store its replacement as ${asked.secret}; replace a replacement whose value was lost`,
    exact,
    undo: { kind: 'none', text: 'A rotation cannot be undone: the old value stays dead.' },
    changes: [
      changeOf('update', 'AccessToken', target.name, `${described(token)} is revoked`, String(token.id)),
      changeOf(
        'create',
        'AccessToken',
        target.name,
        'its replacement, with the same name, scopes, role and lifetime',
      ),
      changeOf(
        stored === undefined ? 'create' : 'update',
        'Secret',
        asked.secret,
        'holds the value of the replacement',
      ),
    ],
    notCovered: [
      ...notCovered,
      ...(holds === 'another value'
        ? [
            limit(
              'stored-value-differs',
              `What is stored as ${asked.secret} is not this token: it is replaced all the same, and the old token cannot be proven dead by use.`,
            ),
          ]
        : []),
    ],
    description: {
      title: `Rotate ${target.name} in ${target.cluster}`,
      ifApproved: [
        `${described(token)} stops working at once, wherever it is used.`,
        `Its replacement is stored as ${store.describe(path)}.`,
      ],
      ifDenied: ['Whoever has the token can go on using it.'],
    },
    snapshot: { token: exact, holds },
  });
}

/** What a rotation leaves as it is: the token that was approved is known by it. */
function exactly(token: AccessToken, { secret }: Input): JsonObject {
  const { id, name: label, user_id: user, scopes, access_level: level } = token;
  return { id, name: label, user, scopes: scopes.toSorted(), level: level ?? 0, secret };
}

function described({ name: label, id, scopes }: AccessToken): string {
  return `Token ${id} (${JSON.stringify(label)}, scopes ${scopes.join(', ')})`;
}

async function apply(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { input: asked, authority, incident } = mandate;
  const owner = ownerOf(asked);
  const target = targetOf(gitlab, owner, 'token', String(asked.token));
  if (!isFor(mandate, name, target)) throw refused(`the authority is not for ${target.name}`);
  const began = performance.now();
  const token = await api.token(owner, asked.token);
  if (token === undefined) throw targetGone(target.name, `does not exist in ${target.cluster}`);
  if (digest(exactly(token, asked)) !== authority.exact)
    throw drift(target.name, 'is not as it was approved');
  const { store, path } = secrets(asked.secret);
  const work = { api, context, incident, owner, store, path, secret: asked.secret };
  const rotated = await rotateAndStore(work, token);
  return {
    changes: rotated.already
      ? []
      : [
          changeOf('update', 'AccessToken', target.name, 'revoked', String(token.id)),
          ...rotated.lost.map((id) =>
            changeOf(
              'update',
              'AccessToken',
              target.name,
              'a replacement whose value was lost: revoked',
              String(id),
            ),
          ),
          changeOf('create', 'AccessToken', target.name, 'the replacement', String(rotated.token.id)),
          changeOf('update', 'Secret', asked.secret, 'holds the value of the replacement'),
        ],
    already: rotated.already ? 1 : 0,
    measures: { rotatedMs: Math.round(performance.now() - began), lostAnswers: rotated.lost.length },
    outputs: { token: rotated.token.id, secret: asked.secret, expiresAt: rotated.token.expires_at ?? '' },
    artefacts: [],
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  api: GitLabApi,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { input: asked, incident } = mandate;
  const owner = ownerOf(asked);
  const { store, path } = secrets(asked.secret);
  const call = { signal: context.signal, incident };
  const [base, old, stored, previous] = await Promise.all([
    baseOf(context, mandate),
    api.token(owner, asked.token),
    store.read(path, call),
    store.previous(path, call),
  ]);
  const value = base['holds'] === 'it' ? previous : undefined;
  const ended = old === undefined || !old.active;
  const refusal = ended ? await refusedClaim(api, asked.token, value) : undefined;
  const holder = stored === undefined ? undefined : await api.self(stored.value);
  const fits =
    holder !== undefined && holder.active && holder.id !== asked.token && holder.user_id === old?.user_id;
  const relatives =
    old === undefined ? [] : (await api.relatives(owner, old)).filter(({ id }) => id > old.id);
  const claims: Claim[] = [
    refusal ?? {
      claim: `token ${asked.token} is refused`,
      verdict: 'failed',
      detail: 'GitLab says that it is active',
    },
    {
      claim: `what is stored as ${asked.secret} is accepted`,
      verdict: fits ? 'verified' : 'failed',
      detail: fits
        ? `GitLab takes it for token ${holder.id} of the same user`
        : stored === undefined
          ? 'nothing is stored'
          : holder === undefined
            ? 'GitLab answers 401'
            : `GitLab takes it for token ${holder.id}, which is not its replacement`,
    },
    onlyOne(relatives, holder),
  ];
  const state = !ended
    ? 'absent'
    : claims.some(({ verdict }) => verdict === 'failed')
      ? 'partial'
      : 'in-place';
  return { state, verdict: worst(claims), claims };
}

function onlyOne(relatives: readonly AccessToken[], holder: AccessToken | undefined): Claim {
  const others = relatives.filter(({ id }) => id !== holder?.id);
  const claim = 'no other replacement is active';
  return others.length === 0
    ? { claim, verdict: 'evaluated', detail: "computed from the list of its owner's tokens" }
    : {
        claim,
        verdict: 'unverifiable',
        detail: `newer tokens of the same owner are active: ${others.map(({ id }) => id).join(', ')}; revoke those that nobody knows`,
      };
}
