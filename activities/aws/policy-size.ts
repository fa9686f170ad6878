import type { AllowStatement, PolicyDocument, PolicyStatement } from './policy.ts';

/** Characters of a managed policy, whitespace not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const MANAGED_POLICY_CHARACTERS = 6_144;
/** Managed policies that may be attached to a role, unless AWS raised the quota. */
export const MANAGED_POLICIES_A_ROLE = 10;

/** As IAM counts it. */
export function sizeOf(document: PolicyDocument<PolicyStatement>): number {
  return JSON.stringify(document).replaceAll(/\s/g, '').length;
}

function documentOf(Statement: AllowStatement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement };
}

/**
 * The same rights in as many documents as it takes for each to fit. A statement that is too long for one is divided by its actions.
 * None for a document without statements.
 * @throws RangeError when one action on its resources does not fit
 */
export function splitPolicy(document: PolicyDocument, limit = MANAGED_POLICY_CHARACTERS): PolicyDocument[] {
  const documents: PolicyDocument[] = [];
  for (const statement of document.Statement.flatMap((one) => fitting(one, limit))) {
    const last = documents.at(-1);
    const longer = last === undefined ? undefined : documentOf([...last.Statement, statement]);
    if (longer !== undefined && sizeOf(longer) <= limit) documents[documents.length - 1] = longer;
    else documents.push(documentOf([statement]));
  }
  return documents;
}

function fitting(statement: AllowStatement, limit: number): AllowStatement[] {
  if (sizeOf(documentOf([statement])) <= limit) return [statement];
  const { Sid, Action } = statement;
  const middle = Math.ceil(Action.length / 2);
  if (middle === Action.length) throw new RangeError(`statement ${Sid} does not fit into a policy of IAM`);
  return [
    ...fitting({ ...statement, Sid: `${Sid}a`, Action: Action.slice(0, middle) }, limit),
    ...fitting({ ...statement, Sid: `${Sid}b`, Action: Action.slice(middle) }, limit),
  ];
}
