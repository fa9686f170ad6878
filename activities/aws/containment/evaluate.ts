import { SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import type { Principal, Place } from './principal.ts';

/** Of every sort that an attacker would try; each is denied when everything is. */
const sample = [
  'iam:CreateAccessKey',
  's3:GetObject',
  'secretsmanager:GetSecretValue',
  'ec2:RunInstances',
  'lambda:InvokeFunction',
  'sts:AssumeRole',
];

/**
 * What IAM's own evaluation says of a principal's policies: how many of some actions an explicit deny refuses.
 * @param issued of a session, when it was issued (RFC 3339); absent for a long-term key
 */
export async function evaluateDenied(
  { account, incident, signal }: Place,
  principal: Pick<Principal, 'arn'>,
  issued?: string,
): Promise<{ denied: number; of: number }> {
  const { iam } = account.clients(incident);
  const { EvaluationResults = [] } = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: principal.arn,
      ActionNames: sample,
      ...(issued === undefined
        ? {}
        : {
            ContextEntries: [
              { ContextKeyName: 'aws:TokenIssueTime', ContextKeyType: 'date', ContextKeyValues: [issued] },
            ],
          }),
    }),
    { abortSignal: signal },
  );
  const denied = EvaluationResults.filter(({ EvalDecision }) => EvalDecision === 'explicitDeny').length;
  return { denied, of: sample.length };
}
