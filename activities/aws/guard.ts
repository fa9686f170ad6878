import type { DenyStatement } from './policy.ts';

/** What the engine must not touch, whatever else allows it. ARNs; a `*` stands for any text. */
export interface Guarded {
  /** Its own roles and users. */
  engine: readonly string[];
  /** Its own policies and its boundary. */
  policies: readonly string[];
  breakGlass: readonly string[];
  /** The bucket of the evidence, and the key that encrypts it. */
  evidence: readonly string[];
}

/** A plan reads what it then refuses to touch, and says why. */
const reads = ['iam:Get*', 'iam:List*', 'iam:SimulatePrincipalPolicy', 'lambda:Get*', 'lambda:List*'];

/** Whoever may do these can stop or blind the trail. */
const trail = [
  'cloudtrail:DeleteEventDataStore',
  'cloudtrail:DeleteTrail',
  'cloudtrail:PutEventSelectors',
  'cloudtrail:PutInsightSelectors',
  'cloudtrail:StopEventDataStoreIngestion',
  'cloudtrail:StopLogging',
  'cloudtrail:UpdateEventDataStore',
  'cloudtrail:UpdateTrail',
];

/** Root itself is no resource that a policy may name; these open a session of it, or change what it and the account are. */
const root = [
  'account:*',
  'iam:DisableOrganizationsRootCredentialsManagement',
  'iam:DisableOrganizationsRootSessions',
  'iam:EnableOrganizationsRootCredentialsManagement',
  'iam:EnableOrganizationsRootSessions',
  'sts:AssumeRoot',
];

/** Explicit denies: they beat every allow, in whichever policy of the engine somebody adds one. A wildcard here denies more, and grants nothing. */
export function guardOf({ engine, policies, breakGlass, evidence }: Guarded): DenyStatement[] {
  // IAM takes no policy that names root.
  const named = breakGlass.filter((arn) => !arn.endsWith(':root'));
  return [
    deny('Itself', { NotAction: reads }, [...engine, ...policies]),
    ...(named.length === 0 ? [] : [deny('BreakGlass', { NotAction: reads }, named)]),
    deny('Root', { Action: root }, ['*']),
    deny('Organizations', { Action: ['organizations:*'] }, ['*']),
    deny('Trail', { Action: trail }, ['*']),
    deny('PassRole', { Action: ['iam:PassRole'] }, ['*']),
    ...(evidence.length === 0
      ? []
      : [deny('Evidence', { Action: ['kms:*', 's3:*'] }, evidence.flatMap(withObjects))]),
  ];
}

function deny(
  name: string,
  what: Pick<DenyStatement, 'Action' | 'NotAction'>,
  resources: readonly string[],
): DenyStatement {
  const Resource = [...new Set(resources)].toSorted();
  return { Sid: `FirebreakDeny${name}`, Effect: 'Deny', ...what, Resource };
}

/** A bucket, and all that lies in it. */
function withObjects(arn: string): string[] {
  return /^arn:[^:]+:s3:::[^/]+$/.test(arn) ? [arn, `${arn}/*`] : [arn];
}
