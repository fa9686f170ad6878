import type { AwsPermission } from '../../domain/permission.ts';
import { guardOf } from './guard.ts';
import { narrowToManaged, wildcardsOf, type Wildcard } from './narrow.ts';
import {
  policyOf,
  type AllowStatement,
  type PolicyDocument,
  type PolicyPlace,
  type PolicyStatement,
} from './policy.ts';
import { MANAGED_POLICIES_A_ROLE, MANAGED_POLICY_CHARACTERS, sizeOf, splitPolicy } from './policy-size.ts';

/** What of an account's configuration its rights follow from. */
export interface RightsPlace extends PolicyPlace {
  /** As configured. */
  name: string;
  /** ARN of the role that the engine assumes there, or of the user that it is; undefined: not known. */
  engine?: string;
  breakGlass: readonly string[];
  managed: readonly string[];
  evidence: readonly string[];
}

export interface NamedPolicy<S extends PolicyStatement = PolicyStatement> {
  name: string;
  document: PolicyDocument<S>;
}

/** The IAM policies of the engine in one account. All are customer-managed policies. */
export interface AccountRights {
  account: string;
  id: string;
  engine?: string;
  /** What it may do: attach all of them. */
  policies: NamedPolicy<AllowStatement>[];
  /** What it must not do, whatever else allows it: attach it too. */
  guard: NamedPolicy;
  /** Set it as the permissions boundary: whatever is attached later grants no more than this. */
  boundary: NamedPolicy;
  /** To whom its own identity is: lets it assume the role, and nothing else. Absent where it assumes none. */
  assume?: NamedPolicy;
  wildcards: Wildcard[];
  notes: string[];
}

const base = 'firebreak-engine';

/**
 * The rights that permissions come to in an account.
 * @param permissions narrowed by what their playbooks say already
 */
export function rightsOf(place: RightsPlace, permissions: readonly AwsPermission[]): AccountRights {
  const { name, account, partition, engine, managed } = place;
  const allowed = policyOf(narrowToManaged(permissions, place, managed), place);
  const parts = splitPolicy(allowed);
  const notes: string[] = [];
  if (engine === undefined) {
    notes.push(
      `who the engine is in this account is not configured, so that it is not denied to change itself: set accounts.${name}.role or accounts.${name}.principal`,
    );
  }
  if (parts.length > 1) {
    notes.push(
      `the policy is longer than the ${MANAGED_POLICY_CHARACTERS} characters of a managed policy: it is in ${parts.length} parts, to be attached together`,
    );
  }
  if (parts.length + 1 > MANAGED_POLICIES_A_ROLE) {
    notes.push(
      `a role takes ${MANAGED_POLICIES_A_ROLE} managed policies: choose fewer playbooks, or ask AWS for a higher quota`,
    );
  }
  const guard = guardOf({
    engine: engine === undefined ? [] : [engine],
    policies: [`arn:${partition}:iam::${account}:policy/${base}*`],
    breakGlass: place.breakGlass,
    evidence: place.evidence,
  });
  const exact = documentOf<PolicyStatement>([...allowed.Statement, ...guard]);
  const isExact = sizeOf(exact) <= MANAGED_POLICY_CHARACTERS;
  const boundary = isExact ? exact : documentOf<PolicyStatement>([...coarse(allowed), ...guard]);
  if (!isExact) {
    notes.push(
      'the boundary has one policy to fit into: it limits the actions, and leaves the resources to the policies; the denies are in it all the same',
    );
  }
  if (sizeOf(boundary) > MANAGED_POLICY_CHARACTERS) {
    notes.push(
      `the boundary is longer than IAM takes: choose fewer playbooks, or shorten accounts.${name}.breakGlass`,
    );
  }
  return {
    account: name,
    id: account,
    ...(engine === undefined ? {} : { engine }),
    policies: parts.map((document, index) => ({
      name: index === 0 ? base : `${base}-${index + 1}`,
      document,
    })),
    guard: { name: `${base}-guard`, document: documentOf(guard) },
    boundary: { name: `${base}-boundary`, document: boundary },
    ...(engine?.includes(':role/') === true ? { assume: assumeOf(engine) } : {}),
    wildcards: wildcardsOf(allowed, managed, `accounts.${name}.managed`),
    notes,
  };
}

function documentOf<S extends PolicyStatement>(Statement: S[]): PolicyDocument<S> {
  return { Version: '2012-10-17', Statement };
}

/** The actions alone. */
function coarse({ Statement }: PolicyDocument): AllowStatement[] {
  const Action = [...new Set(Statement.flatMap((statement) => statement.Action))].toSorted();
  return [{ Sid: 'FirebreakBoundary', Effect: 'Allow', Action, Resource: ['*'] }];
}

function assumeOf(role: string): NamedPolicy {
  const statement: AllowStatement = {
    Sid: 'FirebreakAssume',
    Effect: 'Allow',
    Action: ['sts:AssumeRole'],
    Resource: [role],
  };
  return { name: `${base}-assume`, document: documentOf<PolicyStatement>([statement]) };
}
