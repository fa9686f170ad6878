import { z } from 'zod';
import type {
  Action,
  ActionContext,
  Applied,
  Authority,
  Claim,
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
import type { GitHub } from './github/client.ts';
import { drift } from './github/failures.ts';
import type { GitHubOf } from './github/index.ts';
import { cannotBeUndone, planned } from './github/plans.ts';
import { factsOf, forgeName } from './github/repositories.ts';
import { revoke, wayOf, ways, wayWords, type Way } from './github/revocation.ts';
import { secretInput } from './github/secret-input.ts';
import { kindNames, readToken, standingOf, type LeakedToken, type Standing } from './github/tokens.ts';
import { within } from './github/waiting.ts';

const name = 'github.revoke-token';

const input = z.strictObject({
  forge: forgeName,
  token: secretInput('Name of the secret that holds the leaked token'),
  proveWithinSeconds: z
    .int()
    .min(1)
    .max(1_800)
    .default(300)
    .describe('How long to wait for the proof that GitHub refuses the token'),
});
type Input = z.infer<typeof input>;

const notCovered: Limit[] = [
  {
    code: 'made-with-it',
    text: 'What was made with the token stays: SSH and deploy keys, other tokens, webhooks, Apps, collaborators, commits.',
  },
  {
    code: 'other-tokens',
    text: 'Other tokens of the same owner, and tokens that a refresh token can still make, are not looked for.',
  },
  {
    code: 'owner-is-told',
    text: 'GitHub tells the owner of a revoked token by mail: also when the account is the attacker’s.',
  },
];

const rateLimit: Limit = {
  code: 'rate-limit',
  text: 'GitHub takes 60 such requests an hour from one address, with everything else that is asked without a credential.',
};

/** Kills a token of GitHub's that leaked, and proves it. */
export function revokeToken({ github, secrets }: { github: GitHubOf; secrets: SecretStores }): Action<Input> {
  return {
    name,
    title: 'Revoke a leaked GitHub token',
    summary:
      'Revokes a token whoever owns it: hands it in to GitHub as exposed, or deletes it by the OAuth App it was issued to, or in its own name. Then asks GitHub as its holder until that is refused; else it says that the revocation is accepted, not proven.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['kind', 'way', 'tokenDigest', 'accepted', 'proven'],
      properties: {
        kind: { type: 'string', description: 'Prefix of the token: ghp, github_pat, gho, ghu, ghs or ghr' },
        way: { type: 'string', enum: [...ways], description: 'How it was revoked' },
        tokenDigest: { type: 'string', description: 'SHA-256 of the token, to find it in audit logs' },
        accepted: {
          type: 'boolean',
          description: 'GitHub took the revocation now; false when the token was refused before',
        },
        proven: { type: 'boolean', description: 'GitHub has answered 401 to the token' },
      },
      additionalProperties: false,
    },
    // Trying and handing in a token need none.
    permissions: [
      {
        system: 'github',
        scope: 'client secret of the OAuth App, where `oauth` is configured',
        why: 'delete a token that this App has issued',
        verb: 'apply',
      },
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('read', 'apply') ?? []),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered,
    timing: {
      planMs: 60_000,
      applyMs: 1_920_000,
      verifyMs: 120_000,
      undoMs: 10_000,
      heartbeatMs: 60_000,
      attempts: 5,
    },
    plan: (context, request) => typed(() => plan(context, github(request.input.forge), secrets, request)),
    apply: (context, mandate) => typed(() => apply(context, github(mandate.input.forge), secrets, mandate)),
    verify: (context, mandate) => typed(() => verify(context, github(mandate.input.forge), secrets, mandate)),
    undo: cannotBeUndone('GitHub cannot bring a revoked token back: make a new one'),
  };
}

async function plan(
  context: ActionContext,
  github: GitHub,
  secrets: SecretStores,
  { incident, input: wanted }: Pick<Mandate<Input>, 'incident' | 'input'>,
): Promise<Plan> {
  const { signal } = context;
  const token = await readToken(secrets, wanted.token, { signal, incident });
  const way = await wayOf(github, token, signal);
  const standing = await standingOf(github, token, signal);
  const owner = standing.is === 'let in' ? standing.owner : undefined;
  const target: Target = {
    kind: 'Token',
    cluster: forgePlace(github.forge),
    name: owner ?? `token/${token.digest.slice('sha256:'.length, 19)}`,
    uid: token.digest,
  };
  const what = `${kindNames[token.kind]} in the secret ${wanted.token}`;
  const authority: Authority = {
    action: name,
    targets: [target],
    rule: `revoke the ${what}: ${wayWords[way]}`,
    caps: { tokens: 1 },
    undo: 'none',
    exact: exactOf(github, token, way),
  };
  const limits = [...notCovered, ...(way === 'credentials' ? [rateLimit] : []), ...limitsOf(standing)];
  return planned(
    context,
    {
      action: name,
      authority,
      facts: [factsOf(github.forge, target, await supportsOf(github, token))],
      changes: [
        {
          verb: 'delete',
          object: { apiVersion: 'github/v3', kind: 'Token', name: target.name, uid: token.digest },
          before: token.digest,
          summary: `the ${kindNames[token.kind]} is ${wayWords[way]}`,
        },
      ],
      notCovered: limits,
      undo: { kind: 'none', text: 'A revoked token cannot be brought back: its owner makes a new one.' },
      description: {
        title: `Revoke a GitHub token of ${owner ?? 'an owner that is not known'}`,
        ifApproved: [
          `The ${what} stops working, for its owner too.`,
          'Whatever uses it fails until it has a new one.',
        ],
        ifDenied: [
          standing.is === 'refused'
            ? 'GitHub refuses the token already.'
            : 'Whoever has the token goes on using it.',
        ],
      },
    },
    { token: token.digest, kind: token.kind, way, standing: standing.is, owner: owner ?? null },
  );
}

async function apply(
  context: ActionContext,
  github: GitHub,
  secrets: SecretStores,
  { incident, input: wanted, authority }: Mandate<Input>,
): Promise<Applied> {
  const { signal } = context;
  const token = await readToken(secrets, wanted.token, { signal, incident });
  const way = approvedWay(github, token, authority);
  // Never the replacement that somebody has put there since.
  if (way === undefined)
    throw drift(`the secret ${wanted.token}`, 'holds another token than the one approved');
  const began = performance.now();
  const before = await standingOf(github, token, signal);
  const accepted = before.is !== 'refused';
  let left: number | undefined;
  if (accepted) {
    await context.beforeWrite(`${name}: revoke`);
    left = await revoke(github, token, way, signal);
    await context.checkpoint(`${name}: accepted`);
  }
  const { proven, last } = await prove(context, github, token, wanted.proveWithinSeconds * 1_000);
  const provenMs = Math.round(performance.now() - began);
  return {
    changes: accepted
      ? [
          {
            verb: 'delete',
            object: {
              apiVersion: 'github/v3',
              kind: 'Token',
              name: authority.targets[0]?.name ?? '',
              uid: token.digest,
            },
            before: token.digest,
            summary: `the ${kindNames[token.kind]} is ${wayWords[way]}`,
          },
        ]
      : [],
    already: accepted ? 0 : 1,
    measures: {
      ...(proven ? { provenMs } : { unprovenMs: provenMs }),
      ...(left === undefined ? {} : { revocationsLeftThisHour: left }),
    },
    outputs: { kind: token.kind, way, tokenDigest: token.digest, accepted, proven },
    artefacts: [],
    unavailable: proven ? [] : [{ what: 'the proof that GitHub refuses the token', why: last }],
  };
}

async function verify(
  context: ActionContext,
  github: GitHub,
  secrets: SecretStores,
  { incident, input: wanted, authority }: Mandate<Input>,
): Promise<Verification> {
  const claim = `GitHub refuses the token of ${authority.targets[0]?.name ?? 'the plan'}`;
  const token = await readToken(secrets, wanted.token, { signal: context.signal, incident });
  const way = approvedWay(github, token, authority);
  if (way === undefined) {
    const detail = `the secret ${wanted.token} holds another value now: the token cannot be tried again`;
    return verification('partial', { claim, verdict: 'unverifiable', detail });
  }
  // A short while: `apply` has waited for as long as was asked for.
  const { proven, tookMs, last } = await prove(
    context,
    github,
    token,
    Math.min(wanted.proveWithinSeconds, 15) * 1_000,
  );
  if (proven)
    return verification('in-place', {
      claim,
      verdict: 'verified',
      detail: `asked as its holder: 401, after ${tookMs} ms`,
    });
  if (way === 'credentials') {
    const detail = `accepted, not proven: GitHub took the revocation, and ${last}`;
    return verification('partial', { claim, verdict: 'unverifiable', detail });
  }
  return verification('absent', { claim, verdict: 'failed', detail: last });
}

function verification(state: Verification['state'], claim: Claim): Verification {
  return { state, verdict: claim.verdict, claims: [claim] };
}

/** Asks as the token's holder until that is refused. */
async function prove(
  context: ActionContext,
  github: GitHub,
  token: LeakedToken,
  withinMs: number,
): Promise<{ proven: boolean; tookMs: number; last: string }> {
  let last = '';
  const { value, tookMs } = await within(context, `${name}: tried the token`, withinMs, async () => {
    const standing = await standingOf(github, token, context.signal);
    if (standing.is === 'refused') return true;
    last = standing.is === 'let in' ? 'it still lets the token in' : standing.why;
    // No waiting makes a refresh token provable.
    return token.kind === 'ghr' ? false : undefined;
  });
  return { proven: value === true, tookMs, last };
}

/** What the approval is for: this token, by this way. Derived from the token alone, since the App knows a dead one no more. */
function approvedWay(github: GitHub, token: LeakedToken, { exact }: Authority): Way | undefined {
  return ways.find((way) => exactOf(github, token, way) === exact);
}

function exactOf({ forge }: GitHub, token: LeakedToken, way: Way): NonNullable<Authority['exact']> {
  return digest({ forge: forge.name, api: forge.apiUrl, token: token.digest, way });
}

async function supportsOf({ forge }: GitHub, { value }: LeakedToken): Promise<string[]> {
  if (!('token' in forge.auth)) return [];
  const own = await forge.auth.token();
  return own.reveal().trim() === value.reveal()
    ? [`Firebreak itself acts by this token: give forges.${forge.name}.auth another one first`]
    : [];
}

function limitsOf(standing: Standing): Limit[] {
  if (standing.is === 'refused')
    return [
      {
        code: 'refused-already',
        text: 'GitHub refuses the token already: it is dead, or it was never one of this GitHub’s.',
      },
    ];
  if (standing.is === 'unclear')
    return [{ code: 'not-provable-now', text: `Whether the token works is not known: ${standing.why}.` }];
  return [];
}
