import type { KnownInput } from '../../../domain/action.ts';
import type { AwsPermission, Verb } from '../../../domain/permission.ts';

/** Who is contained is known only when a playbook runs, so no name can be given here; the engine's own and break-glass are denied beside these. */
export const users = 'arn:${partition}:iam::${account}:user/*';
export const roles = 'arn:${partition}:iam::${account}:role/*';

export function grant(verb: Verb, actions: string[], resources: string[], why: string): AwsPermission {
  return { system: 'aws', actions, resources, why, verb };
}

/** A principal's ARNs when its name is known: in the root path, and in any other, for IAM's names are unique whatever their path. */
function principalArns(kind: 'user' | 'role', text: string): string[] {
  if (text.startsWith('arn:')) return [text];
  const name = text.slice(text.lastIndexOf('/') + 1);
  const base = kind === 'user' ? users : roles;
  return [base.replace(/\*$/, name), `${base}/${name}`];
}

/** `Action.narrow` of an action whose field names a user or a role: the other kind is not needed. */
export function narrowToPrincipal(field: string): (input: KnownInput) => { [resource: string]: string[] } {
  return ({ known }) => {
    const text = known[field];
    if (typeof text !== 'string') return {};
    const kind = /(^|:)role\//.test(text) ? 'role' : 'user';
    return {
      [users]: kind === 'user' ? principalArns('user', text) : [],
      [roles]: kind === 'role' ? principalArns('role', text) : [],
    };
  };
}

/** `Action.narrow` of an action whose field names a user. */
export function narrowToUser(field: string): (input: KnownInput) => { [resource: string]: string[] } {
  return ({ known }) => {
    const text = known[field];
    return typeof text === 'string' ? { [users]: principalArns('user', text) } : {};
  };
}
