import type { AwsPermission, Verb } from '../../../domain/permission.ts';

/** Who is contained is known only when a playbook runs, so no name can be given here; the engine's own and break-glass are denied beside these. */
export const users = 'arn:${partition}:iam::${account}:user/*';
export const roles = 'arn:${partition}:iam::${account}:role/*';

export function grant(verb: Verb, actions: string[], resources: string[], why: string): AwsPermission {
  return { system: 'aws', actions, resources, why, verb };
}
