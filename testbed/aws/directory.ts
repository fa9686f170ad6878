import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  ListAccessKeysCommand,
  paginateGetAccountAuthorizationDetails,
} from '@aws-sdk/client-iam';
import type {
  GroupDetail,
  IAMClient,
  ManagedPolicyDetail,
  PolicyDetail,
  Tag,
  UserDetail,
} from '@aws-sdk/client-iam';
import { setTimeout as sleep } from 'node:timers/promises';
import { sizeOf } from './quotas.ts';

export interface NamedPolicy {
  name: string;
  policy: unknown;
}

/** A user or a role with whatever decides what it may do. */
export interface Principal {
  kind: 'user' | 'role';
  name: string;
  arn: string;
  id: string;
  policies: NamedPolicy[];
  /** Sizes of its own inline policies by name. */
  inline: { [name: string]: number };
  boundary?: NamedPolicy;
  trust?: unknown;
  tags: { [key: string]: string };
}

/** The account's IAM at one time. */
export interface Directory {
  users: ReadonlyMap<string, Principal>;
  roles: ReadonlyMap<string, Principal>;
  groups: ReadonlyMap<string, string>;
  keys: ReadonlyMap<string, { user: string; active: boolean }>;
}

/** IAM as its services see it: some time after it was written, as it is with AWS. */
export class Directories {
  readonly #iam: IAMClient;
  readonly #versions: { at: number; directory: Directory }[] = [];
  readonly #awsManaged = new Map<string, NamedPolicy>();
  #reading: Promise<void> = Promise.resolve();
  #propagationMs = 0;

  constructor(iam: IAMClient) {
    this.#iam = iam;
  }

  /** Milliseconds until a write counts. What was written before counts now. */
  set propagationMs(milliseconds: number) {
    this.#propagationMs = milliseconds;
    this.#versions.splice(0, this.#versions.length, { at: -Infinity, directory: this.latest() });
  }

  /** Reads IAM anew. Called once after each write, before it is answered. */
  refresh(): Promise<void> {
    const next = this.#readAfter(this.#reading);
    // Whoever asked for it is told of its failure; those who come after are not.
    this.#reading = next.catch(() => undefined);
    return next;
  }

  async #readAfter(before: Promise<void>): Promise<void> {
    await before;
    const directory = await this.#read();
    this.#versions.push({ at: Date.now(), directory });
  }

  /** What counts now. */
  effective(): Directory {
    const due = this.#versions.findLastIndex(({ at }) => at + this.#propagationMs <= Date.now());
    if (due > 0) this.#versions.splice(0, due);
    const [first] = this.#versions;
    if (first === undefined) throw new Error('the account has not been read yet');
    return first.directory;
  }

  /** What was written last. */
  latest(): Directory {
    const last = this.#versions.at(-1);
    if (last === undefined) throw new Error('the account has not been read yet');
    return last.directory;
  }

  /** Returns once every write counts. */
  async settled(): Promise<void> {
    await this.#reading;
    const last = this.#versions.at(-1)?.at ?? -Infinity;
    await sleep(Math.max(0, last + this.#propagationMs - Date.now()));
  }

  async #read(): Promise<Directory> {
    const users: UserDetail[] = [];
    const groups: GroupDetail[] = [];
    const managed: ManagedPolicyDetail[] = [];
    const roles: Principal[] = [];
    const filter = ['User', 'Role', 'Group', 'LocalManagedPolicy'] as const;
    const pages = paginateGetAccountAuthorizationDetails({ client: this.#iam }, { Filter: [...filter] });
    for await (const page of pages) {
      users.push(...(page.UserDetailList ?? []));
      groups.push(...(page.GroupDetailList ?? []));
      managed.push(...(page.Policies ?? []));
      for (const role of page.RoleDetailList ?? []) {
        roles.push({
          kind: 'role',
          name: role.RoleName ?? '',
          arn: role.Arn ?? '',
          id: role.RoleId ?? '',
          inline: sizesOf(role.RolePolicyList),
          policies: await this.#policies(role.RolePolicyList, role.AttachedManagedPolicies, managed),
          trust: documentOf(role.AssumeRolePolicyDocument),
          tags: tagsOf(role.Tags),
        });
      }
    }
    const known = {
      users: new Map<string, Principal>(),
      keys: new Map<string, { user: string; active: boolean }>(),
    };
    for (const user of users) {
      const name = user.UserName ?? '';
      const policies = await this.#policies(user.UserPolicyList, user.AttachedManagedPolicies, managed);
      for (const group of groups.filter((one) => user.GroupList?.includes(one.GroupName ?? ''))) {
        policies.push(
          ...(await this.#policies(group.GroupPolicyList, group.AttachedManagedPolicies, managed)),
        );
      }
      known.users.set(name, {
        kind: 'user',
        name,
        arn: user.Arn ?? '',
        id: user.UserId ?? '',
        inline: sizesOf(user.UserPolicyList),
        policies,
        tags: tagsOf(user.Tags),
      });
      const keys = await this.#iam.send(new ListAccessKeysCommand({ UserName: name }));
      for (const key of keys.AccessKeyMetadata ?? []) {
        known.keys.set(key.AccessKeyId ?? '', { user: name, active: key.Status === 'Active' });
      }
    }
    for (const role of roles) await this.#addBoundary(role, managed);
    return {
      ...known,
      roles: new Map(roles.map((role) => [role.name, role])),
      groups: new Map(groups.map((group) => [group.GroupName ?? '', group.Arn ?? ''])),
    };
  }

  /** moto leaves boundaries out of the account's details, and has none for users. */
  async #addBoundary(role: Principal, managed: readonly ManagedPolicyDetail[]): Promise<void> {
    const { Role } = await this.#iam.send(new GetRoleCommand({ RoleName: role.name }));
    const arn = Role?.PermissionsBoundary?.PermissionsBoundaryArn;
    if (arn !== undefined) role.boundary = await this.#managed(arn, managed);
  }

  async #policies(
    inline: readonly PolicyDetail[] = [],
    attached: readonly { PolicyArn?: string | undefined }[] = [],
    managed: readonly ManagedPolicyDetail[] = [],
  ): Promise<NamedPolicy[]> {
    const own = inline.map((one) => ({ name: one.PolicyName ?? '', policy: documentOf(one.PolicyDocument) }));
    return [
      ...own,
      ...(await Promise.all(attached.map((one) => this.#managed(one.PolicyArn ?? '', managed)))),
    ];
  }

  async #managed(arn: string, local: readonly ManagedPolicyDetail[]): Promise<NamedPolicy> {
    const found = local.find((one) => one.Arn === arn);
    if (found !== undefined) {
      const version = found.PolicyVersionList?.find((one) => one.IsDefaultVersion === true);
      return { name: arn, policy: documentOf(version?.Document) };
    }
    const known = this.#awsManaged.get(arn);
    if (known !== undefined) return known;
    const { Policy } = await this.#iam.send(new GetPolicyCommand({ PolicyArn: arn }));
    const { PolicyVersion } = await this.#iam.send(
      new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: Policy?.DefaultVersionId ?? 'v1' }),
    );
    const named = { name: arn, policy: documentOf(PolicyVersion?.Document) };
    if (arn.includes(':iam::aws:')) this.#awsManaged.set(arn, named);
    return named;
  }
}

function tagsOf(tags: readonly Tag[] = []): { [key: string]: string } {
  return Object.fromEntries(tags.map(({ Key = '', Value = '' }) => [Key, Value]));
}

function sizesOf(policies: readonly PolicyDetail[] = []): { [name: string]: number } {
  return Object.fromEntries(
    policies.map((one) => [one.PolicyName ?? '', sizeOf(decodeURIComponent(one.PolicyDocument ?? ''))]),
  );
}

/** IAM sends documents as JSON, escaped for a URL. */
export function documentOf(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text.startsWith('%') ? decodeURIComponent(text) : text);
}
