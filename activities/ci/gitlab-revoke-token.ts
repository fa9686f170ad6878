import { z } from 'zod';
import type { Action, ActionContext, Mandate, Plan, Verification } from '../../domain/action.ts';
import { worst } from '../../domain/action.ts';
import { digest, type JsonObject } from '../../domain/json.ts';
import type { SecretStores } from '../../domain/secret.ts';
import { changeOf, isFor, limit, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import type { GitLabConfig } from './forges.ts';
import { onGitLab, type AccessToken, type GitLabApi } from './gitlab/api.ts';
import { drift, refused, targetGone } from './gitlab/failures.ts';
import { madeWithIt, needs, notBoth, ownerOf, targetOf, tokenFields } from './gitlab/input.ts';
import { refusedClaim } from './gitlab/refused-claim.ts';
import type { CiOptions } from './index.ts';

const name = 'gitlab.revoke-token';

const input = z
  .strictObject({
    ...tokenFields,
    secret: secretName(
      'Where its value is kept: with it the revocation is proven by a call that is refused',
    ).exactOptional(),
  })
  .refine(notBoth, 'name a project or a group, not both');
type Input = z.infer<typeof input>;

const notCovered = [
  limit(
    'running-jobs',
    'Jobs that began with the token go on until they call GitLab again; what was done with it is done.',
  ),
  madeWithIt,
];

/** Revokes an access token for good, without a replacement. */
export function gitlabRevokeToken({ forges, secrets }: CiOptions): Action<Input> {
  return {
    name,
    title: 'Revoke a GitLab access token',
    summary:
      'Revokes an access token of a project, a group or a person. Nothing takes its place: whoever needs one is given another by hand, or by `gitlab.rotate-token` instead of this.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['token'],
      properties: { token: { type: 'integer', description: 'Number of the token that is revoked' } },
      additionalProperties: false,
    },
    permissions: [
      ...needs(
        'api, as Maintainer of the project, Owner of the group, or the person (or an administrator)',
        'reads the token',
        'plan',
        'verify',
      ),
      ...needs(
        'api, as Maintainer of the project, Owner of the group, or the person (or an administrator)',
        'revokes the token',
        'apply',
      ),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered,
    timing: serviceTiming,
    plan: (context, request) =>
      onGitLab(forges, context, request, (api, gitlab) => plan(context, api, gitlab, request.input)),
    apply: (context, mandate) =>
      onGitLab(forges, context, mandate, (api, gitlab) => apply(context, api, gitlab, mandate)),
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
  asked: Input,
): Promise<Plan> {
  const owner = ownerOf(asked);
  const target = targetOf(gitlab, owner, 'token', String(asked.token));
  const [token, engine] = await Promise.all([api.token(owner, asked.token), api.self()]);
  if (token === undefined) throw targetGone(target.name, `does not exist in ${target.cluster}`);
  const what = `Token ${token.id} (${JSON.stringify(token.name)}, scopes ${token.scopes.join(', ')})`;
  const exact = exactly(token);
  return makePlan(context, {
    action: name,
    target: { ...target, uid: String(token.id) },
    environment: gitlab.environment,
    supports:
      engine?.id === token.id ? ['it is the token that Firebreak itself uses there: revoke it by hand'] : [],
    rule: 'revoke this token',
    exact,
    undo: { kind: 'none', text: 'GitLab revives no token: make a new one.' },
    changes: token.active
      ? [changeOf('update', 'AccessToken', target.name, `${what} is revoked`, String(token.id))]
      : [],
    notCovered,
    description: {
      title: `Revoke ${target.name} in ${target.cluster}`,
      ifApproved: [
        token.active
          ? `${what} stops working at once, and for good.`
          : `${what} is revoked or has expired already.`,
      ],
      ifDenied: ['Whoever has the token can go on using it.'],
    },
    snapshot: { token: exact, active: token.active },
  });
}

function exactly({ id, name: label, user_id: user, scopes }: AccessToken): JsonObject {
  return { id, name: label, user, scopes: scopes.toSorted() };
}

/** Revoking twice is revoking once: a lost answer needs no more than the next attempt. */
async function apply(context: ActionContext, api: GitLabApi, gitlab: GitLabConfig, mandate: Mandate<Input>) {
  const { input: asked, authority } = mandate;
  const owner = ownerOf(asked);
  const target = targetOf(gitlab, owner, 'token', String(asked.token));
  if (!isFor(mandate, name, target)) throw refused(`the authority is not for ${target.name}`);
  const began = performance.now();
  const token = await api.token(owner, asked.token);
  if (token === undefined) throw targetGone(target.name, `does not exist in ${target.cluster}`);
  if (digest(exactly(token)) !== authority.exact) throw drift(target.name, 'is not as it was approved');
  if (token.active) {
    await context.beforeWrite(`revoke token ${token.id}`);
    await api.revoke(owner, token.id);
    await context.checkpoint(`revoked token ${token.id}`);
  }
  return {
    changes: token.active
      ? [changeOf('update', 'AccessToken', target.name, 'revoked', String(token.id))]
      : [],
    already: token.active ? 0 : 1,
    measures: { revokedMs: Math.round(performance.now() - began) },
    outputs: { token: token.id },
    artefacts: [],
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  api: GitLabApi,
  secrets: SecretStores,
  { input: asked, incident }: Mandate<Input>,
): Promise<Verification> {
  const token = await api.token(ownerOf(asked), asked.token);
  if (token?.active === true) {
    const detail = 'GitLab says that it is active';
    const claim = { claim: `token ${asked.token} is refused`, verdict: 'failed', detail } as const;
    return { state: 'absent', verdict: 'failed', claims: [claim] };
  }
  const at = asked.secret === undefined ? undefined : secrets(asked.secret);
  const stored = await at?.store.read(at.path, { signal: context.signal, incident });
  const claims = [await refusedClaim(api, asked.token, stored?.value)];
  return { state: 'in-place', verdict: worst(claims), claims };
}
