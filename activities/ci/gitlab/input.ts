import { z } from 'zod';
import type { Target } from '../../../domain/action.ts';
import type { Permission, Verb } from '../../../domain/permission.ts';
import { limit } from '../../service/plan.ts';
import { forgePlace, type GitLabConfig } from '../forges.ts';
import type { Owner } from './api.ts';

const place = (what: string) =>
  z
    .string()
    .regex(
      /^(?:[1-9]\d{0,14}|[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)$/,
      `must be the number or the full path of a ${what}`,
    )
    .max(255)
    .describe(`Number or full path of the ${what}`);

export const forge = z.string().min(1).max(63).describe('Name of the GitLab as configured under forges');

/** Whose it is: at most one of them. */
export const ownerFields = {
  project: place('project').exactOptional(),
  group: place('group').exactOptional(),
};

export const tokenFields = {
  forge,
  ...ownerFields,
  token: z
    .int()
    .min(1)
    .describe('Number of the access token; one that is of no project or group is a personal one'),
};

export function notBoth({ project, group }: { project?: string; group?: string }): boolean {
  return project === undefined || group === undefined;
}

export function ownerOf({ project, group }: { project?: string; group?: string }): Owner {
  if (project !== undefined) return { kind: 'project', id: project };
  return group === undefined ? { kind: 'person' } : { kind: 'group', id: group };
}

/** A thing of a GitLab by what guardrails know it by: `project/acme/shop/token/42`, `runner/7`. */
export function targetOf(
  gitlab: GitLabConfig,
  owner: Owner,
  kind: 'token' | 'runner' | 'variable',
  name: string,
): Omit<Target, 'uid'> {
  const prefix = owner.kind === 'person' ? '' : `${owner.kind}/${owner.id}/`;
  return {
    kind: { token: 'AccessToken', runner: 'Runner', variable: 'Variable' }[kind],
    cluster: forgePlace(gitlab),
    name: `${prefix}${kind}/${name}`,
  };
}

export function needs(scope: string, why: string, ...verbs: Verb[]): Permission[] {
  return verbs.map((verb) => ({ system: 'gitlab', scope, why, verb }));
}

export const madeWithIt = limit(
  'made-with-it',
  'Tokens, keys, webhooks and members that were made with the token stay: look for them in the audit events.',
);
