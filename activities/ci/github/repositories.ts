import { z } from 'zod';
import type { Mandate, Target, TargetFacts } from '../../../domain/action.ts';
import { forgePlace, type GitHubConfig } from '../forges.ts';
import type { GitHub } from './client.ts';
import { targetGone } from './failures.ts';

/** `owner/name` by GitHub's rules for names. */
export const repositoryName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\/(?!\.\.?$)[A-Za-z0-9._-]{1,100}$/, 'must be owner/name')
  .describe('Repository, as owner/name');

export const organizationName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/, 'must be the login of an organization')
  .describe('Organization, by its login');

export const forgeName = z.string().min(1).max(63).describe('Name of the GitHub as configured in `forges`');

/** A file name in .github/workflows, or the number that GitHub knows the workflow by. */
export const workflowName = z
  .union([
    z.int().min(1),
    z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._ -]{0,200}\.ya?ml$/, 'must be a file name such as release.yml'),
  ])
  .describe('Workflow: its file name, such as release.yml, or its number');

export interface Repository {
  id: number;
  /** As GitHub has it now: a renamed repository answers to its old name too. */
  fullName: string;
  owner: string;
  name: string;
}

const answer = z.object({ id: z.number(), full_name: z.string() });

/** @throws ServiceError of class `gone` when there is none that the engine's identity may see */
export async function readRepository(github: GitHub, name: string, signal: AbortSignal): Promise<Repository> {
  const [owner = '', repo = ''] = name.split('/');
  const { data } = await github.call(answer, {
    route: 'GET /repos/{owner}/{repo}',
    parameters: { owner, repo },
    operation: `read repository ${name}`,
    signal,
  });
  const [ownerNow = '', nameNow = ''] = data.full_name.split('/');
  return { id: data.id, fullName: data.full_name, owner: ownerNow, name: nameNow };
}

/** Parameters of a route under `/repos/{owner}/{repo}`. */
export function partsOf({ owner, name }: Repository): { owner: string; repo: string } {
  return { owner, repo: name };
}

export function repositoryTarget(forge: GitHubConfig, { id, fullName }: Repository): Target {
  return { kind: 'Repository', cluster: forgePlace(forge), name: `repository/${fullName}`, uid: String(id) };
}

export function factsOf(forge: GitHubConfig, target: Target, supports: string[] = []): TargetFacts {
  return {
    cluster: forgePlace(forge),
    namespace: '',
    principal: target.name,
    supports,
    pods: 0,
    environment: forge.environment,
  };
}

/** A namesake that was made since the plan is another repository. */
export function mustBeTarget<I>({ authority }: Pick<Mandate<I>, 'authority'>, target: Target): void {
  if (!authority.targets.some(({ uid, cluster }) => uid === target.uid && cluster === target.cluster))
    throw targetGone(target.name, 'is not the one that was planned for: it has another number');
}
