import { z } from 'zod';
import type { GitHub } from './client.ts';
import { partsOf, type Repository } from './repositories.ts';

const answer = z.object({ id: z.number(), path: z.string(), state: z.string() });

/** A workflow of GitHub Actions. `state`: `active`, `disabled_manually`, `disabled_inactivity`, `disabled_fork`, `deleted`. */
export type Workflow = z.infer<typeof answer>;

/** @throws ServiceError of class `gone` when the repository has none of that name or number */
export async function readWorkflow(
  github: GitHub,
  repository: Repository,
  workflow: string | number,
  signal: AbortSignal,
): Promise<Workflow> {
  const { data } = await github.call(answer, {
    route: 'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}',
    parameters: { ...partsOf(repository), workflow_id: workflow },
    operation: `read workflow ${workflow} of ${repository.fullName}`,
    signal,
  });
  return data;
}

/** Twice is as once. */
export async function switchWorkflow(
  github: GitHub,
  repository: Repository,
  { id, path }: Workflow,
  to: 'enable' | 'disable',
  signal: AbortSignal,
): Promise<void> {
  await github.call(z.unknown(), {
    route: `PUT /repos/{owner}/{repo}/actions/workflows/{workflow_id}/${to}`,
    parameters: { ...partsOf(repository), workflow_id: id },
    operation: `${to} workflow ${path} of ${repository.fullName}`,
    signal,
  });
}
