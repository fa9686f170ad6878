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
  Undone,
  Verification,
} from '../../domain/action.ts';
import { digest } from '../../domain/json.ts';
import { typed } from '../failure.ts';
import { forgePlace } from './forges.ts';
import type { GitHub } from './github/client.ts';
import { drift, targetGone } from './github/failures.ts';
import type { GitHubOf } from './github/index.ts';
import { planned } from './github/plans.ts';
import {
  factsOf,
  forgeName,
  mustBeTarget,
  readRepository,
  repositoryName,
  workflowName,
  type Repository,
} from './github/repositories.ts';
import { readWorkflow, switchWorkflow, type Workflow } from './github/workflows.ts';

const name = 'github.disable-workflow';
const disabled = 'disabled_manually';

const input = z.strictObject({ forge: forgeName, repository: repositoryName, workflow: workflowName });
type Input = z.infer<typeof input>;

/** What `undo` restores: the state as it was. */
const baseSchema = z.object({
  repository: z.number(),
  workflow: z.number(),
  path: z.string(),
  state: z.string(),
});

const notCovered: Limit[] = [
  {
    code: 'running-jobs',
    text: 'Runs that are queued or running go on, with the secrets they have: cancel them by github.cancel-runs.',
  },
  {
    code: 'other-workflows',
    text: 'Other workflows of the repository, and reusable copies of this one elsewhere, start as before.',
  },
  {
    code: 'writers-may-enable',
    text: 'Whoever may write Actions in the repository can enable it again; verification says so when somebody has.',
  },
];

/** Keeps a workflow of GitHub Actions from starting, until a person releases it. */
export function disableWorkflow({ github }: { github: GitHubOf }): Action<Input> {
  return {
    name,
    title: 'Disable a GitHub Actions workflow',
    summary:
      'Disables one workflow, so that no push, schedule or dispatch starts it. Runs that have started go on. The release enables it, if it was active before and nobody has enabled it meanwhile.',
    effect: 'contain',
    holds: true,
    input,
    outputs: {
      type: 'object',
      required: ['workflow', 'path', 'stateBefore'],
      properties: {
        workflow: { type: 'integer', description: 'Number of the workflow' },
        path: { type: 'string', description: 'Its file in the repository' },
        stateBefore: { type: 'string', description: 'Its state in the base snapshot, such as active' },
      },
      additionalProperties: false,
    },
    permissions: [
      { system: 'github', scope: 'metadata: read', why: 'find the repository', verb: 'plan' },
      { system: 'github', scope: 'actions: read', why: 'read the state of the workflow', verb: 'plan' },
      { system: 'github', scope: 'actions: write', why: 'disable the workflow', verb: 'apply' },
      { system: 'github', scope: 'actions: read', why: 'read the state of the workflow', verb: 'verify' },
      { system: 'github', scope: 'actions: write', why: 'enable the workflow', verb: 'undo' },
    ],
    notCovered,
    timing: {
      planMs: 60_000,
      applyMs: 60_000,
      verifyMs: 60_000,
      undoMs: 60_000,
      heartbeatMs: 40_000,
      attempts: 5,
    },
    plan: (context, request) => typed(() => plan(context, github(request.input.forge), request.input)),
    apply: (context, mandate) => typed(() => apply(context, github(mandate.input.forge), mandate)),
    verify: (context, mandate) => typed(() => verify(context, github(mandate.input.forge), mandate)),
    undo: (context, mandate) => typed(() => undo(context, github(mandate.input.forge), mandate)),
  };
}

interface Found {
  repository: Repository;
  workflow: Workflow;
  target: Target;
  /** `release.yml of acme/shop`. */
  words: string;
}

async function find(github: GitHub, wanted: Input, signal: AbortSignal): Promise<Found> {
  const repository = await readRepository(github, wanted.repository, signal);
  const workflow = await readWorkflow(github, repository, wanted.workflow, signal);
  const target: Target = {
    kind: 'Workflow',
    cluster: forgePlace(github.forge),
    name: `repository/${repository.fullName}/workflows/${workflow.path}`,
    uid: `${repository.id}/${workflow.id}`,
  };
  return { repository, workflow, target, words: `${workflow.path} of ${repository.fullName}` };
}

async function plan(context: ActionContext, github: GitHub, wanted: Input): Promise<Plan> {
  const { repository, workflow, target, words } = await find(github, wanted, context.signal);
  if (workflow.state === 'deleted') throw targetGone(`workflow ${words}`, 'is deleted: it starts no more');
  const isActive = workflow.state === 'active';
  const authority: Authority = {
    action: name,
    targets: [target],
    rule: 'disable this workflow; start, stop and change nothing else',
    caps: {},
    undo: 'restore',
  };
  const base: z.infer<typeof baseSchema> = {
    repository: repository.id,
    workflow: workflow.id,
    path: workflow.path,
    state: workflow.state,
  };
  return planned(
    context,
    {
      action: name,
      authority,
      facts: [factsOf(github.forge, target)],
      changes: isActive ? [changeOf(target, 'active', disabled)] : [],
      notCovered,
      undo: {
        kind: 'restore',
        text: isActive
          ? `${workflow.path} is enabled, unless somebody has enabled it meanwhile`
          : `${workflow.path} stays as it was found: ${workflow.state}`,
      },
      description: {
        title: `Disable workflow ${words}`,
        ifApproved: isActive
          ? [
              `Nothing starts ${words} any more: no push, schedule or dispatch.`,
              'Runs that have started go on.',
            ]
          : [`${words} is ${workflow.state} already: nothing changes.`],
        ifDenied: [`${words} starts whenever its triggers say.`],
      },
    },
    base,
  );
}

async function apply(context: ActionContext, github: GitHub, mandate: Mandate<Input>): Promise<Applied> {
  const base = await readBase(context, mandate);
  const { repository, workflow, target, words } = await find(github, mandate.input, context.signal);
  mustBeTarget(mandate, target);
  const isActive = workflow.state === 'active';
  if (isActive && base.state !== 'active')
    // Its release would leave it disabled: the base must be taken anew.
    throw drift(`workflow ${words}`, `was ${base.state} when it was planned, and is active now`);
  if (isActive) {
    await context.beforeWrite(`${name}: disable`);
    await switchWorkflow(github, repository, workflow, 'disable', context.signal);
    await context.checkpoint(`${name}: disabled`);
  }
  return {
    changes: isActive ? [changeOf(target, 'active', disabled)] : [],
    already: isActive ? 0 : 1,
    measures: {},
    outputs: { workflow: workflow.id, path: workflow.path, stateBefore: base.state },
    artefacts: [],
    byHand: `gh workflow enable ${workflow.id} --repo ${repository.fullName}`,
    unavailable: [],
  };
}

async function verify(
  context: ActionContext,
  github: GitHub,
  mandate: Mandate<Input>,
): Promise<Verification> {
  const { workflow, target, words } = await find(github, mandate.input, context.signal);
  mustBeTarget(mandate, target);
  const stands = workflow.state !== 'active';
  const verdict = stands ? 'verified' : 'failed';
  return {
    state: stands ? 'in-place' : 'absent',
    verdict,
    claims: [
      {
        claim: `workflow ${words} is disabled`,
        verdict,
        detail: stands ? `GitHub says ${workflow.state}` : 'GitHub says active: somebody has enabled it',
      },
    ],
  };
}

async function undo(context: ActionContext, github: GitHub, mandate: Mandate<Input>): Promise<Undone> {
  const base = await readBase(context, mandate);
  const { repository, workflow, target, words } = await find(github, mandate.input, context.signal);
  mustBeTarget(mandate, target);
  const nothing: Undone = { changes: [], already: 0, conflicts: [], notRestored: [], claims: [] };
  if (base.state !== 'active') {
    const detail = `it was ${base.state} before, and is ${workflow.state}`;
    return {
      ...nothing,
      already: 1,
      claims: [{ claim: `workflow ${words} is left as it is`, verdict: 'verified', detail }],
    };
  }
  // What this undo found at first tells our own enabling from somebody else's, whenever it runs again.
  const { data } = await context.intend(`${name}: enable`, { found: workflow.state });
  if (workflow.state !== disabled && data['found'] !== disabled) {
    const why = `it is ${workflow.state}: somebody else has changed it since it was disabled`;
    return { ...nothing, conflicts: [{ object: `workflow ${words}`, why }] };
  }
  const mustEnable = workflow.state === disabled;
  if (mustEnable) {
    await context.beforeWrite(`${name}: enable`);
    await switchWorkflow(github, repository, workflow, 'enable', context.signal);
    await context.checkpoint(`${name}: enabled`);
  }
  const { state } = await readWorkflow(github, repository, workflow.id, context.signal);
  return {
    ...nothing,
    changes: mustEnable ? [changeOf(target, disabled, 'active')] : [],
    already: mustEnable ? 0 : 1,
    claims: [
      {
        claim: `workflow ${words} is active as before`,
        verdict: state === 'active' ? 'verified' : 'failed',
        detail: `GitHub says ${state}`,
      },
    ],
  };
}

async function readBase(
  context: ActionContext,
  { base }: Mandate<Input>,
): Promise<z.infer<typeof baseSchema>> {
  return baseSchema.parse(JSON.parse(Buffer.from(await context.evidence.get(base)).toString('utf8')));
}

function changeOf({ kind, name: object, uid }: Target, from: string, to: string): Change {
  return {
    verb: 'update',
    object: { apiVersion: 'github/v3', kind, name: object, uid },
    before: digest({ state: from }),
    after: digest({ state: to }),
    summary: `state: ${from} → ${to}`,
  };
}
