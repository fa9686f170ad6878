import {
  DeleteRolePolicyCommand,
  DeleteUserPolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserPolicyCommand,
  ListAccessKeysCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import type { Change } from '../../../domain/action.ts';
import { isAwsError } from '../errors.ts';
import { cutOffOf, denyAssuming, denyEverything, isSameDocument } from './documents.ts';
import type { Place, Principal } from './principal.ts';

/** A policy's JSON as IAM gives it, or a key's status; null when there is none. */
export type State = string | null;

/** One thing in IAM that a containment sets, and its release puts back. */
export interface Item {
  /** What it is in snapshots, boundaries and messages: `user policy firebreak-deny`. */
  key: string;
  object: Change['object'];
  /** What setting it does, for a person. */
  summary: string;
  /** Whether only we write what is `ours`: then it tells that the target is held. */
  marked: boolean;
  read(): Promise<State>;
  /** Whether it is as this containment wants it. */
  stands(state: State): boolean;
  /** Whether it is as some containment of ours wants it. */
  ours(state: State): boolean;
  same(one: State, other: State): boolean;
  set(): Promise<void>;
  restore(base: State): Promise<void>;
  /** Inline policies beside it, which may go where IAM's quota leaves it no room: it denies everything, so they allow nothing any more. */
  others?(): Promise<Item[]>;
}

const apiVersion = 'iam.amazonaws.com/2010-05-08';

function sameState(one: State, other: State): boolean {
  return one === null || other === null ? one === other : isSameDocument(one, other);
}

/** An inline policy of ours on a user or a role. */
export function inlinePolicy(
  place: Place,
  principal: Pick<Principal, 'kind' | 'name'>,
  policy: { name: string; document: string; summary: string },
): Item {
  const { kind, name } = principal;
  const { iam } = place.account.clients(place.incident);
  const options = { abortSignal: place.signal };
  const user = { UserName: name, PolicyName: policy.name };
  const role = { RoleName: name, PolicyName: policy.name };

  async function put(PolicyDocument: string): Promise<void> {
    if (kind === 'user') await iam.send(new PutUserPolicyCommand({ ...user, PolicyDocument }), options);
    else await iam.send(new PutRolePolicyCommand({ ...role, PolicyDocument }), options);
  }

  async function remove(): Promise<void> {
    try {
      if (kind === 'user') await iam.send(new DeleteUserPolicyCommand(user), options);
      else await iam.send(new DeleteRolePolicyCommand(role), options);
    } catch (error) {
      // Gone already: by the first of two sendings, or by a person.
      if (!isAwsError(error, 'gone')) throw error;
    }
  }

  async function others(): Promise<Item[]> {
    const names =
      kind === 'user'
        ? await iam
            .send(new ListUserPoliciesCommand({ UserName: name }), options)
            .then(({ PolicyNames = [] }) => PolicyNames)
        : await iam
            .send(new ListRolePoliciesCommand({ RoleName: name }), options)
            .then(({ PolicyNames = [] }) => PolicyNames);
    // Those of other holds stay.
    return names
      .filter((one) => one !== policy.name && !one.startsWith('firebreak-'))
      .map((one) => namedPolicy(place, principal, one));
  }

  const wanted = cutOffOf(policy.document);
  return {
    key: `${kind} policy ${policy.name}`,
    object: {
      apiVersion,
      kind: kind === 'user' ? 'UserPolicy' : 'RolePolicy',
      name: `${name}/${policy.name}`,
    },
    summary: policy.summary,
    marked: true,
    async read() {
      try {
        const { PolicyDocument } =
          kind === 'user'
            ? await iam.send(new GetUserPolicyCommand(user), options)
            : await iam.send(new GetRolePolicyCommand(role), options);
        return decoded(PolicyDocument);
      } catch (error) {
        if (isAwsError(error, 'gone')) return null;
        throw error;
      }
    },
    // A later cut-off, of another incident under the same hold, denies all that ours does.
    stands: (state) =>
      state !== null &&
      (wanted === undefined ? isSameDocument(state, policy.document) : (cutOffOf(state) ?? '') >= wanted),
    ours: (state) =>
      state !== null &&
      (wanted === undefined ? isSameDocument(state, policy.document) : cutOffOf(state) !== undefined),
    same: sameState,
    set: () => put(policy.document),
    restore: (base) => (base === null ? remove() : put(base)),
    ...(policy.document === denyEverything ? { others } : {}),
  };
}

/** An inline policy of somebody's, by its name. */
export function namedPolicy(place: Place, principal: Pick<Principal, 'kind' | 'name'>, name: string): Item {
  const summary = "removed: IAM's quota left the denial no room beside it";
  return inlinePolicy(place, principal, { name, document: '', summary });
}

/** A role's trust policy: who may assume it. */
export function trustPolicy(place: Place, name: string): Item {
  const { iam } = place.account.clients(place.incident);
  const options = { abortSignal: place.signal };
  const put = async (PolicyDocument: string) => {
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: name, PolicyDocument }), options);
  };
  return {
    key: 'trust policy',
    object: { apiVersion, kind: 'TrustPolicy', name },
    summary: 'lets nobody assume the role: no person, no workload, no service',
    marked: true,
    async read() {
      const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }), options);
      return decoded(Role?.AssumeRolePolicyDocument);
    },
    stands: (state) => sameState(state, denyAssuming),
    ours: (state) => sameState(state, denyAssuming),
    same: sameState,
    set: () => put(denyAssuming),
    // A role cannot be without one: null is of no snapshot.
    restore: (base) => (base === null ? Promise.resolve() : put(base)),
  };
}

/** A long-term key's status: `Active` or `Inactive`. A key that was deleted needs no more. */
export function keyStatus(place: Place, user: string, accessKeyId: string): Item {
  const { iam } = place.account.clients(place.incident);
  const options = { abortSignal: place.signal };
  const update = async (Status: 'Active' | 'Inactive') => {
    await iam.send(new UpdateAccessKeyCommand({ UserName: user, AccessKeyId: accessKeyId, Status }), options);
  };
  return {
    key: `access key ${accessKeyId}`,
    object: { apiVersion, kind: 'AccessKey', name: `${user}/${accessKeyId}` },
    summary: 'makes the key Inactive: AWS takes no call that is signed with it',
    marked: false,
    async read() {
      const { AccessKeyMetadata = [] } = await iam.send(
        new ListAccessKeysCommand({ UserName: user }),
        options,
      );
      return AccessKeyMetadata.find((key) => key.AccessKeyId === accessKeyId)?.Status ?? null;
    },
    stands: (state) => state !== 'Active',
    ours: (state) => state === 'Inactive',
    same: (one, other) => one === other,
    set: () => update('Inactive'),
    restore: (base) => (base === 'Active' ? update('Active') : Promise.resolve()),
  };
}

/** IAM sends documents escaped as in a URL. */
function decoded(document: string | undefined): State {
  return document === undefined ? null : decodeURIComponent(document);
}
