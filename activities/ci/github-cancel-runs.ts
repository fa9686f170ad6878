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
  Verification,
} from '../../domain/action.ts';
import { digest } from '../../domain/json.ts';
import { typed } from '../failure.ts';
import { isServiceError } from '../service/errors.ts';
import type { GitHub } from './github/client.ts';
import { beyondAuthority, drift } from './github/failures.ts';
import type { GitHubOf } from './github/index.ts';
import { cannotBeUndone, planned } from './github/plans.ts';
import {
  factsOf,
  forgeName,
  mustBeTarget,
  readRepository,
  repositoryName,
  repositoryTarget,
  workflowName,
  type Repository,
} from './github/repositories.ts';
import { cancelRun, hasEnded, readUnended, type Run, type RunFilter } from './github/runs.ts';
import { within } from './github/waiting.ts';

const name = 'github.cancel-runs';

const input = z.strictObject({
  forge: forgeName,
  repository: repositoryName,
  workflow: workflowName.exactOptional(),
  branch: z.string().min(1).max(250).describe('Only runs of this branch').exactOptional(),
  actor: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_[\]-]{0,99}$/, 'must be the login of a user')
    .describe('Only runs that this user started')
    .exactOptional(),
  since: z.iso.datetime().describe('Only runs that were created at this time or later').exactOptional(),
  most: z.int().min(1).max(500).default(50).describe('Most runs to cancel'),
  forceAfterSeconds: z
    .int()
    .min(0)
    .max(600)
    .default(60)
    .describe('Runs that are not over after this time are cancelled by force'),
  endWithinSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(120)
    .describe('How long to wait for the end of those that were cancelled by force'),
});
type Input = z.infer<typeof input>;

const notCovered: Limit[] = [
  {
    code: 'done-already',
    text: 'What a run has done before it is cancelled stays: pushed images, releases, deployments.',
  },
  {
    code: 'new-runs',
    text: 'Runs that start later are not cancelled: disable the workflow first by github.disable-workflow.',
  },
  {
    code: 'self-hosted-runners',
    text: 'On a self-hosted runner, processes that a job has detached can outlive its run.',
  },
];

/** Ends the runs of GitHub Actions that hold a secret or do an attacker's work. */
export function cancelRuns({ github }: { github: GitHubOf }): Action<Input> {
  return {
    name,
    title: 'Cancel GitHub Actions runs',
    summary:
      'Cancels the runs of a repository that have not ended, narrowed by workflow, branch, user and time; by force after a while. Each is then read until it is over.',
    effect: 'irreversible',
    holds: false,
    input,
    outputs: {
      type: 'object',
      required: ['cancelled', 'runs', 'running'],
      properties: {
        cancelled: { type: 'integer', description: 'How many of the runs are over' },
        runs: { type: 'array', items: { type: 'integer' }, description: 'Their numbers' },
        running: {
          type: 'array',
          items: { type: 'integer' },
          description: 'Those of them that were not over in time',
        },
      },
      additionalProperties: false,
    },
    permissions: [
      { system: 'github', scope: 'metadata: read', why: 'find the repository', verb: 'plan' },
      { system: 'github', scope: 'actions: read', why: 'list the runs', verb: 'plan' },
      { system: 'github', scope: 'actions: write', why: 'cancel the runs', verb: 'apply' },
      { system: 'github', scope: 'actions: read', why: 'see that they are over', verb: 'verify' },
    ],
    notCovered,
    timing: {
      planMs: 60_000,
      applyMs: 1_500_000,
      verifyMs: 60_000,
      undoMs: 10_000,
      heartbeatMs: 60_000,
      attempts: 5,
    },
    plan: (context, request) => typed(() => plan(context, github(request.input.forge), request.input)),
    apply: (context, mandate) => typed(() => apply(context, github(mandate.input.forge), mandate)),
    verify: (context, mandate) => typed(() => verify(context, github(mandate.input.forge), mandate)),
    undo: cannotBeUndone('a cancelled run stays cancelled; a person can run it again'),
  };
}

async function plan(context: ActionContext, github: GitHub, wanted: Input): Promise<Plan> {
  const repository = await readRepository(github, wanted.repository, context.signal);
  const target = repositoryTarget(github.forge, repository);
  const found = await readUnended(github, repository, filterOf(wanted), wanted.most + 1, context.signal);
  const runs = found.slice(0, wanted.most);
  const rule = `cancel the runs of ${wordsOf(wanted)} that have not ended, at most ${wanted.most}`;
  const authority: Authority = {
    action: name,
    targets: [target],
    rule,
    caps: { runs: wanted.most },
    undo: 'none',
    exact: exactOf(repository, wanted),
  };
  return planned(
    context,
    {
      action: name,
      authority,
      facts: [factsOf(github.forge, target)],
      changes: runs.map((run) => changeOf(repository, run)),
      notCovered,
      undo: { kind: 'none', text: 'A cancelled run stays cancelled; a person can run it again.' },
      description: {
        title: `Cancel runs of ${wordsOf(wanted)}`,
        ifApproved: [
          `${runs.length} runs that have not ended are cancelled${found.length > runs.length ? ', of more' : ''}, and those that start until then, at most ${wanted.most} in all.`,
          'A deployment in the middle of its work is cut off.',
        ],
        ifDenied: ['The runs go on, with the secrets that they were given.'],
      },
    },
    { repository: repository.id, runs },
  );
}

async function apply(context: ActionContext, github: GitHub, mandate: Mandate<Input>): Promise<Applied> {
  const { input: wanted, authority } = mandate;
  const { signal } = context;
  const repository = await readRepository(github, wanted.repository, signal);
  mustBeTarget(mandate, repositoryTarget(github.forge, repository));
  if (authority.exact !== exactOf(repository, wanted))
    throw drift(wanted.repository, 'or the filter is not the one approved');
  const found = await readUnended(github, repository, filterOf(wanted), wanted.most + 1, signal);
  const now = found.slice(0, wanted.most);
  // Which runs this step is about outlives the worker: those that an earlier attempt ended are in no list any more.
  const { data } = await context.intend(`${name}: cancel`, { runs: now.map(({ id }) => id) });
  const first = z.array(z.number()).parse(data['runs']);
  const isOpen = new Set(now.map(({ id }) => id));
  const began = performance.now();

  const changes: Change[] = [];
  for (const run of now) {
    await context.beforeWrite(`${name}: cancel ${run.id}`);
    if (await cancelled(github, repository, run.id, false, signal)) changes.push(changeOf(repository, run));
    await context.checkpoint(`${name}: cancelled ${run.id}`);
  }
  // Whoever starts runs faster than people approve must not keep those within the cap alive.
  if (found.length > now.length)
    throw beyondAuthority(
      `${now.length} runs of ${wordsOf(wanted)} are cancelled, as approved, and there are more: approve the next ones, or raise \`most\``,
    );
  const all = [...new Set([...first, ...isOpen])].toSorted((a, b) => a - b);
  let running = await ended(context, github, repository, [...isOpen], wanted.forceAfterSeconds * 1_000);
  const forced = running.length;
  for (const id of running) {
    await context.beforeWrite(`${name}: force-cancel ${id}`);
    await cancelled(github, repository, id, true, signal);
    await context.checkpoint(`${name}: force-cancelled ${id}`);
  }
  if (running.length > 0)
    running = await ended(context, github, repository, running, wanted.endWithinSeconds * 1_000);
  return {
    changes,
    already: first.filter((id) => !isOpen.has(id)).length,
    measures: { runs: all.length, forced, endedMs: Math.round(performance.now() - began) },
    outputs: { cancelled: all.length - running.length, runs: all, running },
    artefacts: [],
    unavailable: running.map((id) => ({
      what: `the end of run ${id}`,
      why: 'it was still running when the time was over',
    })),
  };
}

async function verify(
  context: ActionContext,
  github: GitHub,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { input: wanted } = mandate;
  const repository = await readRepository(github, wanted.repository, context.signal);
  mustBeTarget(mandate, repositoryTarget(github.forge, repository));
  const open = await readUnended(github, repository, filterOf(wanted), wanted.most, context.signal);
  const done = open.length === 0;
  return {
    state: done ? 'in-place' : 'partial',
    verdict: done ? 'verified' : 'failed',
    claims: [
      {
        claim: `no run of ${wordsOf(wanted)} is queued or running`,
        verdict: done ? 'verified' : 'failed',
        detail: done
          ? 'GitHub lists none'
          : `GitHub lists ${open.length}, such as ${open[0]?.id ?? ''}: they go on, or have started since`,
      },
    ],
  };
}

/** False when it had ended by itself. */
async function cancelled(
  github: GitHub,
  repository: Repository,
  id: number,
  force: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await cancelRun(github, repository, id, force, signal);
    return true;
  } catch (error) {
    if (isServiceError(error, 'conflict', 'gone')) return false;
    throw error;
  }
}

/** Waits until runs are over. @returns those that are not */
async function ended(
  context: ActionContext,
  github: GitHub,
  repository: Repository,
  runs: readonly number[],
  withinMs: number,
): Promise<number[]> {
  let open = [...runs];
  await within(context, `${name}: waited`, withinMs, async () => {
    const still: number[] = [];
    for (const id of open) if (!(await isOver(github, repository, id, context.signal))) still.push(id);
    open = still;
    return open.length === 0 ? true : undefined;
  });
  return open;
}

/** A run that somebody has deleted is over too. */
async function isOver(
  github: GitHub,
  repository: Repository,
  id: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await hasEnded(github, repository, id, signal);
  } catch (error) {
    if (isServiceError(error, 'gone')) return true;
    throw error;
  }
}

/** The rule, and not the runs: an attacker who starts more of them must not void an approval. */
function exactOf(repository: Repository, wanted: Input): NonNullable<Authority['exact']> {
  return digest({ repository: repository.id, filter: filterOf(wanted), most: wanted.most });
}

function filterOf({ workflow, branch, actor, since }: Input): RunFilter {
  return {
    ...(workflow === undefined ? {} : { workflow }),
    ...(branch === undefined ? {} : { branch }),
    ...(actor === undefined ? {} : { actor }),
    ...(since === undefined ? {} : { since }),
  };
}

function wordsOf({ repository, workflow, branch, actor, since }: Input): string {
  const narrowed = [
    workflow === undefined ? '' : ` of workflow ${workflow}`,
    branch === undefined ? '' : ` on branch ${branch}`,
    actor === undefined ? '' : ` by ${actor}`,
    since === undefined ? '' : ` since ${since}`,
  ];
  return `${repository}${narrowed.join('')}`;
}

function changeOf(repository: Repository, run: Run): Change {
  return {
    verb: 'update',
    object: {
      apiVersion: 'github/v3',
      kind: 'WorkflowRun',
      name: `repository/${repository.fullName}/runs/${run.id}`,
      uid: String(run.id),
    },
    summary: `cancels ${run.path} on ${run.head_branch ?? 'no branch'}, started by ${run.actor?.login ?? 'nobody'} at ${run.created_at}`,
  };
}
