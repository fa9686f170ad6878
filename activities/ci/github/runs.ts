import { z } from 'zod';
import type { GitHub } from './client.ts';
import { partsOf, type Repository } from './repositories.ts';

const run = z.object({
  id: z.number(),
  path: z.string(),
  status: z.string().nullable(),
  conclusion: z.string().nullable(),
  head_branch: z.string().nullable(),
  created_at: z.string(),
  actor: z.object({ login: z.string() }).nullish(),
});
export type Run = z.infer<typeof run>;

const pageOfRuns = z
  .object({ workflow_runs: z.array(run) })
  .transform((one) => ({ items: one.workflow_runs }));

/** The states of a run that has not ended: docs.github.com/rest/actions/workflow-runs, parameter `status`. */
const unended = ['in_progress', 'queued', 'waiting', 'pending', 'requested'] as const;

/** Which runs: all of the repository unless something narrows it. */
export interface RunFilter {
  workflow?: string | number;
  branch?: string;
  actor?: string;
  /** RFC 3339. */
  since?: string;
}

/** The runs that have not ended, oldest first, at most `most`. */
export async function readUnended(
  github: GitHub,
  repository: Repository,
  { workflow, branch, actor, since }: RunFilter,
  most: number,
  signal: AbortSignal,
): Promise<Run[]> {
  const found = new Map<number, Run>();
  for (const status of unended) {
    const parameters = {
      ...partsOf(repository),
      ...(workflow === undefined ? {} : { workflow_id: workflow }),
      ...(branch === undefined ? {} : { branch }),
      ...(actor === undefined ? {} : { actor }),
      ...(since === undefined ? {} : { created: `>=${since}` }),
      status,
    };
    const call = {
      route:
        workflow === undefined
          ? 'GET /repos/{owner}/{repo}/actions/runs'
          : 'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
      parameters,
      operation: `list the ${status} runs of ${repository.fullName}`,
      signal,
    };
    // A run that moves on between two of these lists is in both.
    for (const one of await github.list(pageOfRuns, call, most)) found.set(one.id, one);
  }
  return [...found.values()].toSorted((a, b) => a.id - b.id).slice(0, most);
}

/** Whether it is over. @throws ServiceError of class `gone` when it is deleted */
export async function hasEnded(
  github: GitHub,
  repository: Repository,
  id: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { data } = await github.call(run, {
    route: 'GET /repos/{owner}/{repo}/actions/runs/{run_id}',
    parameters: { ...partsOf(repository), run_id: id },
    operation: `read run ${id} of ${repository.fullName}`,
    signal,
  });
  return data.status === 'completed';
}

/** GitHub accepts it and does it later. @throws ServiceError of class `conflict` when the run has ended */
export async function cancelRun(
  github: GitHub,
  repository: Repository,
  id: number,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  await github.call(z.unknown(), {
    route: `POST /repos/{owner}/{repo}/actions/runs/{run_id}/${force ? 'force-cancel' : 'cancel'}`,
    parameters: { ...partsOf(repository), run_id: id },
    operation: `${force ? 'force-cancel' : 'cancel'} run ${id} of ${repository.fullName}`,
    signal,
  });
}
