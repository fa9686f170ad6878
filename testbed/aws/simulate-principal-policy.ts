import { decide } from './authorise.ts';
import type { Decision } from './authorise.ts';
import { escapeXml } from './answers.ts';
import type { Refusal } from './answers.ts';
import { textParam } from './call.ts';
import type { Call } from './call.ts';
import type { Directory } from './directory.ts';
import type { Session } from './sessions.ts';

/**
 * IAM's SimulatePrincipalPolicy, which moto lacks: the XML of its answer. As AWS's own, it looks at policies, not at whether a key is active,
 * and takes the time of a session's issue from the context that it is given.
 */
export async function simulatePrincipalPolicy(
  call: Call,
  directory: Directory,
  accountId: string,
): Promise<string | Refusal> {
  const source = textParam(call, 'PolicySourceArn') ?? '';
  const principal = [...directory.users.values(), ...directory.roles.values()].find(
    (one) => one.arn === source,
  );
  if (principal === undefined) {
    return { code: 'NoSuchEntity', message: `No entity found for ARN ${source}`, status: 404 };
  }
  const actions = membersOf(call, 'ActionNames');
  const resources = membersOf(call, 'ResourceArns');
  const context: { [key: string]: string } = {};
  for (let index = 1; ; index++) {
    const key = textParam(call, `ContextEntries.member.${index}.ContextKeyName`);
    if (key === undefined) break;
    context[key] = textParam(call, `ContextEntries.member.${index}.ContextKeyValues.member.1`) ?? '';
  }
  const issued = context['aws:TokenIssueTime'];
  const session = issued === undefined ? undefined : sessionIssuedAt(issued, principal.name);
  const results: string[] = [];
  for (const action of actions) {
    for (const resource of resources.length === 0 ? ['*'] : resources) {
      const decision = await decide({
        caller: {
          principal,
          arn: principal.arn,
          userId: principal.id,
          ...(session === undefined ? {} : { session }),
        },
        action,
        aim: { resource, context },
        accountId,
        region: call.region,
        at: call.time,
      });
      results.push(resultXml(action, resource, decision));
    }
  }
  return `<IsTruncated>false</IsTruncated><EvaluationResults>${results.join('')}</EvaluationResults>`;
}

function sessionIssuedAt(issued: string, user: string): Session {
  return {
    accessKeyId: '',
    secretAccessKey: '',
    token: '',
    issued: new Date(issued),
    expires: new Date(8.64e15),
    of: { kind: 'user', user },
  };
}

function resultXml(action: string, resource: string, decision: Decision): string {
  const verdict = decision.allowed ? 'allowed' : decision.explicit ? 'explicitDeny' : 'implicitDeny';
  const by = decision.allowed ? [] : decision.by;
  const matched = by
    .map((id) => `<member><SourcePolicyId>${escapeXml(id)}</SourcePolicyId></member>`)
    .join('');
  return (
    `<member><EvalActionName>${escapeXml(action)}</EvalActionName><EvalResourceName>${escapeXml(resource)}</EvalResourceName>` +
    `<EvalDecision>${verdict}</EvalDecision><MatchedStatements>${matched}</MatchedStatements>` +
    `<MissingContextValues/></member>`
  );
}

function membersOf(call: Call, name: string): string[] {
  const members: string[] = [];
  for (let index = 1; ; index++) {
    const member = textParam(call, `${name}.member.${index}`);
    if (member === undefined) return members;
    members.push(member);
  }
}
