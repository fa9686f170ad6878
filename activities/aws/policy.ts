import { canonical, digest } from '../../domain/json.ts';
import type { AwsPermission, Permission } from '../../domain/permission.ts';
import { covers } from './arn-pattern.ts';

/** What permissions leave open, from the configuration. */
export interface PolicyPlace {
  /** 12 digits. */
  account: string;
  region: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  partition: string;
}

export interface AllowStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string[];
  Condition?: { [operator: string]: { [key: string]: string | string[] } };
}

/** Of `Action`, or of all but `NotAction`. */
export interface DenyStatement {
  Sid: string;
  Effect: 'Deny';
  Action?: string[];
  NotAction?: string[];
  Resource: string[];
}

export type PolicyStatement = AllowStatement | DenyStatement;

export interface PolicyDocument<S extends PolicyStatement = AllowStatement> {
  Version: '2012-10-17';
  Statement: S[];
}

interface Group {
  resource: string;
  conditions: AwsPermission['conditions'];
  actions: Set<string>;
}

/**
 * The IAM policy that grants these permissions and nothing more: one statement for each resource and conditions, and no action twice where a wider resource has
 * it already. The same permissions in another order give the same document, and a new one leaves the Sids of the others alone.
 */
export function policyOf(permissions: readonly Permission[], place: PolicyPlace): PolicyDocument {
  const groups = new Map<string, Group>();
  for (const permission of permissions) {
    if (permission.system !== 'aws') continue;
    const { conditions, resources } = permission;
    for (const resource of resources) {
      const key = canonical([[resource], conditions ?? {}]);
      const group = groups.get(key) ?? { resource, conditions, actions: new Set<string>() };
      for (const action of permission.actions) group.actions.add(action);
      groups.set(key, group);
    }
  }
  for (const group of groups.values()) leaveOutWider(group, groups.values());
  const statements = [...groups]
    .filter(([, { actions }]) => actions.size > 0)
    .map(([key, { resource, conditions, actions }]): AllowStatement => {
      return {
        Sid: `Firebreak${digest(key).slice('sha256:'.length, 'sha256:'.length + 8)}`,
        Effect: 'Allow',
        Action: [...actions].toSorted(),
        Resource: [filled(resource, place)],
        ...(conditions === undefined ? {} : { Condition: conditions }),
      };
    });
  return { Version: '2012-10-17', Statement: statements.toSorted((a, b) => (a.Sid < b.Sid ? -1 : 1)) };
}

/** Takes out of a group what another grants on a resource that this one lies within, under no other conditions. */
function leaveOutWider(group: Group, all: Iterable<Group>): void {
  for (const other of all) {
    const sameWhen =
      other.conditions === undefined || canonical(other.conditions) === canonical(group.conditions ?? {});
    if (other === group || !sameWhen || !covers(other.resource, group.resource)) continue;
    for (const action of other.actions) group.actions.delete(action);
  }
}

/** A resource with its place filled in. Variables of IAM itself (`${aws:username}`) are left as they are. */
export function filled(resource: string, { account, region, partition }: PolicyPlace): string {
  return resource
    .replaceAll('${account}', account)
    .replaceAll('${region}', region)
    .replaceAll('${partition}', partition);
}
