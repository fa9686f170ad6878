import { canonical, digest } from '../../domain/json.ts';
import type { AwsPermission, Permission } from '../../domain/permission.ts';

/** What permissions leave open, from the configuration. */
export interface PolicyPlace {
  /** 12 digits. */
  account: string;
  region: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  partition: string;
}

export interface PolicyStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: string[];
  Condition?: { [operator: string]: { [key: string]: string | string[] } };
}

export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: PolicyStatement[];
}

/**
 * The IAM policy that grants these permissions and nothing more: one statement for each distinct set of resources and conditions. The same permissions in
 * another order give the same document, and a new one leaves the Sids of the others alone.
 */
export function policyOf(permissions: readonly Permission[], place: PolicyPlace): PolicyDocument {
  const groups = new Map<string, { permission: AwsPermission; actions: Set<string> }>();
  for (const permission of permissions) {
    if (permission.system !== 'aws') continue;
    const { conditions = {}, resources } = permission;
    const key = canonical([resources.toSorted(), conditions]);
    const group = groups.get(key) ?? { permission, actions: new Set<string>() };
    for (const action of permission.actions) group.actions.add(action);
    groups.set(key, group);
  }
  const statements = [...groups].map(([key, { permission, actions }]): PolicyStatement => {
    const { conditions, resources } = permission;
    return {
      Sid: `Firebreak${digest(key).slice('sha256:'.length, 'sha256:'.length + 8)}`,
      Effect: 'Allow',
      Action: [...actions].toSorted(),
      Resource: resources.map((resource) => filled(resource, place)).toSorted(),
      ...(conditions === undefined ? {} : { Condition: conditions }),
    };
  });
  return { Version: '2012-10-17', Statement: statements.toSorted((a, b) => (a.Sid < b.Sid ? -1 : 1)) };
}

/** Variables of IAM itself (`${aws:username}`) are left as they are. */
function filled(resource: string, { account, region, partition }: PolicyPlace): string {
  return resource
    .replaceAll('${account}', account)
    .replaceAll('${region}', region)
    .replaceAll('${partition}', partition);
}
