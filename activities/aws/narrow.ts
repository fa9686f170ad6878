import type { AwsPermission } from '../../domain/permission.ts';
import { covers } from './arn-pattern.ts';
import { filled, type PolicyDocument, type PolicyPlace } from './policy.ts';

/**
 * The same permissions on what is managed: a resource with a wildcard gives way to the managed patterns that lie within it. Where none does it stays, for the
 * action could not be carried out at all without it.
 * @param managed ARNs that may hold `*`, as an account's configuration has them
 */
export function narrowToManaged(
  permissions: readonly AwsPermission[],
  place: PolicyPlace,
  managed: readonly string[],
): AwsPermission[] {
  return permissions.map((permission) => {
    const resources = permission.resources.flatMap((resource) => {
      const whole = filled(resource, place);
      if (whole === '*' || !whole.includes('*')) return [whole];
      const within = managed.filter((pattern) => covers(whole, pattern));
      return within.length === 0 ? [whole] : within;
    });
    return { ...permission, resources: [...new Set(resources)] };
  });
}

/** A resource with a wildcard that stays, and why. */
export interface Wildcard {
  resource: string;
  actions: string[];
  why: string;
}

/** The wildcards that a policy has and that nobody chose: those of managed patterns are left out. */
export function wildcardsOf(
  { Statement }: PolicyDocument,
  managed: readonly string[],
  field: string,
): Wildcard[] {
  const found: Wildcard[] = [];
  for (const { Action, Resource } of Statement) {
    for (const resource of Resource) {
      if (!resource.includes('*') || managed.includes(resource)) continue;
      found.push({ resource, actions: Action, why: reasonFor(resource, field) });
    }
  }
  return found;
}

function reasonFor(resource: string, field: string): string {
  if (resource === '*') return 'AWS knows no narrower resource for these actions';
  if (/:user\/\*\/|:role\/\*\//.test(resource))
    return 'the name is known, its path is not: write its ARN in the playbook';
  if (/:function:[^*]+:\*$/.test(resource)) return 'the versions and aliases of one function';
  if (resource.includes(':secret:'))
    return 'the secrets of a store, by the prefix of its configuration and the six characters that AWS adds';
  if (resource.includes(':event-source-mapping:'))
    return 'Lambda makes their ids up, and they change with each deployment';
  return `which one is meant is known only when a playbook runs: write its name in the playbook, or patterns in ${field}`;
}
