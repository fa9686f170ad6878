import { runSimulation, runUnsafeSimulation } from '@cloud-copilot/iam-simulate';
import type { Caller } from './sessions.ts';
import type { Aim } from './resources.ts';

export type Decision = { allowed: true } | { allowed: false; explicit: boolean; why: string; by: string[] };

export interface Question {
  caller: Caller;
  /** `iam:UpdateAccessKey`. */
  action: string;
  aim: Aim;
  accountId: string;
  region: string;
  at: Date;
}

const explicitly = 'with an explicit deny in a policy';
const implicitly = (action: string) => `because no identity-based policy allows the ${action} action`;

/** Whether the caller's policies, boundary and session, and the trust policy of a role to be assumed, allow the action: by iam-simulate. */
export async function decide({ caller, action, aim, accountId, region, at }: Question): Promise<Decision> {
  const { principal, session } = caller;
  const contextVariables: { [key: string]: string } = {
    'aws:PrincipalArn': principal.arn,
    'aws:PrincipalAccount': accountId,
    'aws:PrincipalType': principal.kind === 'user' ? 'User' : 'AssumedRole',
    'aws:userid': caller.userId,
    'aws:CurrentTime': at.toISOString(),
    'aws:EpochTime': String(Math.floor(at.getTime() / 1000)),
    'aws:SourceIp': '127.0.0.1',
    'aws:SecureTransport': 'false',
    'aws:RequestedRegion': region,
    ...aim.context,
  };
  if (principal.kind === 'user') contextVariables['aws:username'] = principal.name;
  for (const [key, value] of Object.entries(principal.tags))
    contextVariables[`aws:PrincipalTag/${key}`] = value;
  if (session !== undefined) contextVariables['aws:TokenIssueTime'] = wholeSeconds(session.issued);
  const simulation = {
    request: {
      principal: caller.arn,
      action,
      resource: { resource: aim.resource, accountId },
      contextVariables,
    },
    identityPolicies: principal.policies,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(principal.boundary === undefined ? {} : { permissionBoundaryPolicies: [principal.boundary] }),
    ...(session?.policy === undefined ? {} : { sessionPolicy: session.policy }),
    ...(aim.trust === undefined ? {} : { resourcePolicy: aim.trust }),
  };
  const result = await runSimulation(simulation, {});
  if (result.resultType === 'error') {
    // An alias of a function and a version of it look the same: iam-simulate judges them only without telling which it is.
    if (result.errors.message === 'multiple.resource.types' && session?.policy === undefined) {
      const judged = runUnsafeSimulation(simulation, {});
      if (judged === 'Allowed') return { allowed: true };
      const explicit = judged === 'ExplicitlyDenied';
      const why = explicit ? explicitly : implicitly(action);
      return { allowed: false, explicit, why, by: [] };
    }
    const why = `the testbed cannot judge it: ${JSON.stringify(result.errors)}`;
    return { allowed: false, explicit: false, why, by: [] };
  }
  if (result.overallResult === 'Allowed') return { allowed: true };
  const explicit = result.overallResult === 'ExplicitlyDenied';
  const analyses =
    result.resultType === 'single' ? [result.result.analysis] : result.results.map((one) => one.analysis);
  const by = analyses.flatMap(({ identityAnalysis }) =>
    (identityAnalysis?.denyStatements ?? []).map((statement) => statement.policyId ?? ''),
  );
  const why = explicit ? explicitly : implicitly(action);
  return { allowed: false, explicit, why, by };
}

/** AWS keeps the time of a token's issue in whole seconds. */
function wholeSeconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
