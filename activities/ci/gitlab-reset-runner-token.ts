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
import { FirebreakError } from '../../domain/errors.ts';
import type { Secret, SecretStore, SecretStores } from '../../domain/secret.ts';
import { baseOf } from '../service/base.ts';
import { changeOf, isFor, limit, makePlan, nothingRestored } from '../service/plan.ts';
import { secretName } from '../service/secret-name.ts';
import { serviceTiming } from '../service/timing.ts';
import type { GitLabConfig } from './forges.ts';
import { onGitLab, type GitLabApi, type Runner } from './gitlab/api.ts';
import { drift, refused, targetGone } from './gitlab/failures.ts';
import { forge, needs, targetOf } from './gitlab/input.ts';
import type { CiOptions } from './index.ts';

const name = 'gitlab.reset-runner-token';

const input = z.strictObject({
  forge,
  runner: z.int().min(1).describe('Number of the runner'),
  secret: secretName("Where the runner's token is kept, and the new one will be"),
});
type Input = z.infer<typeof input>;

const notCovered = [
  limit(
    'running-jobs',
    'Jobs that the runner has begun go on: each has a token of its own that lives as long as it.',
  ),
  limit(
    'runner-machine',
    'Whoever took the token from the machine of the runner may still be on that machine.',
  ),
  limit(
    'runner-configuration',
    'The runner gets no jobs until its config.toml has the new token: Firebreak stores it, and does not reach the machine.',
  ),
];

const target = (gitlab: GitLabConfig, { runner }: Input) =>
  targetOf(gitlab, { kind: 'person' }, 'runner', String(runner));

/** Replaces the token by which a runner asks for jobs. */
export function gitlabResetRunnerToken({ forges, secrets }: CiOptions): Action<Input> {
  return {
    name,
    title: "Reset a GitLab runner's token",
    summary:
      'Has GitLab replace the authentication token of a runner, and stores the new one. The old one is refused at once. An answer that was lost is made up for by another reset: no runner has the value that is replaced then.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['runner', 'secret'],
      properties: {
        runner: { type: 'integer', description: 'Number of the runner' },
        secret: { type: 'string', 'x-secret': true, description: 'Name of the secret that holds its token' },
      },
      additionalProperties: false,
    },
    permissions: [
      ...needs(
        'api or manage_runner, as Maintainer of a project of the runner, Owner of its group, or administrator',
        'reads the runner',
        'plan',
        'verify',
      ),
      ...needs(
        'api or manage_runner, as Maintainer of a project of the runner, Owner of its group, or administrator',
        'resets its token',
        'apply',
      ),
      ...(secrets.permissions?.('read', 'plan') ?? []),
      ...(secrets.permissions?.('write', 'apply') ?? []),
      ...(secrets.permissions?.('read', 'verify') ?? []),
    ],
    notCovered,
    timing: serviceTiming,
    plan: (context, request) =>
      onGitLab(forges, context, request, (api, gitlab) => plan(context, api, gitlab, secrets, request)),
    apply: (context, mandate) =>
      onGitLab(forges, context, mandate, (api, gitlab) => apply(context, api, gitlab, secrets, mandate)),
    verify: (context, mandate) =>
      onGitLab(forges, context, mandate, (api) => verify(context, api, secrets, mandate)),
    undo: (_context, { input: { runner } }) =>
      Promise.resolve(
        nothingRestored(`the old token of runner ${runner} is dead: GitLab does not bring it back`),
      ),
  };
}

async function plan(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  { incident, input: asked }: { incident: string; input: Input },
): Promise<Plan> {
  const place = target(gitlab, asked);
  const { store, path } = secrets(asked.secret);
  const [runner, stored] = await Promise.all([
    api.runner(asked.runner),
    store.read(path, { signal: context.signal, incident }),
  ]);
  if (runner === undefined) throw targetGone(place.name, `does not exist in ${place.cluster}`);
  const holds =
    stored !== undefined && (await api.runnerOf(stored.value)) === runner.id ? 'it' : 'nothing of it';
  const exact = exactly(runner, asked);
  return makePlan(context, {
    action: name,
    target: { ...place, uid: String(runner.id) },
    environment: gitlab.environment,
    supports: [],
    rule: `reset the token of this runner, and store it as ${asked.secret}`,
    exact,
    undo: { kind: 'none', text: 'The old token stays dead.' },
    changes: [
      changeOf('update', 'Runner', place.name, 'its token is replaced', String(runner.id)),
      changeOf(stored === undefined ? 'create' : 'update', 'Secret', asked.secret, 'holds the new token'),
    ],
    notCovered,
    description: {
      title: `Reset the token of ${place.name} in ${place.cluster}`,
      ifApproved: [
        `Runner ${runner.id} (${JSON.stringify(runner.description ?? '')}, ${runner.runner_type}) gets no jobs until it has the new token.`,
        `The new token is stored as ${store.describe(path)}.`,
      ],
      ifDenied: ['Whoever has the token can take jobs, and with them the secrets of the pipelines.'],
    },
    snapshot: { runner: exact, holds },
  });
}

function exactly({ id, runner_type: type }: Runner, { secret }: Input): JsonObject {
  return { id, type, secret };
}

async function apply(
  context: ActionContext,
  api: GitLabApi,
  gitlab: GitLabConfig,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Applied> {
  const { input: asked, authority, incident } = mandate;
  const place = target(gitlab, asked);
  if (!isFor(mandate, name, place)) throw refused(`the authority is not for ${place.name}`);
  const began = performance.now();
  const runner = await api.runner(asked.runner);
  if (runner === undefined) throw targetGone(place.name, `does not exist in ${place.cluster}`);
  if (digest(exactly(runner, asked)) !== authority.exact)
    throw drift(place.name, 'is not as it was approved');
  const { store, path } = secrets(asked.secret);
  const call = { signal: context.signal, incident };
  const stored = await store.read(path, call);
  const { data } = await context.intend(`reset runner ${runner.id}`, { version: stored?.version ?? '' });
  const written = stored !== undefined && stored.version !== data['version'];
  const done = written && (await api.runnerOf(stored.value)) === runner.id;
  if (!done) {
    await context.beforeWrite(`reset the token of runner ${runner.id}`);
    const value = await api.resetRunner(runner.id);
    // No boundary between the answer and the store: whatever ended the activity there would lose the value.
    await keep({ api, store, path, call, runner: runner.id }, value, stored?.version, !written);
    await context.checkpoint(`stored ${asked.secret}`);
  }
  return {
    changes: done
      ? []
      : [
          changeOf('update', 'Runner', place.name, 'its token was replaced', String(runner.id)),
          changeOf('update', 'Secret', asked.secret, 'holds the new token'),
        ],
    already: done ? 1 : 0,
    measures: { resetMs: Math.round(performance.now() - began) },
    outputs: { runner: runner.id, secret: asked.secret },
    artefacts: [],
    unavailable: [],
  };
}

/** Stores the token. Of two workers whose resets crossed, the value of the later one is the runner's: it wins, whoever writes first. */
async function keep(
  {
    api,
    store,
    path,
    call,
    runner,
  }: {
    api: GitLabApi;
    store: SecretStore;
    path: string;
    call: { signal: AbortSignal; incident: string };
    runner: number;
  },
  value: Secret,
  version: string | undefined,
  keepPrevious: boolean,
): Promise<void> {
  try {
    await store.write(path, value, { ...call, ...(version === undefined ? {} : { version }), keepPrevious });
  } catch (error) {
    if (!(error instanceof FirebreakError) || error.code !== 'FB3402') throw error;
    const [theirs, isOurs] = await Promise.all([store.read(path, call), api.runnerOf(value)]);
    if (theirs !== undefined && (await api.runnerOf(theirs.value)) === runner) return;
    if (isOurs !== runner || theirs === undefined) throw error;
    await store.write(path, value, { ...call, version: theirs.version });
  }
}

async function verify(
  context: ActionContext,
  api: GitLabApi,
  secrets: SecretStores,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { input: asked, incident } = mandate;
  const { store, path } = secrets(asked.secret);
  const call = { signal: context.signal, incident };
  const [base, stored, previous] = await Promise.all([
    baseOf(context, mandate),
    store.read(path, call),
    store.previous(path, call),
  ]);
  const accepted = stored !== undefined && (await api.runnerOf(stored.value)) === asked.runner;
  const old = base['holds'] === 'it' ? previous : undefined;
  const oldWorks = old === undefined ? undefined : (await api.runnerOf(old)) !== undefined;
  const oldClaim = 'the old token of the runner is refused';
  const claims: Claim[] = [
    {
      claim: `what is stored as ${asked.secret} is accepted`,
      verdict: accepted ? 'verified' : 'failed',
      detail: accepted
        ? `GitLab takes it for runner ${asked.runner}`
        : 'GitLab does not take it for this runner',
    },
    oldWorks === undefined
      ? {
          claim: oldClaim,
          verdict: 'unverifiable',
          detail: 'its value is not known, so it was not tried; GitLab keeps one token for each runner',
        }
      : oldWorks
        ? { claim: oldClaim, verdict: 'failed', detail: 'GitLab accepts it' }
        : { claim: oldClaim, verdict: 'verified', detail: 'GitLab answers 403' },
  ];
  return {
    state: accepted ? 'in-place' : oldWorks === true ? 'absent' : 'partial',
    verdict: worst(claims),
    claims,
  };
}
